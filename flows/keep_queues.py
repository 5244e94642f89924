"""Keeping the queues of Stages: who waits goes on when what stopped the Stage ends, who was superseded leaves.

A window that opens at a known time wakes by the run's own schedule. This is for all that changes otherwise: a freeze
that is ended, a window that is taken away, a newer Promotion where only the latest counts.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed

from blocks.ledger.records import PromotionRecord
from flows.promotion.gates import in_line
from flows.publish import tell
from flows.stage.outlook import Outlook
from flows.stage.outlooks import read_outlooks
from flows.stage.pipeline import read_pipeline
from flows.wake import wake
from flows.world import World

SUPERSEDED = "Superseded"
"""The name of the state in which the run of a superseded Promotion ends."""

PAST = timedelta(days=1)
"""Runs of what was superseded longer ago are let be."""


async def keep_queues(here: World, client: PrefectClient, now: datetime) -> list[str]:
    """End the runs of what was superseded and wake who waited for a Stage that is open again. Returns sentences."""
    return await end_superseded(here, client, now) + await wake_in_line(here, client, now)


async def wake_in_line(here: World, client: PrefectClient, now: datetime, project: str | None = None) -> list[str]:
    """Wake the Promotions, of one project or all, whose Stage nothing stops any more. Returns a sentence for each."""
    by_project: defaultdict[str, list[PromotionRecord]] = defaultdict(list)
    for record in await here.ledger.promotions.queued():
        if in_line(record) and record.waiting_for["wake_when"].get("stopped") and project in (None, record.project):
            by_project[record.project].append(record)
    woken: list[PromotionRecord] = []
    outlooks = await read_outlooks(here.ledger, now, project) if by_project else {}
    for each, records in by_project.items():
        outlook = outlooks.get(each)
        free = [record for record in _free(outlook, records, now) if record.flow_run_id]
        woken += [record for record in free if await wake(client, record)]
    return [f"{record.name}: woken, because nothing stops {record.stage} any more" for record in woken]


def _free(outlook: Outlook | None, records: Sequence[PromotionRecord], now: datetime) -> list[PromotionRecord]:
    """Those whose Stage nothing stops; a Stage or project that is gone stops nobody, its run finds out.

    One that cannot be read stops all: what stands before it is not known.
    """
    if outlook is None:
        return list(records)
    stages = outlook.pipeline.stages
    return [
        each
        for each in records
        if each.stage not in outlook.pipeline.unreadable
        and (each.stage not in stages or each.break_glass or not outlook.stops(stages[each.stage], now))
    ]


async def end_superseded(here: World, client: PrefectClient, now: datetime) -> list[str]:
    """End runs that wait for a Promotion that was superseded, those that wait for people too. Returns sentences."""
    done = []
    for record in await here.ledger.promotions.superseded_runs(now - PAST):
        if await _end_run(client, record):
            await here.ledger.promotions.run_ended(record.project, record.name)
            await tell(record, "promotion.superseded")
            done.append(f"{record.name}: {record.message}")
    return done


async def end_what_it_superseded(here: World, record: PromotionRecord) -> None:
    """End the runs whose place a Promotion that was just made has taken, where only the latest counts."""
    pipeline = await read_pipeline(here.ledger, record.project)
    if record.stage in pipeline.stages and pipeline.queue(record.stage) == "Latest":
        async with get_client() as client:
            await end_superseded(here, client, datetime.now(UTC))


async def _end_run(client: PrefectClient, record: PromotionRecord) -> bool:
    """End a run that waits; False when it is at work, for it then finds out by itself."""
    try:
        run = await client.read_flow_run(UUID(record.flow_run_id))
    except ObjectNotFound:
        return True
    if run.state is None or run.state.is_final():
        return True
    if not (run.state.is_scheduled() or run.state.is_paused()):
        return False
    state: Any = Completed(name=SUPERSEDED, message=record.message)
    await client.set_flow_run_state(run.id, state, force=True)
    return True
