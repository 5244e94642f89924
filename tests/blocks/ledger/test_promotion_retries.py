"""A failed promotion goes on at the step that failed, unless its Stage has moved on."""

import pytest

from blocks.errors import NotFound, Refused
from blocks.ledger.promotion_claims import Started
from blocks.ledger.records import Phase, StepRun, StepStatus
from tests.blocks.ledger.samples import at, promote, promotion, start

pytestmark = pytest.mark.usefixtures("stocked")


async def failed(ledger, *statuses, phase=Phase.FAILED, **other):
    """A promotion `a` whose steps ended so."""
    await ledger.promotions.create(promotion("a", flow_run_id="run-1", **other))
    await start(ledger, "a")
    for index, status in enumerate(statuses):
        step = StepRun(index, f"s{index}", "copy", status, 2, 1, at(0), at(0), "said", {"n": index}, index == 0)
        await ledger.promotions.save_step("p", "a", "run", step)
    return await ledger.promotions.finish("p", "a", "run", phase, "no", at(1))


async def retry(ledger, name="a"):
    return await ledger.promotions.retry("p", name, "ann", "once more", at(2))


async def test_from_the_step_that_failed_on(ledger):
    """Steps before stay finished, also one that may fail; the rest begin again with what they had put out."""
    done, bad = StepStatus.SUCCEEDED, StepStatus.FAILED
    await failed(ledger, bad, done, bad, StepStatus.SKIPPED)

    waiting = await retry(ledger)

    assert (waiting.phase, waiting.message, waiting.flow_run_id, waiting.retries) == (Phase.PENDING, "", None, 1)
    assert waiting == await ledger.promotions.get("p", "a")
    steps = await ledger.promotions.steps("p", "a")
    assert [each.finished_at for each in steps] == [at(0), at(0), None, None]
    assert [each.started_at for each in steps] == [at(0), at(0), None, None]
    assert [each.output for each in steps] == [{"n": 0}, {"n": 1}, {"n": 2}, {"n": 3}]
    assert [each.error_count for each in steps] == [1, 1, 0, 0]
    assert (await ledger.audit.list("p"))[0].type == "PromotionRetried"
    assert isinstance(await start(ledger, "a", "next", 2), Started)


async def test_twice_is_once(ledger):
    """One that waits or runs is returned as it is."""
    await failed(ledger, StepStatus.ERRORED, StepStatus.RUNNING, phase=Phase.ERRORED)
    first = await retry(ledger)
    assert await retry(ledger) == first
    await start(ledger, "a", "next", 2)
    assert (await retry(ledger)).phase is Phase.RUNNING


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.ABORTED])
async def test_only_what_failed(ledger, phase):
    """What succeeded or was aborted is not retried."""
    await failed(ledger, StepStatus.SUCCEEDED, phase=phase)
    with pytest.raises(Refused, match="promote again"):
        await retry(ledger)


async def test_a_stage_that_has_moved_on(ledger):
    """A promotion that began later must not be undone; one that only waits is no hindrance."""
    await failed(ledger, StepStatus.FAILED)
    await ledger.promotions.create(promotion("waiting", "f3", minutes=1))
    assert (await retry(ledger)).phase is Phase.PENDING
    await start(ledger, "a", minutes=3)
    await ledger.promotions.finish("p", "a", "run", Phase.FAILED, "no", at(3))
    await promote(ledger, "b", "f2", minutes=4)
    with pytest.raises(Refused, match="'b' began after it"):
        await retry(ledger)


async def test_unknown(ledger):
    """It has to exist."""
    with pytest.raises(NotFound):
        await retry(ledger, "z")
