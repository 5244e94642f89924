"""Discovering images at a real registry, asking for as little as possible."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from blocks.errors import Invalid
from blocks.image_registry import ImageRegistry
from blocks.ledger.ledger import Ledger
from flows.warehouse import discover_image as module
from flows.warehouse.discover_image import discover_image
from flows.warehouse.model import ImageSubscription
from tests.flows.warehouse.asked import NOW, asking
from tests.servers.registry import docker_registry, push_image


class Counted(ImageRegistry):
    """The real client, counting what it is asked."""

    def __init__(self):
        super().__init__()
        self.asked = Counter()

    async def tags(self, *args, **options):
        """Count and ask."""
        self.asked["tags"] += 1
        return await super().tags(*args, **options)

    async def digest(self, *args, **options):
        """Count and ask."""
        self.asked["digest"] += 1
        return await super().digest(*args, **options)

    async def manifest(self, *args, **options):
        """Count and ask."""
        self.asked["manifest"] += 1
        return await super().manifest(*args, **options)

    async def describe(self, *args, **options):
        """Count and ask."""
        self.asked["describe"] += 1
        return await super().describe(*args, **options)


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """A repository with releases, a nightly build newer than them, and one image for another platform."""
    with docker_registry(tmp_path_factory.mktemp("registry")) as address:
        for tag, created in (("1.0.0", "2025-01-01"), ("1.1.0", "2025-02-01"), ("1.2.0", "2025-03-01")):
            push_image(address, "acme/app", tag, created=f"{created}T00:00:00Z", platforms=["linux/amd64"])
        push_image(address, "acme/app", "1.3.0", created="2025-04-01T00:00:00Z", platforms=["linux/arm64"])
        push_image(address, "acme/app", "nightly", created="2025-05-01T00:00:00Z")
        yield f"{address}/acme/app"


@pytest.fixture
async def registry():
    """A counting client."""
    client = Counted()
    yield client
    await client.aclose()


@pytest.fixture
async def index(sqlite_ledger_url):
    """An empty index, in a real ledger."""
    ledger = await Ledger.open(sqlite_ledger_url)
    yield ledger.index
    await ledger.close()


@pytest.fixture
def tags(repo, registry, index):
    """How to look for a subscription: returns the tags discovery finds."""

    async def look(after=timedelta(), thorough=False, **subscription):
        wanted = ImageSubscription.model_validate({"repoURL": repo, **subscription})
        entry = await discover_image(wanted, asking(registry, index=index, now=NOW + after, thorough=thorough))
        return [reference["tag"] for reference in entry["references"]]

    return look


@pytest.mark.parametrize(
    ("subscription", "expected"),
    [
        pytest.param({"constraint": "^1.0.0"}, ["1.3.0", "1.2.0", "1.1.0", "1.0.0"], id="semver"),
        pytest.param({"constraint": "^1.0.0", "discoveryLimit": 1}, ["1.3.0"], id="limit"),
        pytest.param({"platform": "linux/amd64", "discoveryLimit": 2}, ["1.2.0", "1.1.0"], id="platform"),
        pytest.param({"imageSelectionStrategy": "Lexical", "discoveryLimit": 2}, ["nightly", "1.3.0"], id="lexical"),
        pytest.param({"imageSelectionStrategy": "NewestBuild", "discoveryLimit": 2}, ["nightly", "1.3.0"], id="newest"),
        pytest.param({"imageSelectionStrategy": "Digest", "constraint": "nightly"}, ["nightly"], id="digest"),
        pytest.param({"imageSelectionStrategy": "Digest", "constraint": "edge"}, [], id="digest-missing"),
        pytest.param({"constraint": "^2"}, [], id="none"),
    ],
)
async def test_strategies(tags, subscription, expected):
    """Every strategy works end to end."""
    assert await tags(**subscription) == expected


async def test_entry(repo, registry, index):
    """The entry has the shape of Kargo's status, without empty fields."""
    wanted = ImageSubscription.model_validate({"repoURL": repo, "platform": "linux/arm64", "constraint": "1.3.0"})
    entry = await discover_image(wanted, asking(registry, index=index, name="app"))
    digest = await registry.digest(repo, "1.3.0")
    assert entry == {
        "repoURL": repo,
        "platform": "linux/arm64",
        "subscriptionName": "app",
        "references": [{"tag": "1.3.0", "digest": digest, "createdAt": "2025-04-01T00:00:00Z"}],
    }


