"""From discovered artifacts to Freight content."""

import pytest

from flows.freight.assemble import Incomplete, assemble
from flows.warehouse.model import WarehouseSpec

GIT = {"repoURL": "https://git.example.com/acme/config"}
IMAGE = {"repoURL": "ghcr.io/acme/app"}
CHART = {"repoURL": "https://charts.example.com", "name": "app"}
COMMIT = {
    "id": "3f78",
    "branch": "main",
    "subject": "feat: pods",
    "author": "Ana",
    "committer": "Bo",
    "creatorDate": "2025-06-01T12:00:00Z",
}
REFERENCE = {"tag": "1.2.3", "digest": "sha256:01", "createdAt": "2025-06-01T12:00:00Z"}
NOTED = REFERENCE | {"annotations": {"a": "b"}}


def spec(*subscriptions):
    """A Warehouse with these subscriptions."""
    return WarehouseSpec.model_validate({"subscriptions": list(subscriptions)})


FULL = spec({"git": GIT}, {"image": IMAGE, "name": "app"}, {"chart": CHART})
DISCOVERED = {
    "discoveredAt": "2025-06-02T00:00:00Z",
    "git": [GIT | {"commits": [COMMIT, COMMIT | {"id": "older"}]}],
    "images": [IMAGE | {"references": [NOTED]}],
    "charts": [CHART | {"versions": ["0.4.1", "0.4.0"]}],
}


def test_the_first_of_each():
    """Freight holds the best result of every subscription, in Freight's words, and nothing empty."""
    assert assemble(FULL, DISCOVERED) == {
        "commits": [
            GIT | {"id": "3f78", "branch": "main", "message": "feat: pods", "author": "Ana", "committer": "Bo"}
        ],
        "images": [
            IMAGE | {"tag": "1.2.3", "digest": "sha256:01", "annotations": {"a": "b"}, "subscriptionName": "app"}
        ],
        "charts": [CHART | {"version": "0.4.1"}],
    }


@pytest.mark.parametrize(
    ("wanted", "discovered", "sentence"),
    [
        pytest.param(
            spec({"image": IMAGE, "name": "app"}),
            {"images": [IMAGE | {"references": []}]},
            "subscription 'app' to images of ghcr.io/acme/app found nothing, so there is no Freight",
            id="no-image",
        ),
        pytest.param(
            spec({"image": IMAGE}, {"git": GIT}),
            {"images": [IMAGE | {"references": [REFERENCE]}]},
            "the subscription to git of https://git.example.com/acme/config found nothing, so there is no Freight",
            id="never-discovered",
        ),
        pytest.param(
            spec({"chart": CHART}),
            {"charts": [CHART | {"name": "other", "versions": ["1.0.0"]}]},
            "the subscription to charts of https://charts.example.com chart 'app' found nothing, "
            "so there is no Freight",
            id="another-chart",
        ),
    ],
)
def test_incomplete(wanted, discovered, sentence):
    """A subscription that found nothing is named."""
    found = assemble(wanted, discovered)
    assert isinstance(found, Incomplete)
    assert found.sentence == sentence
