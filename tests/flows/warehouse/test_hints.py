"""Which subscriptions a hint concerns, and hints as the ledger keeps them."""

import pytest

from flows.warehouse.asking import Hint
from flows.warehouse.hints import LONGEST, MOST_PATHS, concerns, from_json, to_json, watches
from flows.warehouse.model import Subscription

URL = "https://github.com/acme/config.git"


def git(**more):
    """A subscription to Git."""
    return Subscription.model_validate({"git": {"repoURL": URL, **more}})


def image(**more):
    """A subscription to images."""
    return Subscription.model_validate({"image": {"repoURL": "ghcr.io/acme/app", **more}})


CHART = Subscription.model_validate({"chart": {"repoURL": "oci://ghcr.io/acme/chart"}})
MAIN = git(branch="main", includePaths=["apps/web"], excludePaths=["glob:**/*.md"])
TAGS = git(commitSelectionStrategy="SemVer")
DIGEST = image(imageSelectionStrategy="Digest", constraint="stable")


@pytest.mark.parametrize(
    ("hint", "subscription", "expected"),
    [
        pytest.param(Hint(tag="1.0.0"), image(), True, id="tag-image"),
        pytest.param(Hint(tag="1.0.0"), CHART, True, id="tag-chart"),
        pytest.param(Hint(tag="1.0.0"), TAGS, True, id="tag-git-tags"),
        pytest.param(Hint(tag="1.0.0"), git(), False, id="tag-git-branch"),
        pytest.param(Hint(tag="1.0.0", commit="abc"), git(), False, id="pushed-tag-names-its-commit"),
        pytest.param(Hint(tag="stable"), DIGEST, True, id="digest-of-that-tag"),
        pytest.param(Hint(tag="nightly"), DIGEST, False, id="digest-of-another-tag"),
        pytest.param(Hint(branch="main"), MAIN, True, id="branch"),
        pytest.param(Hint(branch="next"), MAIN, False, id="another-branch"),
        pytest.param(Hint(branch="next"), git(), True, id="default-branch-unknown"),
        pytest.param(Hint(branch="main"), TAGS, False, id="branch-git-tags"),
        pytest.param(Hint(branch="main"), image(), False, id="branch-image"),
        pytest.param(Hint(commit="abc"), MAIN, True, id="commit"),
        pytest.param(Hint(branch="main", paths=("apps/web/a",)), MAIN, True, id="path-included"),
        pytest.param(Hint(branch="main", paths=("apps/api/a",)), MAIN, False, id="path-not-included"),
        pytest.param(Hint(branch="main", paths=("apps/web/a.md",)), MAIN, False, id="path-excluded"),
        pytest.param(Hint(paths=("b", "apps/web/a")), MAIN, True, id="one-of-the-paths"),
        pytest.param(Hint(paths=("b",)), git(includePaths=["regex:["]), True, id="broken-filter-has-its-say"),
        pytest.param(Hint(repo_url=URL), MAIN, True, id="all-of-it"),
        pytest.param(Hint(repo_url="https://github.com/ACME/config/"), MAIN, True, id="spelled-otherwise"),
        pytest.param(Hint(repo_url="https://github.com/acme/other"), MAIN, False, id="elsewhere"),
        pytest.param(Hint(repo_url="ghcr.io/acme/app", tag="1"), image(), True, id="image-at"),
        pytest.param(Hint(repo_url="ghcr.io/acme/app2", tag="1"), image(), False, id="image-elsewhere"),
        pytest.param(Hint(), image(), True, id="says-nothing"),
    ],
)
def test_what_a_hint_concerns(hint, subscription, expected):
    """A tag concerns what follows tags, a branch what follows it; what does not concern it is not asked."""
    assert concerns(hint, subscription) is expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param({"repoURL": "https://github.com/acme/config"}, True, id="url"),
        pytest.param({"repo": "acme/Config"}, True, id="owner-and-name"),
        pytest.param({"repo": "acme/other", "limit": 3}, False, id="another"),
        pytest.param({"name": "config"}, False, id="a-name-alone-says-too-little"),
    ],
)
def test_further_kinds(config, expected):
    """What another kind watches is told by its config."""
    subscription = Subscription.model_validate({"name": "x", "further": {"config": config}})
    assert watches(URL, subscription) is expected


@pytest.mark.parametrize(
    ("hint", "kept"),
    [
        pytest.param(Hint("1", "main", "abc", ("a", "b"), URL), None, id="whole"),
        pytest.param(Hint(), None, id="empty"),
        pytest.param(Hint(tag="1" * (LONGEST + 1), branch="main"), Hint(branch="main"), id="too-long"),
        pytest.param(Hint(branch="main", paths=("a",) * (MOST_PATHS + 1)), Hint(branch="main"), id="too-many-paths"),
    ],
)
def test_hints_are_kept_in_bounds(hint, kept):
    """What the ledger keeps reads back the same; what is beyond bounds says nothing."""
    assert from_json(to_json(hint)) == (kept or hint)
