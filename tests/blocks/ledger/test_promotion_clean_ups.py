"""After an abort it is known which steps are still to be run, until they were."""

import pytest

from blocks.errors import Conflict
from blocks.ledger.records import Phase, StepRun, StepStatus
from tests.blocks.ledger.samples import at, promotion, start

pytestmark = pytest.mark.usefixtures("stocked")

STEPS = [{"uses": "http", "as": "a"}, {"uses": "http", "as": "b", "onAbort": True}]


async def aborted(ledger, name="a", started=True, steps=STEPS):
    await ledger.promotions.create(promotion(name, steps=steps))
    if started:
        await start(ledger, name)
    return await ledger.promotions.abort("p", name, "ann", "", at(1))


async def test_until_it_is_done(ledger):
    """It is found until it is said to be cleaned up, which is told once."""
    record = await aborted(ledger)
    assert [each.name for each in await ledger.promotions.to_clean_up(at(0))] == [record.name]
    assert await ledger.promotions.to_clean_up(at(2)) == []
    await ledger.promotions.save_clean_up("p", "a", StepRun(1, "b", "http", StepStatus.SUCCEEDED, finished_at=at(2)))
    for _ in range(2):
        await ledger.promotions.cleaned_up("p", "a", "b Succeeded", at(2))
    assert await ledger.promotions.to_clean_up(at(0)) == []
    assert [each.alias for each in await ledger.promotions.steps("p", "a")] == ["b"]
    assert (await ledger.promotions.get("p", "a")).phase is Phase.ABORTED
    assert [each.type for each in await ledger.audit.list("p")].count("PromotionCleanedUp") == 1


async def test_nothing_to_do(ledger):
    """What never began, or marks no step, leaves nothing to clean up."""
    await aborted(ledger, "a", started=False)
    await aborted(ledger, "b", steps=STEPS[:1])
    assert await ledger.promotions.to_clean_up(at(0)) == []


async def test_only_after_an_abort(ledger):
    """A running promotion's steps belong to its run."""
    await ledger.promotions.create(promotion("a", steps=STEPS))
    await start(ledger, "a")
    with pytest.raises(Conflict, match="only an aborted one"):
        await ledger.promotions.save_clean_up("p", "a", StepRun(1, "b", "http"))
