"""Promotions: going on with one that failed, at the step that failed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.errors import Refused
from blocks.ledger import rows
from blocks.ledger.freight_rows import pin
from blocks.ledger.part import Part
from blocks.ledger.promotion_rows import locked, named, write_promotion_event
from blocks.ledger.records import Phase, PromotionRecord, StepRun, StepStatus
from blocks.ledger.tables import promotions, step_runs

RETRIED = (Phase.FAILED, Phase.ERRORED)
_BAD = (StepStatus.FAILED, StepStatus.ERRORED, StepStatus.ABORTED)


class PromotionRetries(Part):
    """Retrying, one transaction."""

    async def retry(
        self, project: str, name: str, actor: str, reason: str, now: datetime, flow_run_id: str | None = None
    ) -> PromotionRecord:
        """Make a failed promotion wait for its turn again; `flow_run_id` is the run that will go on with it.

        Steps before the first that failed stay finished. From there on all are run again, with the outputs they
        had, so that they find what they made. One that has not ended is returned as it is.
        Raises Refused for one that did not fail, and when its Stage has moved on; NotFound when its Freight is gone.
        """
        async with self._database.write() as connection:
            record = await locked(connection, project, name)
            if not record.phase.terminal:
                return record
            if record.phase not in RETRIED:
                raise Refused(
                    f"Promotion {name!r} is {record.phase}; only one that Failed or Errored can be retried: "
                    "promote again instead"
                )
            if record.target:
                raise Refused(
                    f"Promotion {name!r} is for target {record.target!r} of {record.request!r}: retry that, "
                    "which tries only those targets again that failed"
                )
            await _check_still_last(connection, record)
            await pin(connection, project, record.freight)
            waiting = replace(
                record,
                phase=Phase.PENDING,
                message="",
                owner="",
                flow_run_id=flow_run_id,
                finished_at=None,
                retries=record.retries + 1,
            )
            await reopen(connection, waiting)
            message = f"{actor} retried Promotion {name!r}{f': {reason}' if reason else ''}"
            await write_promotion_event(connection, waiting, "Retried", actor, message, now)
            return waiting


async def _check_still_last(connection: AsyncConnection, record: PromotionRecord) -> None:
    """Raise Refused when a promotion made later has begun: going on would undo what it did."""
    later = sa.select(promotions.c.name).where(
        promotions.c.project == record.project,
        promotions.c.stage == record.stage,
        promotions.c.target == "",
        promotions.c.created_at > record.created_at,
        promotions.c.started_at.is_not(None),
    )
    if newer := (await connection.execute(later.limit(1))).scalar():
        raise Refused(
            f"Stage {record.stage!r} has moved on since Promotion {record.name!r} failed: "
            f"{newer!r} began after it; promote again instead"
        )


async def reopen(connection: AsyncConnection, waiting: PromotionRecord) -> None:
    """Write down that a promotion waits to go on, and which of its steps are to be run again."""
    line = rows.values(waiting)
    kept = ("phase", "message", "owner", "flow_run_id", "finished_at", "retries", "waiting_for")
    change = {**{column: line[column] for column in kept}, "lease_until": None}
    await connection.execute(sa.update(promotions).where(named(waiting.project, waiting.name)).values(change))
    mine = sa.and_(step_runs.c.project == waiting.project, step_runs.c.promotion == waiting.name)
    query = sa.select(*rows.columns(step_runs, StepRun)).where(mine).order_by(step_runs.c.index)
    for run in _again(await rows.every(connection, StepRun, query)):
        this = sa.and_(mine, step_runs.c.index == run.index)
        await connection.execute(sa.update(step_runs).where(this).values(rows.values(run)))


def _again(runs: Sequence[StepRun]) -> list[StepRun]:
    """The steps from the first that failed on, as if they had not begun, but with what they put out."""
    failed = next((run.index for run in runs if run.finished_at is None or _failed(run)), None)
    return [
        replace(run, status=StepStatus.RUNNING, error_count=0, started_at=None, finished_at=None, message="")
        for run in runs
        if failed is not None and run.index >= failed
    ]


def _failed(run: StepRun) -> bool:
    return run.status in _BAD and not run.continue_on_error
