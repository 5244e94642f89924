"""Expressions find the artifacts of a Freight collection."""

import pytest

from blocks.errors import Invalid
from flows.expression.errors import ExpressionError
from flows.expression.evaluation import evaluate
from flows.freight.functions import freight_functions, warehouse
from flows.freight.watched import Watched
from flows.warehouse.model import Subscription

GIT, IMAGE, CHARTS = "https://git.example.com/x/app.git", "ghcr.io/x/app", "https://charts.example.com"
FUNCTIONS = freight_functions(
    commits=[{"repoURL": GIT, "id": "c0ffee", "branch": "main", "author": "Ada", "origin": "main"}],
    images=[
        {"repoURL": IMAGE, "tag": "1.2.0", "digest": "sha256:aa", "origin": "main"},
        {"repoURL": "nginx", "tag": "1.27", "annotations": {"a": "b"}, "origin": "main"},
        {"repoURL": "nginx", "tag": "1.26", "origin": "edge"},
    ],
    charts=[
        {"repoURL": CHARTS, "name": "web", "version": "1.0.0", "origin": "main"},
        {"repoURL": CHARTS, "name": "db", "version": "2.0.0", "origin": "main"},
        {"repoURL": "oci://ghcr.io/x/chart", "version": "3.0.0", "origin": "main"},
    ],
    artifacts=[
        {"subscriptionName": "model", "artifactType": "oci", "version": "7", "metadata": {"k": 1}, "origin": "main"}
    ],
)


@pytest.mark.parametrize(
    ("function", "arguments", "field", "expected"),
    [
        ("commitFrom", [GIT], "ID", "c0ffee"),
        ("commitFrom", ["https://GIT.example.com/x/app"], "Branch", "main"),
        ("commitFrom", [GIT], "Author", "Ada"),
        ("commitFrom", [GIT], "Tag", ""),
        ("imageFrom", [IMAGE], "Tag", "1.2.0"),
        ("imageFrom", [IMAGE], "Annotations", {}),
        ("imageFrom", ["nginx", warehouse("edge")], "Tag", "1.26"),
        ("imageFrom", ["docker.io/library/nginx", warehouse("main")], "Annotations", {"a": "b"}),
        ("chartFrom", [CHARTS, "db"], "Version", "2.0.0"),
        ("chartFrom", [CHARTS, "web", warehouse("main")], "Name", "web"),
        ("chartFrom", ["oci://ghcr.io/x/chart"], "Version", "3.0.0"),
        ("chartFrom", ["oci://ghcr.io/x/chart", warehouse("main")], "Version", "3.0.0"),
        ("artifactFrom", ["model"], "Version", "7"),
        ("artifactFrom", ["model"], "Metadata", {"k": 1}),
    ],
)
def test_found(function, arguments, field, expected):
    """An artifact is found under any spelling of its repository, and its fields are capitalised."""
    assert FUNCTIONS[function](*arguments)[field] == expected


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("commitFrom", ["https://git.example.com/other"]),
        ("imageFrom", [IMAGE, warehouse("edge")]),
        ("chartFrom", [CHARTS]),
        ("chartFrom", [CHARTS, "none"]),
        ("artifactFrom", ["none"]),
    ],
)
def test_missing(function, arguments):
    """What is not in the collection is nil."""
    assert FUNCTIONS[function](*arguments) is None


@pytest.mark.parametrize(
    ("function", "arguments", "said"),
    [
        ("imageFrom", ["nginx"], "comes from Warehouses edge, main"),
        ("imageFrom", ["nginx", "edge"], "warehouse("),
        ("warehouse", [""], "needs the name"),
        ("chartFrom", [CHARTS, warehouse("main"), "web"], "chartFrom takes"),
    ],
)
def test_refused(function, arguments, said):
    """Several Warehouses without a choice, and arguments that make no sense, are errors."""
    with pytest.raises(Invalid, match=said.replace("(", r"\(")):
        FUNCTIONS[function](*arguments)


def watching(**warehouses):
    """What Warehouses subscribe to."""
    return Watched({name: [Subscription.model_validate(each) for each in some] for name, some in warehouses.items()})


WATCHED = watching(
    first=[
        {"git": {"repoURL": GIT}},
        {"image": {"repoURL": IMAGE}},
        {"chart": {"repoURL": CHARTS, "name": "web"}},
        {"name": "model", "registry-feed": {}},
    ],
    second=[
        {"git": {"repoURL": "https://GIT.example.com/x/app"}},
        {"image": {"repoURL": IMAGE}},
        {"chart": {"repoURL": CHARTS, "name": "db"}},
        {"name": "model", "registry-feed": {}},
    ],
)
BROUGHT = {
    "commits": [{"repoURL": GIT, "id": "c0ffee", "origin": "first"}],
    "images": [{"repoURL": IMAGE, "tag": "1.2.0", "origin": "first"}, {"repoURL": "gone", "tag": "1", "origin": "old"}],
    "charts": [{"repoURL": CHARTS, "name": "web", "version": "1.0.0", "origin": "first"}],
    "artifacts": [{"subscriptionName": "model", "version": "7", "origin": "first"}],
}


@pytest.mark.parametrize(
    ("function", "arguments"), [("commitFrom", [GIT]), ("imageFrom", [IMAGE]), ("artifactFrom", ["model"])]
)
def test_ambiguous_before_the_second_has_come(function, arguments):
    """What two Warehouses watch that the Stage asks for is ambiguous, also while only one has brought Freight."""
    functions = freight_functions(**BROUGHT, watched=WATCHED)
    with pytest.raises(Invalid, match="comes from Warehouses first, second"):
        functions[function](*arguments)
    assert functions[function](*arguments, warehouse("first"))
    assert functions[function](*arguments, warehouse("second")) is None


def test_clear_where_one_watches():
    """What one Warehouse watches, or none any more, needs no choice."""
    functions = freight_functions(**BROUGHT, watched=WATCHED)
    assert functions["chartFrom"](CHARTS, "web")["Version"] == "1.0.0"
    assert functions["chartFrom"](CHARTS, "db") is None
    assert functions["imageFrom"]("gone")["Tag"] == "1"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("image.Tag", "1.2.0"),
        ("image?.Tag", "1.2.0"),
        ("image['Digest']", ""),
        ("'Tag' in image", True),
        ("'tag' in image", False),
        ("get(image, 'tag')", None),
        ("image == image", True),
        ("image.Annotations.missing", None),
        ("toJSON(image)", f'{{\n  "repoURL": "{IMAGE}",\n  "tag": "1.2.0"\n}}'),
        ("toJSON([commit])", f'[\n  {{\n    "repoURL": "{GIT}",\n    "id": "c0ffee"\n  }}\n]'),
        ("commit.Tag ?? 'none'", ""),
    ],
)
def test_what_is_found_has_its_fields(expression, value):
    """In JSON they have their names there, and what is empty is left out."""
    assert evaluate(expression, _found()) == value


@pytest.mark.parametrize(
    "expression", ["image.tag", "image?.tag", "image['tag']", "image.tag ?? 'none'", "commit.Digest"]
)
def test_a_misspelt_field_is_no_nil(expression):
    """It would be written as null, or be passed over by ??."""
    with pytest.raises(ExpressionError, match=r"From gives has no field '(tag|Digest)': it has RepoURL, "):
        evaluate(expression, _found())


def _found():
    functions = freight_functions(**BROUGHT)
    return {"image": functions["imageFrom"](IMAGE), "commit": functions["commitFrom"](GIT)}
