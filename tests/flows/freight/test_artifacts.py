"""Freight of what further kinds of subscriptions found."""

import pytest

from blocks.errors import Invalid
from flows.freight.assemble import Incomplete, assemble
from flows.freight.criteria import criteria_satisfied
from flows.freight.describe import change_table, one_line
from flows.freight.functions import freight_functions
from flows.freight.identity import canonical
from flows.warehouse.model import WarehouseSpec

SPEC = WarehouseSpec.model_validate(
    {
        "subscriptions": [
            {"name": "cli", "github-release": {"config": {}}},
            {"name": "web", "npm": {}},
            {"image": {"repoURL": "ghcr.io/acme/app"}},
        ]
    }
)


def reference(name, version, **more):
    """An artifact as discovery tells of it."""
    return {"artifactType": "npm", "subscriptionName": name, "version": version, **more}


CLI = reference("cli", "v1.2.0", metadata={"commit": "c0ffee", "assets": [{"url": "https://x/cli"}]})
DISCOVERED = {
    "images": [{"repoURL": "ghcr.io/acme/app", "references": [{"tag": "1.2.0", "digest": "sha256:01"}]}],
    "results": [
        {"name": "web", "artifactReferences": [reference("web", "7.0.1"), reference("web", "7.0.0")]},
        {"name": "cli", "artifactReferences": [CLI]},
    ],
}


def test_the_best_of_each():
    """Each subscription finds its own by its name, whatever the order; what an artifact lacks is left out."""
    content = assemble(SPEC, DISCOVERED)
    assert content["artifacts"] == [CLI, reference("web", "7.0.1")]
    assert canonical("main", content) == (
        "Warehouse/main:ghcr.io/acme/app:1.2.0@sha256:01|npm:cli:v1.2.0|npm:web:7.0.1"
    )
    assert one_line(content) == "app:1.2.0, cli:v1.2.0, web:7.0.1"


@pytest.mark.parametrize(
    "results", [[], [{"name": "cli", "artifactReferences": []}], [{"name": "other", "artifactReferences": [CLI]}]]
)
def test_nothing_found(results):
    """The subscription is named, and there is no Freight."""
    found = assemble(SPEC, DISCOVERED | {"results": results})
    assert isinstance(found, Incomplete)
    assert found.sentence == "github-release subscription 'cli' found nothing, so there is no Freight"


def test_what_changes():
    """A promotion shows versions by subscription."""
    before = assemble(SPEC, DISCOVERED)
    after = before | {"artifacts": [reference("cli", "v1.3.0")]}
    assert "| cli | v1.2.0 | v1.3.0 | changes |" in change_table(before, after)


@pytest.mark.parametrize(
    ("expression", "satisfied"),
    [
        ("artifactFrom('cli').Version == 'v1.2.0'", True),
        ("artifactFrom('cli').Metadata.assets[0].url == 'https://x/cli'", True),
        ("artifactFrom('cli').Version == 'v' + imageFrom('ghcr.io/acme/app').Tag", True),
        ("artifactFrom('web').ArtifactType == 'npm' && artifactFrom('web').SubscriptionName == 'web'", True),
        ("artifactFrom('web').Metadata.commit == 'c0ffee'", False),
        ("artifactFrom('none') == nil", True),
    ],
)
def test_criteria(expression, satisfied):
    """Criteria see the best artifact of a subscription; what is not there is nil."""
    verdict = criteria_satisfied(expression, DISCOVERED)
    assert (verdict.satisfied, verdict.error) == (satisfied, False)


def test_criteria_of_what_found_nothing():
    """A subscription without a result is nil as well."""
    nothing = {"results": [{"name": "cli", "artifactReferences": []}]}
    assert criteria_satisfied("artifactFrom('cli') == nil", nothing).satisfied


def test_expressions_of_promotions():
    """By subscription; the same name in several Warehouses has to be told apart."""
    content = assemble(SPEC, DISCOVERED)["artifacts"]
    artifacts = [{**each, "origin": origin} for origin in ("main", "other") for each in content]
    functions = freight_functions(artifacts=artifacts)
    with pytest.raises(Invalid, match="main, other"):
        functions["artifactFrom"]("cli")
    found = functions["artifactFrom"]("cli", functions["warehouse"]("other"))
    assert (found["Version"], found["Metadata"]["commit"]) == ("v1.2.0", "c0ffee")
