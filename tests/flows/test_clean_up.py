"""Steps marked onAbort run after an abort, and no others."""

from pathlib import Path

import pytest

from blocks.ledger.records import Phase, StepStatus
from deployments.machine import Machine
from deployments.requests import abort_promotion
from tests.flows.promotion.answering import answer, answering
from tests.flows.test_cancel import cancel
from tests.flows.test_waiting import behind_a_door
from tests.servers.guestbook import until
from tests.servers.waiting import in_state

STEPS = """
      - uses: http
        as: tell
        onAbort: true
        config:
          url: URL/tell
          method: POST
          body: '${{ ctx.stage }} was aborted after ${{ outputs["promote::push"].branch }}'
      - uses: fail
        as: never
"""


async def aborted_in_the_middle(tmp_path: Path, abort):
    """Abort a promotion that waits at a door, and return what was told, its phase, and its steps."""
    async with answering(answer(200)) as server:
        more = STEPS.replace("URL", server.url)
        async with behind_a_door(tmp_path, more) as (guestbook, _):
            record = await guestbook.promotion(await guestbook.push("1.0.0"), "test")
            await in_state(guestbook, record, "Waiting", seconds=40)
            await abort(guestbook, record)

            async def cleaned() -> bool:
                events = await guestbook.here.ledger.audit.list(record.project)
                return any(each.type == "PromotionCleanedUp" for each in events)

            await until(cleaned, "the clean-up", 90)  # the sweep comes every minute
            now = await guestbook.here.ledger.promotions.get(record.project, record.name)
            steps = await guestbook.here.ledger.promotions.steps(record.project, record.name)
            return server.seen, now.phase, {each.alias: each.status for each in steps}


async def test_after_an_abort_by_name(machine: Machine, tmp_path: Path):
    """The marked step runs once with the outputs of those before it; what is not marked does not."""

    async def abort(guestbook, record):
        await abort_promotion(guestbook.here, record.project, record.name, "ann")

    seen, phase, steps = await aborted_in_the_middle(tmp_path, abort)
    assert phase is Phase.ABORTED
    assert steps["door"] is StepStatus.ABORTED
    assert steps["tell"] is StepStatus.SUCCEEDED
    assert "never" not in steps
    assert len(seen) == 1 and b"test was aborted after stage/test" in seen[0]


@pytest.mark.long
async def test_after_a_cancellation_in_prefect(machine: Machine, tmp_path: Path):
    """Cancelling the run in Prefect cleans up, too: the sweep sees to it."""
    seen, phase, steps = await aborted_in_the_middle(tmp_path, lambda _, record: cancel(record))
    assert (phase, steps["tell"], len(seen)) == (Phase.ABORTED, StepStatus.SUCCEEDED, 1)
