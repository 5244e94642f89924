"""Subscriptions of further kinds, as they are applied."""

import pytest

from tests.deployments.manifests.report import PROJECT, WAREHOUSE, loaded, report

HEAD = WAREHOUSE[: WAREHOUSE.index("  - image")]
CLI = "https://github.com/acme/cli"


def warehouse(*subscriptions):
    """A project with a Warehouse of these subscriptions, each in YAML's short form."""
    return PROJECT + HEAD + "".join(f"  - {each}\n" for each in subscriptions)


@pytest.mark.parametrize(
    "subscription",
    [
        pytest.param(f"{{name: cli, github-release: {{config: {{repoURL: {CLI}}}}}}}", id="short"),
        pytest.param(
            f"{{name: cli, github-release: {{subscriptionType: github-release, config: {{repoURL: {CLI}}}, "
            "discoveryLimit: 20}}",
            id="as-kargo-writes-it",
        ),
    ],
)
def test_what_is_accepted(subscription):
    """As people write it and as Kargo's API returns it."""
    spec = next(each for each in loaded(warehouse(subscription)).definitions if each.kind == "Warehouse").spec
    assert spec["subscriptions"][0]["github-release"]["config"] == {"repoURL": CLI}


def test_one_repository_may_be_watched_twice():
    """Further kinds are told apart by their names."""
    config = f"github-release: {{config: {{repoURL: {CLI}}}}}"
    assert report(warehouse(f"{{name: a, {config}}}", f"{{name: b, {config}}}")) == []
    (said,) = report(warehouse(f"{{name: a, {config}}}", f"{{name: a, {config}}}"))
    assert "spec.subscriptions[1].name: is 'a', as that of subscriptions[0]" in said


@pytest.mark.parametrize(
    ("subscription", "said"),
    [
        pytest.param(
            "{name: web, npm: {}}",
            "spec.subscriptions[0].npm: 'npm' is no kind of subscription, expected one of chart, git, github-release, "
            "image, correct it, or install the package that offers it",
            id="unknown",
        ),
        pytest.param("{name: web, imge: {repoURL: x}}", "did you mean 'image'?", id="misspelled"),
        pytest.param("{name: web, example.com/npm: {}}", "spec.subscriptions[0]['example.com/npm']: ", id="odd-name"),
        pytest.param(
            "{npm: {}}",
            "spec.subscriptions[0]: a subscription of kind 'npm' needs 'name', which tells it from others; add one",
            id="nameless",
        ),
        pytest.param(
            "{name: web, npm: {}, git: {repoURL: https://x/y}}",
            "a subscription has exactly one of 'git', 'image', 'chart' or a further kind, not git and npm",
            id="two",
        ),
        pytest.param("{name: web}", "has exactly one of", id="none"),
        pytest.param(
            "{name: web, github-release: text}",
            "spec.subscriptions[0].github-release: is 'text', expected a mapping",
            id="no-mapping",
        ),
        pytest.param(
            f"{{name: web, github-release: {{config: {{repoURL: {CLI}}}, discoveryLimit: 101}}}}",
            "spec.subscriptions[0].github-release.discoveryLimit: is 101, expected how many results are kept",
            id="limit",
        ),
        pytest.param(
            f"{{name: web, github-release: {{repoURL: {CLI}, config: {{repoURL: {CLI}}}}}}}",
            "spec.subscriptions[0].github-release.repoURL: is no field here, expected one of config, discoveryLimit, "
            "subscriptionType, remove it or move it into config",
            id="outside-config",
        ),
        pytest.param(
            "{name: web, github-release: {}}",
            "spec.subscriptions[0].github-release.config.repoURL: is missing, expected repository on github.com",
            id="no-config",
        ),
        pytest.param(
            f"{{name: web, github-release: {{config: {{repoURL: {CLI}, selecton: SemVer}}}}}}",
            "spec.subscriptions[0].github-release.config.selecton: is no field here",
            id="unknown-field",
        ),
        pytest.param(
            f"{{name: web, github-release: {{config: {{repoURL: {CLI}, semverConstraint: one}}}}}}",
            "spec.subscriptions[0].github-release.config.semverConstraint: ",
            id="constraint",
        ),
    ],
)
def test_what_is_refused(subscription, said):
    """With the place and what would be right."""
    (line,) = report(warehouse(subscription))
    assert said in line
