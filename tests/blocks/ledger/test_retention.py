"""Old Freight and old Promotions go, and never what somebody needs, however much happens at once."""

import asyncio
import random
from datetime import timedelta

import pytest
import sqlalchemy as sa

from blocks.errors import NotFound
from blocks.ledger import rows, tables
from blocks.ledger.freight_rows import pin
from blocks.ledger.promotion_claims import Started
from blocks.ledger.records import Decision, Phase, StepRun, VerificationPhase, WarehouseStatus
from blocks.ledger.retention import FREIGHT, PAGE, PROMOTIONS
from flows.freight.collector import Collecting, collect_old
from flows.freight.retention import Goes, Limits
from tests.blocks.ledger.samples import ORIGIN, OTHER, at, freight, promote, promotion, start, verification

HOUR = timedelta(hours=1)
LATER = at(60 * 24 * 30)


async def shelve(ledger, *names, origin=ORIGIN, minutes=0):
    """Put Freight on the shelf, one a minute."""
    for index, name in enumerate(names):
        await ledger.freight.record(freight(name, name, origin, minutes + index), [], at(0))


async def collect(ledger, keep=1, age=HOUR, now=LATER, **options):
    """Collect, and return what went as {kind: labels}."""
    run = Collecting(ledger, Limits(keep, age), Limits(keep, age), now, **options)
    gone = {"Freight": [], "Promotion": []}
    async for each in collect_old(run):
        if isinstance(each.fate, Goes):
            gone[each.kind].append(each.label)
    return gone


async def left(ledger, origin=None):
    """The Freight there is, newest first."""
    return [each.name for each in await ledger.freight.list("p", origin)]


async def test_the_newest_stay_when_nothing_is_in_use(ledger):
    """So many as are kept, of each Warehouse."""
    await shelve(ledger, "f1", "f2", "f3")
    await shelve(ledger, "c1", "c2", origin=OTHER)

    assert (await collect(ledger, keep=2))["Freight"] == ["f1"]
    assert set(await left(ledger)) == {"f3", "f2", "c1", "c2"}
    assert (await collect(ledger, keep=2))["Freight"] == []


async def test_what_is_newer_than_the_oldest_in_use_stays(ledger):
    """And behind it so many as are kept."""
    await shelve(ledger, *(f"f{number}" for number in range(8)))
    await promote(ledger, "a", "f3")

    assert (await collect(ledger))["Freight"] == ["f1", "f0"]
    assert await left(ledger) == ["f7", "f6", "f5", "f4", "f3", "f2"]


async def test_the_young_stay(ledger):
    """Age counts from discovery, to the moment."""
    await shelve(ledger, "f1", "f2", "f3", "f4")

    assert (await collect(ledger, now=at(61.5)))["Freight"] == ["f2", "f1"]
    assert await left(ledger) == ["f4", "f3"]


@pytest.mark.parametrize("use", ["open", "carried", "held", "verified", "found"])
async def test_what_is_needed_stays(ledger, use):
    """A Promotion on its way, one that carries it along, a hold, a verification, a Warehouse that finds it still."""
    await shelve(ledger, "f0", "f1", "f2", "f3")
    await shelve(ledger, "c0", origin=OTHER)
    if use == "open":
        await ledger.promotions.create(promotion("a", "f0", minutes=5))
    elif use == "carried":
        await ledger.promotions.create(promotion("a", "c0", minutes=5, origin=OTHER))
        await start(ledger, "a", collection={ORIGIN: "f0", OTHER: "c0"})
    elif use == "held":
        async with ledger.database.write() as connection:
            hold = {"stage": "test", "origin": ORIGIN, "freight": "f0", "promotion": "x", "actor": "ann"}
            await connection.execute(sa.insert(tables.holds).values(project="p", created_at=at(0), **hold))
    elif use == "verified":
        await ledger.verifications.create(verification("v", {ORIGIN: "f0"}))
    else:
        await ledger.warehouses.record(WarehouseStatus("p", ORIGIN, last_freight="f0"), at(0))

    assert "f0" not in (await collect(ledger))["Freight"]
    assert "f0" in await left(ledger)


async def test_what_a_stage_could_go_back_to_stays(ledger):
    """Its last stays, and what the oldest Promotion kept replaced; what came before goes."""
    await shelve(ledger, *(f"f{number}" for number in range(6)))
    for minute, name in enumerate(("f0", "f1", "f2", "f5")):
        await promote(ledger, f"n{minute}", name, minutes=10 + minute)

    gone = await collect(ledger, keep=2)

    assert gone["Freight"] == ["f0"]
    assert await left(ledger) == ["f5", "f4", "f3", "f2", "f1"]
    assert gone["Promotion"] == ["n1", "n0"]


