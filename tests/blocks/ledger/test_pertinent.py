"""Which promotions the rules about Stages look at, out of a long history."""

from dataclasses import replace

import pytest

from blocks.ledger import rows
from blocks.ledger.passings import Passing
from blocks.ledger.records import Definition, Phase
from blocks.ledger.tables import promotions
from tests.blocks.ledger.samples import at, promote, promotion, start, verify

pytestmark = pytest.mark.usefixtures("stocked")


@pytest.fixture
async def stages(ledger):
    """Two Stages, `test` and `prod`."""
    defined = [Definition("Stage", "p", name, {"spec": {}}) for name in ("test", "prod")]
    await ledger.definitions.apply(defined, [], "user:ann", at(0))


async def ends(ledger, name, freight, phase, minutes, stage="test"):
    """A promotion that ends at that minute without success."""
    await ledger.promotions.create(promotion(name, freight, stage, minutes))
    await ledger.promotions.finish("p", name, "sweep", phase, "", at(minutes))


async def names(ledger, *freights, **options):
    return [each.name for each in await ledger.promotions.pertinent("p", freights, **options)]


@pytest.mark.usefixtures("stages")
async def test_a_failure_is_remembered_however_long_ago(ledger):
    """A thousand later promotions of other Freight do not push it out, and are not read."""
    await ends(ledger, "failed", "f1", Phase.FAILED, 0)
    async with ledger.database.write() as connection:
        later = [replace(promotion(f"n{n:04}", f"g{n}", minutes=1 + n), phase=Phase.FAILED) for n in range(1100)]
        await connection.execute(rows.insert(connection, promotions), [rows.values(each) for each in later])

    assert await names(ledger, "f1") == ["n1099", "failed"]


@pytest.mark.usefixtures("stages")
async def test_the_newest_of_a_freight_counts_unless_it_succeeded(ledger):
    """What failed and then succeeded is in nobody's way; what succeeded and then failed is."""
    await ends(ledger, "a", "f1", Phase.FAILED, 0)
    await promote(ledger, "b", "f1", minutes=1)
    await promote(ledger, "c", "f2", minutes=2)
    await ends(ledger, "d", "f2", Phase.ABORTED, 3)
    await ends(ledger, "e", "f2", Phase.ERRORED, 4, stage="prod")
    await promote(ledger, "f", "f3", minutes=5)

    assert await names(ledger, "f1", "f2") == ["f", "e", "d"]
    assert await names(ledger) == ["f", "e"]


@pytest.mark.usefixtures("stages")
async def test_open_ones_the_last_and_those_that_brought_something(ledger):
    """All that is under way counts, of each Stage the last end, and what Stages hold came by a promotion."""
    await promote(ledger, "a", "f1", minutes=0)
    await promote(ledger, "b", "f1", "prod", minutes=1)
    for minute, name in ((2, "c"), (3, "d")):
        await ends(ledger, name, "f9", Phase.FAILED, minute)
    await ledger.promotions.create(promotion("e", "f8", minutes=4))
    await ledger.promotions.create(promotion("f", "f8", "prod", minutes=5))
    await start(ledger, "f", minutes=5)

    assert await names(ledger) == ["f", "e", "d", "b", "a"]
    assert await names(ledger, limit=2) == ["f", "e"]
    assert await ledger.promotions.pertinent("q", ["f1"]) == []


async def test_a_stage_that_is_gone_or_passes_on_is_no_trouble(ledger):
    """Nothing is asked of Stages that are not defined, and Freight that passed through came by no promotion."""
    await ledger.stages.pass_through([Passing("p", "gate", "f1", "Warehouse/guestbook")], at(0))
    await promote(ledger, "a", "f1", minutes=1)
    await promote(ledger, "b", "f2", minutes=2)
    await verify(ledger, "v", {"Warehouse/guestbook": "f2"}, 3)

    assert await names(ledger) == ["b"]


@pytest.mark.usefixtures("stages")
async def test_one_statement_for_thousands_of_freight(ledger, count_statements):
    """The number of Freight looked at does not change how often the database is asked."""
    await ends(ledger, "a", "f77", Phase.FAILED, 0)

    with count_statements() as statements:
        found = await names(ledger, *(f"f{n}" for n in range(5_000)))

    assert found == ["a"]
    assert len([each for each in statements if "promotions" in each]) == 1
