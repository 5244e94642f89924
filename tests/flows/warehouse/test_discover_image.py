"""Discovering images at a real registry, asking for as little as possible."""

from collections import Counter

import pytest

from blocks.errors import Invalid
from blocks.image_registry import ImageRegistry
from flows.warehouse import discover_image as module
from flows.warehouse.discover_image import discover_image
from flows.warehouse.model import ImageSubscription
from tests.flows.warehouse.asked import asking
from tests.servers.registry import docker_registry, push_image


class Memory:
    """The ledger's cache, without the ledger."""

    def __init__(self):
        self.kept = {}

    async def get(self, scope, keys):
        """Values known of these keys."""
        return {key: self.kept[scope, key] for key in keys if (scope, key) in self.kept}

    async def put(self, scope, values):
        """Keep values."""
        self.kept |= {(scope, key): value for key, value in values.items()}


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

    async def details(self, *args, **options):
        """Count and ask."""
        self.asked["details"] += 1
        return await super().details(*args, **options)


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


async def tags(repo, registry, cache=None, **subscription):
    """The tags discovery finds for a subscription."""
    wanted = ImageSubscription.model_validate({"repoURL": repo, **subscription})
    entry = await discover_image(wanted, asking(registry, cache=cache or Memory()))
    return [reference["tag"] for reference in entry["references"]]


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
async def test_strategies(repo, registry, subscription, expected):
    """Every strategy works end to end."""
    assert await tags(repo, registry, **subscription) == expected


async def test_entry(repo, registry):
    """The entry has the shape of Kargo's status, without empty fields."""
    wanted = ImageSubscription.model_validate({"repoURL": repo, "platform": "linux/arm64", "constraint": "1.3.0"})
    entry = await discover_image(wanted, asking(registry, cache=Memory(), name="app"))
    digest = await registry.digest(repo, "1.3.0")
    assert entry == {
        "repoURL": repo,
        "platform": "linux/arm64",
        "subscriptionName": "app",
        "references": [{"tag": "1.3.0", "digest": digest, "createdAt": "2025-04-01T00:00:00Z"}],
    }


async def test_manifests_are_read_once(repo, registry):
    """A second discovery asks only whether tags moved, and finds the same."""
    cache = Memory()
    first = await tags(repo, registry, cache, constraint="^1.0.0")
    assert registry.asked == {"tags": 1, "digest": 4, "details": 4}
    assert await tags(repo, registry, cache, constraint="^1.0.0") == first
    assert registry.asked == {"tags": 2, "digest": 8, "details": 4}


async def test_tags_known_not_to_move(repo, registry):
    """With cacheByTag a known tag is not asked about again."""
    cache = Memory()
    for _ in range(2):
        assert len(await tags(repo, registry, cache, constraint="^1.0.0", cacheByTag=True)) == 4
    assert registry.asked == {"tags": 2, "digest": 4, "details": 4}


async def test_a_followed_tag_is_always_asked_about(repo, registry):
    """Digest follows a tag that moves, so cacheByTag does not apply, and no tags are listed."""
    cache = Memory()
    for _ in range(2):
        await tags(repo, registry, cache, imageSelectionStrategy="Digest", constraint="nightly", cacheByTag=True)
    assert registry.asked == {"digest": 2, "details": 1}


async def test_only_as_many_as_wanted(repo, registry):
    """The best tag is enough when one is wanted; the platform makes it look further."""
    await tags(repo, registry, discoveryLimit=1)
    assert registry.asked["details"] == 1
    registry.asked.clear()
    assert await tags(repo, registry, discoveryLimit=1, platform="linux/amd64") == ["1.2.0"]
    assert registry.asked["details"] == 2


@pytest.mark.parametrize("subscription", [{"imageSelectionStrategy": "NewestBuild"}, {"platform": "windows/amd64"}])
async def test_too_many_tags_to_look_at(repo, registry, monkeypatch, subscription):
    """A choice that would need too many manifests is refused with what to do."""
    monkeypatch.setattr(module, "MAX_LOOKED_AT", 2)
    with pytest.raises(Invalid, match="narrow them down with allowTagsRegexes"):
        await tags(repo, registry, discoveryLimit=1, **subscription)