async def test_what_left_within_the_promotions_kept_stays(ledger):
    """The young Promotions are kept too, so one can go further back than to the last stays."""
    await shelve(ledger, *(f"f{number}" for number in range(9)))
    for minute, name in enumerate(("f0", "f1", "f8")):
        await promote(ledger, f"n{minute}", name, minutes=minute)

    assert (await collect(ledger, now=at(60.5)))["Freight"] == []
    assert (await collect(ledger, now=at(61.5)))["Freight"] == ["f0"]


async def test_a_deleted_stage_keeps_nothing(ledger):
    """Nobody goes back in a Stage that is no more."""
    await shelve(ledger, "f0", "f1", "f2")
    await promote(ledger, "a", "f0")
    await ledger.stages.remove("p", "test", at(1))

    assert (await collect(ledger))["Freight"] == ["f1", "f0"]


async def test_promotions_go_with_all_that_was_kept_of_them(ledger):
    """Steps, decisions and verifications; the trail stays and tells of it."""
    await shelve(ledger, "f0")
    await promote(ledger, "a", "f0", minutes=0)
    await ledger.promotions.create(promotion("b", "f0", minutes=1))
    await start(ledger, "b", minutes=1, collection={ORIGIN: "f0"})
    await ledger.promotions.save_step("p", "b", "run", StepRun(0, "s", "fail"))
    await ledger.promotions.decide(Decision("p", "b", "ann", True, "", at(1)))
    await ledger.promotions.finish("p", "b", "run", Phase.SUCCEEDED, "", at(1))
    async with ledger.database.write() as connection:
        line = rows.values(verification("v", {ORIGIN: "f0"}))
        line |= {"promotion": "b", "phase": VerificationPhase.SUCCESSFUL}
        await connection.execute(sa.insert(tables.verifications).values(line))
    for minute, name in enumerate(("c", "d"), 2):
        await promote(ledger, name, "f0", minutes=minute)

    assert (await collect(ledger))["Promotion"] == ["c", "b", "a"]
    assert [each.name for each in await ledger.promotions.list("p")] == ["d"], "the last one stands for what runs"
    assert await ledger.promotions.steps("p", "b") == []
    assert await ledger.promotions.decisions("p", "b") == []
    assert await ledger.verifications.get("p", "v") is None
    told = (await ledger.audit.list("p", type="PromotionsCollected"))[0]
    assert (told.subject, told.data) == ("Stage/test", {"stage": "test", "promotions": ["a", "b", "c"]})
    assert await ledger.audit.list("p", subject="Promotion/b")


async def test_the_last_word_on_freight_stays_as_long_as_the_freight(ledger):
    """A failure keeps Freight from being promoted by itself again; without the Freight it says nothing."""
    await shelve(ledger, "f0", "f1")
    for minute, (name, about) in enumerate((("a", "f0"), ("b", "f1"), ("c", "f1"))):
        await ledger.promotions.create(promotion(name, about, minutes=minute))
        await ledger.promotions.finish("p", name, "x", Phase.FAILED, "", at(minute))

    assert await collect(ledger, keep=2) == {"Freight": [], "Promotion": []}
    assert await collect(ledger) == {"Freight": ["f0"], "Promotion": ["b", "a"]}


async def test_open_promotions_keep_what_is_newer(ledger):
    """And behind the oldest open one so many as are kept."""
    await shelve(ledger, "f0")
    for minute in range(6):
        name = f"n{minute}"
        await ledger.promotions.create(promotion(name, "f0", minutes=minute))
        if minute != 3:
            await ledger.promotions.abort("p", name, "ann", "", at(minute))

    assert (await collect(ledger))["Promotion"] == ["n1", "n0"]


async def test_a_dry_run_takes_nothing(ledger):
    """It tells the same."""
    await shelve(ledger, "f0", "f1", "f2")

    told = await collect(ledger, dry_run=True)

    assert await left(ledger) == ["f2", "f1", "f0"]
    assert told == await collect(ledger)


async def test_what_was_collected_is_in_the_trail(ledger):
    """With what it held."""
    await shelve(ledger, "f0", "f1")
    await ledger.stages.approve("p", "test", "f0", "ann", at(0))
    await collect(ledger)

    event = (await ledger.audit.list("p", type="FreightCollected"))[0]
    assert (event.subject, event.actor) == ("Freight/f0", "controller:collect")
    assert event.data["content"] == freight("f0").content
    assert (await ledger.stages.standings("p", ["f0"]))["f0"].approved_for == {}


