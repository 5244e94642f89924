"""The index of registries, on both databases."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from blocks.ledger import registry_index as module
from blocks.ledger.registry_index import KnownTag
from blocks.records import ImageDetails, Platform
from tests.blocks.ledger.samples import at

REPO = "ghcr.io/acme/app"
BUILT = datetime(2025, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


def digest(number):
    """Some digest."""
    return f"sha256:{number:064}"


def detailed(number, **more):
    """An image with everything."""
    platforms = (Platform("linux", "amd64"), Platform("linux", "arm", "v7", {"for": "arm\0"}))
    return ImageDetails(digest(number), BUILT, {"a": "b", "nul": "\0", "lone": "\ud800"}, platforms)


def light(image):
    """An image as a tag is known by: without annotations."""
    platforms = tuple(Platform(each.os, each.architecture, each.variant) for each in image.platforms)
    return ImageDetails(image.digest, image.created_at, {}, platforms)


async def keep(ledger, time, **tags):
    """Keep tags that point at images."""
    known = {tag: KnownTag(time, image.digest, light(image)) for tag, image in tags.items()}
    await ledger.index.record(REPO, known, tags.values())
    return known


async def test_what_is_kept_is_known(ledger):
    """Tags come back with their images as needed to choose; the images come back whole."""
    image = detailed(1)
    known = await keep(ledger, at(0), one=image, two=image)
    known |= {"gone": KnownTag(at(0)), "old": KnownTag(at(0), digest(2), problem="no image")}
    await ledger.index.record(REPO, {tag: known[tag] for tag in ("gone", "old")}, [])

    assert await ledger.index.known(REPO, ["one", "two", "gone", "old", "never"]) == known
    assert await ledger.index.known("ghcr.io/acme/other", ["one"]) == {}
    whole = await ledger.index.images(REPO, [digest(1), digest(9)])
    assert whole == {digest(1): image}
    assert [each.annotations for each in whole[digest(1)].platforms] == [{}, {"for": "arm\0"}]


async def test_a_tag_that_moves_takes_its_new_image(ledger):
    """The last to write decides; what was read of an image stays as it was read first."""
    await keep(ledger, at(0), one=detailed(1))
    moved = await keep(ledger, at(1), one=detailed(2))
    assert await ledger.index.known(REPO, ["one"]) == moved
    back = {"one": KnownTag(at(2), digest(1), light(detailed(1)))}
    await ledger.index.record(REPO, back, [])
    assert await ledger.index.known(REPO, ["one"]) == back
    assert (await ledger.index.images(REPO, [digest(1)]))[digest(1)] == detailed(1)


async def test_the_oldest_go(ledger, monkeypatch):
    """Beyond the limit the tags and images that were not confirmed for longest are let go, others' are not."""
    monkeypatch.setattr(module, "KEPT", 3)
    await ledger.index.record("other", {"x": KnownTag(at(0))}, [])
    for number in range(5):
        await keep(ledger, at(number), **{f"t{number}": detailed(number)})
    assert set(await ledger.index.known(REPO, [f"t{number}" for number in range(5)])) == {"t2", "t3", "t4"}
    assert set(await ledger.index.images(REPO, map(digest, range(5)))) == {digest(2), digest(3), digest(4)}
    assert await ledger.index.known("other", ["x"])


async def test_a_tag_whose_image_was_let_go_is_not_known(ledger, monkeypatch):
    """It is read anew rather than shown without its image."""
    await keep(ledger, at(0), old=detailed(1))
    monkeypatch.setattr(module, "KEPT", 1)
    await ledger.index.record(REPO, {"old": KnownTag(at(5), digest(1), light(detailed(1)))}, [replace(detailed(2))])
    assert await ledger.index.known(REPO, ["old"]) == {}


async def test_thousands_of_tags(ledger):
    """More tags than one statement may name are kept and found."""
    tags = {f"build-{number}": detailed(number) for number in range(6_000)}
    await keep(ledger, at(0), **tags)
    assert len(await ledger.index.known(REPO, list(tags))) == 6_000
    assert len(await ledger.index.images(REPO, [image.digest for image in tags.values()])) == 6_000


@pytest.mark.parametrize("writers", [8])
async def test_several_write_the_same_at_once(ledger, writers):
    """Looks that read the same repository do not get in each other's way."""
    tags = {f"t{number}": detailed(number) for number in range(200)}
    await asyncio.gather(*(keep(ledger, at(number), **tags) for number in range(writers)))
    assert len(await ledger.index.known(REPO, list(tags))) == 200


async def test_repositories_nobody_watches_go(ledger):
    """Those that are watched stay however old, others once they were not looked at for long."""
    await keep(ledger, at(0), a=detailed(1))
    await ledger.index.record("old", {"t": KnownTag(at(0), digest(1), light(detailed(1)))}, [detailed(1)])
    await ledger.index.record("young", {"t": KnownTag(at(9), digest(1), light(detailed(1)))}, [detailed(1)])
    assert await ledger.index.forget_others([REPO], at(5)) == 1
    assert await ledger.index.known("old", ["t"]) == {}
    assert await ledger.index.images("old", [digest(1)]) == {}
    assert await ledger.index.known(REPO, ["a"])
    assert await ledger.index.known("young", ["t"])
    assert await ledger.index.forget_others([REPO], at(5)) == 0
