"""How Stages are: what is to be looked at, and that only changes are written."""

from dataclasses import replace

from blocks.ledger.healths import StageHealth
from blocks.ledger.records import Phase
from tests.blocks.ledger.samples import NOON, ORIGIN, OTHER, at, promotion, start, stock

CHECK = {"namespace": "argocd", "name": "web"}


async def end(ledger, name, freight, minutes, checks, collection, **other):
    """Carry a promotion through that left something to watch."""
    await ledger.promotions.create(promotion(name, freight, minutes=minutes, **other))
    await start(ledger, name, collection=collection, minutes=minutes)
    await ledger.promotions.finish("p", name, "run", Phase.SUCCEEDED, "", at(minutes), checks)


def health(stage="test", status="Healthy", **other):
    return (
        StageHealth("p", stage, status, [], [], "test.1", NOON)
        if not other
        else replace(health(stage, status), **other)
    )


async def test_what_is_watched(ledger):
    """The newest promotion's checks are the Stage's, whatever origin it brought; the images are of all it holds."""
    await stock(ledger)
    assert await ledger.healths.watched() == []
    await end(ledger, "test.1", "f1", 1, [CHECK | {"desiredRevisions": ["old"]}], {ORIGIN: "f1"})
    await end(
        ledger, "test.2", "c1", 2, [CHECK | {"desiredRevisions": ["new"]}], {ORIGIN: "f1", OTHER: "c1"}, origin=OTHER
    )
    [watched] = await ledger.healths.watched()
    assert (watched.stage, watched.promotion, watched.promoting) == ("test", "test.2", "")
    assert watched.checks == [CHECK | {"desiredRevisions": ["new"]}]
    assert sorted(each["tag"] for each in watched.images) == ["c1", "f1"]
    await ledger.promotions.create(promotion("test.3", "f2", minutes=3))
    await start(ledger, "test.3", minutes=3)
    [watched] = await ledger.healths.watched()
    assert (watched.promotion, watched.promoting) == ("test.2", "test.3")
    await ledger.stages.remove("p", "test", at(4))
    assert await ledger.healths.watched() == []


async def test_only_changes_are_kept(ledger):
    """What is as before is no change; since when stays while the status does; who is not named is forgotten."""
    assert await ledger.healths.record([health(), health("uat")]) == [("", health()), ("", health("uat"))]
    assert await ledger.healths.record([health(since=at(1)), health("uat", since=at(1))]) == []
    worse = health(status="Unhealthy", issues=["broken"], since=at(2))
    assert await ledger.healths.record([worse, health("uat")]) == [("Healthy", worse)]
    drifted = replace(worse, drift=["another image"], since=at(3))
    assert await ledger.healths.record([drifted, health("uat")]) == [("Unhealthy", replace(drifted, since=at(2)))]
    assert await ledger.healths.get("p", "test") == replace(drifted, since=at(2))
    assert await ledger.healths.record([drifted]) == []
    assert set(await ledger.healths.of("p")) == {"test"}
    assert await ledger.healths.of("other") == {}
    assert await ledger.healths.record([]) == []
    assert await ledger.healths.of("p") == {}