async def test_many_pages(ledger, count_statements):
    """A long past is read and taken away page by page, with as many statements as there are pages."""
    many = 3 * PAGE + 1
    lines = [rows.values(freight(f"f{number:05}", f"f{number:05}", minutes=-number)) for number in range(many)]
    async with ledger.database.write() as connection:
        await connection.execute(sa.insert(tables.freight), lines)

    with count_statements() as statements:
        gone = await collect(ledger)

    assert len(gone["Freight"]) == many - 1
    assert await left(ledger) == ["f00000"]
    assert len(statements) < 100


async def test_a_promotion_and_the_collector_at_once(ledger):
    """Either the Promotion is there and so is its Freight, or neither is, and who asked is told."""
    names = [f"f{number}" for number in range(40)]
    await shelve(ledger, *names)

    async def ask(name):
        try:
            await ledger.promotions.create(promotion(f"n{name}", name, stage=name))
        except NotFound as error:
            assert "deleted meanwhile" in str(error)

    wishes = [ask(name) for name in names]
    collecting = [ledger.retention.collect_freight("p", names[start::4], LATER) for start in range(4)]
    order = [task for pair in zip(wishes[:20], collecting * 5, strict=True) for task in pair[:1]] + collecting
    await asyncio.gather(*order, *wishes[20:])

    there = set(await left(ledger))
    assert {each.freight for each in await ledger.promotions.list("p", limit=100)} == there


async def test_the_collector_waits_for_nobody(ledger):
    """Freight that is being promoted at this moment is left alone at once."""
    if ledger.database.sqlite:
        pytest.skip("SQLite has one writer at a time")
    await shelve(ledger, "f0", "f1")

    async with ledger.database.write() as connection:
        await pin(connection, "p", "f0")
        gone = await asyncio.wait_for(ledger.retention.collect_freight("p", ["f0", "f1"], LATER), 5)

    assert gone == {"f1"}


async def test_lines_are_those_with_more_than_is_kept(ledger):
    """Where there is nothing to take nothing is read."""
    await shelve(ledger, "f0", "f1")
    await shelve(ledger, "c0", origin=OTHER)
    await promote(ledger, "a", "f0")

    assert await ledger.retention.lines(FREIGHT, 1) == [("p", ORIGIN)]
    assert await ledger.retention.lines(FREIGHT, 0, "q") == []
    assert await ledger.retention.lines(PROMOTIONS, 0) == [("p", "test")]


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_happened_nothing_needed_goes(ledger, seed):
    """After any history: what is in use, young, on its way or within the last stays is there, and the rest is gone."""
    dice, keep, now = random.Random(seed), 2, at(60 + 25)
    await shelve(ledger, *(f"f{number:02}" for number in range(40)))
    for minute in range(25):
        name, stage, about = f"n{minute:02}", dice.choice(["test", "prod"]), f"f{dice.randrange(40):02}"
        await ledger.promotions.create(promotion(name, about, stage, minute))
        if dice.random() < 0.6 and isinstance(
            await start(ledger, name, minutes=minute, collection={ORIGIN: about}), Started
        ):
            await ledger.promotions.finish("p", name, "run", Phase.SUCCEEDED, "", at(minute))
        elif dice.random() < 0.7:
            await ledger.promotions.abort("p", name, "ann", "", at(minute))
    before = {each.name: each for each in await ledger.freight.list("p")}
    running = {visit.freight for by in (await ledger.stages.currents("p")).values() for visit in by.values()}
    coming = {each.freight for each in await ledger.promotions.open("p")}
    past = {visit.freight for stage in ("test", "prod") for visit in await ledger.stages.visits("p", stage, keep)}
    oldest = min(running | coming, key=lambda name: before[name].discovered_at)
    newer = {name for name, each in before.items() if each.discovered_at >= before[oldest].discovered_at}
    young = {name for name, each in before.items() if now - each.discovered_at < HOUR}

    await collect(ledger, keep, HOUR, now)

    there = set(await left(ledger))
    assert there >= running | coming | past | newer | young
    assert (await collect(ledger, keep, HOUR, now))["Freight"] == []
    ended = {each.name for each in await ledger.promotions.list("p", limit=100) if each.phase.terminal}
    brought = {visit.promotion for by in (await ledger.stages.currents("p")).values() for visit in by.values()}
    assert ended >= brought
