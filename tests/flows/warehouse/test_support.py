"""What a Warehouse may not say here."""

import pytest

from flows.warehouse.model import WarehouseSpec
from flows.warehouse.support import unsupported

HTTPS = "https://git.example.com/acme/config"


def problems(*subscriptions):
    """The problems of a Warehouse with these subscriptions."""
    return unsupported(WarehouseSpec.model_validate({"subscriptions": list(subscriptions)}))


@pytest.mark.parametrize(
    "subscription",
    [
        *({"git": {"repoURL": HTTPS, "commitSelectionStrategy": s}} for s in ("NewestFromBranch", "SemVer", "Lexical")),
        *({"git": {"repoURL": url}} for url in ("ssh://git@git.example.com:2222/acme/x", "git@git.example.com:acme/x")),
        *({"image": {"repoURL": "ghcr.io/a/b", "imageSelectionStrategy": s}} for s in ("SemVer", "NewestBuild")),
        {"image": {"repoURL": "ghcr.io/a/b", "imageSelectionStrategy": "Digest", "constraint": "latest"}},
        {"chart": {"repoURL": "oci://ghcr.io/a/chart"}},
        {"chart": {"repoURL": "https://charts.example.com", "name": "app"}},
    ],
)
def test_supported(subscription):
    """What works is not refused."""
    assert problems(subscription) == []


def test_unsupported():
    """Each use is named with its path, all at once."""
    found = problems(
        {"git": {"repoURL": "git@git.example.com:acme/config.git", "allowTags": "^1"}},
        {"git": {"repoURL": "ssh://git@git.example.com/acme/config", "ignoreTags": ["x"]}},
        {"image": {"repoURL": "ghcr.io/a/b", "allowTags": "^1"}},
    )
    assert [path for path, _ in found] == [
        "spec.subscriptions[0].git.allowTags",
        "spec.subscriptions[1].git.ignoreTags",
        "spec.subscriptions[2].image.allowTags",
    ]
    assert all(sentence for _, sentence in found)
