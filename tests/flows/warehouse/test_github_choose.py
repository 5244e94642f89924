"""Which releases count, which is best, and what is told of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from blocks.errors import BadAnswer
from blocks.github import Asset, Release, read_release, read_releases
from flows.warehouse.further import LONGEST, MOST_METADATA, Artifact, references
from flows.warehouse.github_choose import Config, choose, metadata
from flows.warehouse.subscriptions import OWN

REPO = "https://github.com/acme/cli"


def config(**more):
    """A config as a Warehouse has it."""
    return Config.model_validate({"repoURL": REPO, **more})


def release(tag, at="2026-01-01T00:00:00Z", **more):
    """A published release."""
    return Release(tag, published_at=at, **more)


def files(*names, uploaded=True):
    """Assets of these names."""
    return tuple(Asset(name, uploaded) for name in names)


LINUX, MAC = "cli_linux_amd64.tar.gz", "cli_darwin_arm64.zip"
RELEASES = [
    release("v1.10.0", "2026-01-05T00:00:00Z", assets=files(LINUX, MAC)),
    release("v1.9.1", "2026-01-07T00:00:00Z", assets=files(LINUX)),
    release("v2.0.0-rc.1", "2026-01-06T00:00:00Z", prerelease=True),
    release("v2.0.0", "2026-01-08T00:00:00Z", draft=True),
    release("nightly", "2026-01-09T00:00:00Z", assets=files("cli.log")),
]


@pytest.mark.parametrize(
    ("wanted", "tags"),
    [
        pytest.param({}, ["v1.10.0", "v1.9.1"], id="semver"),
        pytest.param({"selection": "NewestRelease"}, ["nightly", "v1.9.1", "v1.10.0"], id="newest"),
        pytest.param({"selection": "Lexical"}, ["v1.9.1", "v1.10.0", "nightly"], id="lexical"),
        pytest.param({"preReleases": "Include"}, ["v2.0.0-rc.1", "v1.10.0", "v1.9.1"], id="with-pre-releases"),
        pytest.param({"preReleases": "Only"}, ["v2.0.0-rc.1"], id="only-pre-releases"),
        pytest.param({"semverConstraint": "~1.9"}, ["v1.9.1"], id="constraint"),
        pytest.param(
            {"preReleases": "Include", "semverConstraint": ">=2"}, [], id="constraint-without-semver-pre-releases"
        ),
        pytest.param({"selection": "Lexical", "allowTagsRegexes": ["^v"]}, ["v1.9.1", "v1.10.0"], id="allow"),
        pytest.param({"ignoreTagsRegexes": [r"^v1\.10"]}, ["v1.9.1"], id="ignore"),
        pytest.param({"allowTagsRegexes": ["^v"], "ignoreTagsRegexes": ["^v"]}, [], id="ignore-wins"),
        pytest.param({"assets": [LINUX]}, ["v1.10.0", "v1.9.1"], id="asset-by-name"),
        pytest.param({"assets": ["cli_linux"]}, [], id="a-name-is-whole"),
        pytest.param({"assets": [LINUX, "glob:*.zip"]}, ["v1.10.0"], id="all-assets"),
        pytest.param({"assets": ["regex:darwin_(arm64|amd64)"]}, ["v1.10.0"], id="asset-by-regex"),
        pytest.param({"assets": ["glob:*"], "selection": "NewestRelease"}, ["nightly", "v1.9.1", "v1.10.0"], id="any"),
    ],
)
def test_chosen(wanted, tags):
    """Drafts never count; the rest by the filters, best first."""
    assert [each.tag for each in choose(config(**wanted), RELEASES, 10)] == tags


def test_an_asset_that_is_not_whole_yet():
    """A release waits for the asset that is still being uploaded, though another matches too."""
    both = release("v1.0.0", assets=(*files(LINUX), *files(MAC, uploaded=False)))
    assert choose(config(assets=["glob:cli_*"]), [both], 5) == []
    assert choose(config(assets=[LINUX]), [both], 5) == [both]


@pytest.mark.parametrize("tag", ["", "v1\n", "v" * (LONGEST + 1), "v\udcff", "v\0"], ids=repr)
def test_tags_that_no_ledger_can_hold(tag):
    """Such a release is passed over, the others stay."""
    good = release("zz")
    assert choose(config(selection="Lexical"), [release(tag), good], 5) == [good]


def test_the_limit():
    """No more than asked for."""
    many = [release(f"v1.{minor}.0") for minor in range(50)]
    assert [each.tag for each in choose(config(), many, 2)] == ["v1.49.0", "v1.48.0"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param({"repoURL": "https://github.com/acme"}, "is no repository on GitHub", id="no-repository"),
        pytest.param({"repoURL": "ftp://github.com/acme/cli"}, "is no repository on GitHub", id="no-scheme"),
        pytest.param({"repoURL": "https://github.com/acme/.."}, "is no repository on GitHub", id="dots"),
        pytest.param({"repoURL": "https://[/acme/cli"}, "is no repository on GitHub", id="no-url"),
        pytest.param({"semverConstraint": "one"}, "one", id="no-range"),
        pytest.param({"allowTagsRegexes": ["("]}, "is no RE2 regular expression", id="no-regex"),
        pytest.param({"assets": ["glob:["]}, "[", id="no-glob"),
        pytest.param({"discoveryLimit": 5}, "Extra inputs", id="unknown-field"),
    ],
)
def test_configs_that_cannot_be(wrong, said):
    """They are refused when they are applied."""
    with pytest.raises(ValidationError) as refused:
        config(**wrong)
    assert said in str(refused.value)


def test_what_is_told():
    """Expressions find where it is, when it came, which commit it is, and the files that were asked for."""
    told = metadata(
        config(assets=["glob:*.gz"]),
        release("v1.0.0", name="One", url=f"{REPO}/releases/tag/v1.0.0", assets=files(LINUX, MAC)),
        "c0ffee",
    )
    assert told == {
        "repoURL": REPO,
        "tag": "v1.0.0",
        "name": "One",
        "url": f"{REPO}/releases/tag/v1.0.0",
        "publishedAt": "2026-01-01T00:00:00Z",
        "prerelease": False,
        "commit": "c0ffee",
        "assets": [{"name": LINUX, "size": 0}],
    }


def test_more_assets_than_there_is_room_for():
    """What does not fit is counted, and the release is no worse for it."""
    url = "https://github.com/" + "x" * 200
    assets = tuple(Asset(f"file-{number}", url=url) for number in range(1000))
    told = metadata(
        config(), release("v1.0.0", name="n" * 5000, url="https://github.com/" + "é" * 5000, assets=assets), ""
    )
    assert 0 < len(told["assets"]) == 1000 - told["assetsLeftOut"]
    assert len(json.dumps(told, ensure_ascii=False).encode()) < MOST_METADATA


def test_one_asset_too_large_for_words():
    """Small assets after it are told of."""
    assets = (Asset("a" * 9000), Asset("small"))
    told = metadata(config(), release("v1.0.0", assets=assets), "")
    assert (told["assets"], told["assetsLeftOut"]) == ([{"name": "small", "size": 0}], 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ASSETS = st.lists(
    JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(("name", "state", "size", "digest"), JSON)), max_size=3
)
BODY = st.fixed_dictionaries(
    {"tag_name": JSON | st.text(max_size=300)},
    optional=dict.fromkeys(("name", "html_url", "published_at", "draft", "prerelease"), JSON)
    | {"assets": ASSETS | JSON},
)


@given(st.lists(BODY | JSON, max_size=4) | JSON)
def test_any_json_is_releases_or_a_bad_answer(body):
    """Whatever comes, it is refused as a whole, or what is chosen of it can be kept in a ledger."""
    try:
        releases = read_releases(body)
    except BadAnswer:
        return
    wanted = config(selection="NewestRelease", preReleases="Include")
    found = [Artifact(each.tag, metadata(wanted, each, "")) for each in choose(wanted, releases, 3)]
    kept = references(OWN["github-release"], "cli", 3, found)
    json.dumps(kept, allow_nan=False, ensure_ascii=False).encode()


@given(BODY)
def test_a_release_is_read_the_same_again(body):
    """Reading twice gives the same, so an unchanged page is recognised as such."""
    try:
        assert read_release(body) == read_release(json.loads(json.dumps(body)))
    except BadAnswer:
        assert not isinstance(body["tag_name"], str)
