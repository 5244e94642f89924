"""Clean up: run the steps of an aborted Promotion that are marked `onAbort`, wherever it was stopped.

The Promotion is over and its Stage free; what is run here changes neither. It may be killed and begin again, like the
Promotion itself.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client

from blocks.errors import NotFound
from blocks.ledger.promotion_ends import CLEAN_UP
from blocks.ledger.records import PromotionRecord, StepRun
from flows.current_run import CurrentRun, current_run, ended
from flows.lease import held
from flows.promotion.cleaning_up import summary
from flows.promotion.workplace import Workplace
from flows.readying import run_clean_up
from flows.start import start_clean_up
from flows.step_runs import prepared, shown_as_task
from flows.stop import stoppable
from flows.world import World, world

FOR = timedelta(days=1)
"""How long after an abort the sweep still has its clean-up begun."""


@flow(name="clean-up", flow_run_name="clean up after {promotion}", persist_result=False)
@stoppable
async def clean_up(project: str, promotion: str) -> Any:
    """Run the clean-up steps of an aborted Promotion.

    Args:
        project: The project.
        promotion: The Promotion's name.
    """
    here, run = await world(), current_run()
    seconds, name = here.settings.lease_seconds, f"clean-up/{promotion}"
    record = await here.ledger.promotions.get(project, promotion)
    if record is None:
        raise NotFound(f"project {project!r} has no Promotion {promotion!r}")
    if not record.waiting_for.get(CLEAN_UP):
        return ended("Skipped", "there is nothing to clean up")

    async def claim(until: datetime) -> bool:
        return await here.ledger.leases.take(name, run.owner, until, datetime.now(UTC))

    if not await claim(datetime.now(UTC) + timedelta(seconds=seconds)):
        return ended("Skipped", "another run cleans up")
    try:
        async with held(claim, seconds):
            done = await _clean_up(here, record, run)
    finally:
        await here.ledger.leases.drop(name, run.owner)
    said = summary(done)
    await here.ledger.promotions.cleaned_up(project, promotion, said, datetime.now(UTC))
    return ended("CleanedUp", said)


async def begin_clean_up(aborted: PromotionRecord) -> None:
    """Have a Promotion that was just aborted cleaned up after, if it has steps for that. The sweep makes sure."""
    if aborted.waiting_for.get(CLEAN_UP):
        with suppress(Exception):
            async with get_client() as client:
                await start_clean_up(client, aborted, "aborted")


async def begin_clean_ups(here: World, client: PrefectClient, now: datetime) -> list[str]:
    """Start the clean-ups that nobody has done yet. The run that comes second finds nothing to do."""
    waiting = await here.ledger.promotions.to_clean_up(now - FOR)
    for record in waiting:
        await start_clean_up(client, record, str(int(now.timestamp()) // 300))
    return [f"{record.name}: clean-up begun" for record in waiting]


async def _clean_up(here: World, record: PromotionRecord, run: CurrentRun) -> list[StepRun]:
    """Run what is marked, in a working directory of its own."""
    workplace = Workplace(here.settings.root / "work", f"{record.name}-clean-up")
    try:
        ready = await prepared(here, record, run, workplace)
        return await run_clean_up(here, record, ready, lambda: datetime.now(UTC), around=shown_as_task)
    finally:
        await workplace.remove()