@pytest.mark.parametrize("strategy", ["SemVer", "Lexical", "NewestBuild"])
async def test_tags_are_read_once(tags, registry, strategy):
    """A second discovery lists the tags, asks nothing else, and finds the same."""
    first = await tags(imageSelectionStrategy=strategy)
    assert registry.asked == {"tags": 1, "manifest": len(first), "describe": len(first)}
    registry.asked.clear()
    assert await tags(timedelta(minutes=5), imageSelectionStrategy=strategy) == first
    assert registry.asked == {"tags": 1}


async def test_chosen_tags_are_confirmed_within_the_interval(tags, registry):
    """After it every chosen tag has been asked about once, not all of them at once, and nothing else was read."""
    first = await tags()
    registry.asked.clear()
    asked = []
    for minutes in range(5, 65, 5):
        assert await tags(timedelta(minutes=minutes)) == first
        asked.append(registry.asked["digest"])
    assert asked[4] == 0
    assert asked[-1] == 4
    assert max(b - a for a, b in pairwise(asked)) < 4
    assert registry.asked["manifest"] == 0


async def test_a_person_has_all_chosen_tags_confirmed(tags, registry):
    """Whoever asks for a look gets one at every tag that is chosen, and at no other."""
    await tags(imageSelectionStrategy="NewestBuild", discoveryLimit=2)
    registry.asked.clear()
    assert await tags(thorough=True, imageSelectionStrategy="NewestBuild", discoveryLimit=2) == ["nightly", "1.3.0"]
    assert registry.asked == {"tags": 1, "digest": 2}


async def test_tags_known_not_to_move(tags, registry):
    """With cacheByTag a known tag is never asked about again."""
    for days in range(3):
        assert len(await tags(timedelta(days=days), thorough=days > 1, constraint="^1.0.0", cacheByTag=True)) == 4
    assert registry.asked == {"tags": 3, "manifest": 4, "describe": 4}


async def test_a_followed_tag_is_always_asked_about(tags, registry):
    """Digest follows a tag that moves, so cacheByTag does not apply, and no tags are listed."""
    for _ in range(3):
        assert await tags(imageSelectionStrategy="Digest", constraint="nightly", cacheByTag=True) == ["nightly"]
    assert registry.asked == {"manifest": 1, "describe": 1, "digest": 2}


async def test_only_as_many_as_wanted(tags, registry):
    """The best tag is enough when one is wanted; the platform makes it look further."""
    await tags(discoveryLimit=1)
    assert registry.asked["manifest"] == 1
    registry.asked.clear()
    assert await tags(discoveryLimit=1, platform="linux/amd64") == ["1.2.0"]
    assert registry.asked["manifest"] == 1


@pytest.mark.parametrize("subscription", [{"imageSelectionStrategy": "NewestBuild"}, {"platform": "windows/amd64"}])
async def test_too_many_tags_to_look_at(tags, monkeypatch, subscription):
    """A choice that would need too many manifests is refused with what to do."""
    monkeypatch.setattr(module, "MAX_LOOKED_AT", 2)
    with pytest.raises(Invalid, match="narrow them down with allowTagsRegexes"):
        await tags(discoveryLimit=1, **subscription)


async def test_no_tag_to_follow(tags, registry):
    """What cannot be a tag is not put into a URL."""
    with pytest.raises(Invalid, match="cannot be a tag"):
        await tags(imageSelectionStrategy="Digest", constraint="../../secrets")
    assert not registry.asked
