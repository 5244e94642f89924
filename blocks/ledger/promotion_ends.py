"""Promotions: how they end, and what that changes in their Stage."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.errors import Invalid
from blocks.ledger import rows
from blocks.ledger.holds import apply_intent
from blocks.ledger.part import Part
from blocks.ledger.promotion_rows import OPEN, all_promotions, fenced, locked, named, of_targets, write_promotion_event
from blocks.ledger.records import Json, Phase, PromotionRecord, StepStatus
from blocks.ledger.tables import promotions, step_runs
from blocks.ledger.visits import enter

CLEAN_UP = "clean_up"
"""Key of `waiting_for` in an aborted promotion whose clean-up steps are still to be run."""

_END = ("phase", "owner", "lease_until", "message", "finished_at", "health_checks", "waiting_for")


def wants_clean_up(record: PromotionRecord) -> bool:
    """Whether a promotion has steps that run after an abort; those of a request run for its targets only."""
    return record.targets is None and any(step.get("onAbort") for step in record.steps)


class PromotionEnds(Part):
    """Finishing and aborting, each one transaction."""

    async def finish(
        self,
        project: str,
        name: str,
        owner: str,
        phase: Phase,
        message: str,
        now: datetime,
        health_checks: Sequence[Json] | None = None,
    ) -> PromotionRecord:
        """End a promotion; on success its Stage holds the collection from now on.

        Holds follow the promotion's `intent` on success only. A pending promotion may end without success,
        whoever says so. Finishing again with the same phase returns what there is.
        Raises Conflict when the promotion is another owner's by now, or ended otherwise.
        """
        if not phase.terminal:
            raise Invalid(f"cannot finish Promotion {name!r} as {phase}: that is no end")
        async with self._database.write() as connection:
            record = await locked(connection, project, name)
            if record.phase is phase and record.owner == owner:
                return record
            if record.phase is not Phase.PENDING or phase is Phase.SUCCEEDED:
                record = await fenced(connection, project, name, owner)
            checks = record.health_checks if health_checks is None else list(health_checks)
            ended = replace(
                record,
                phase=phase,
                owner=owner,
                message=message,
                finished_at=now,
                health_checks=checks,
                waiting_for={},
            )
            await _end(connection, ended, record.actor, message)
            if phase is Phase.SUCCEEDED and not record.target:
                await enter(connection, project, record.stage, record.collection, name, now, record.origin)
                await apply_intent(connection, record, now)
            return ended

    async def abort(self, project: str, name: str, actor: str, reason: str, now: datetime) -> PromotionRecord:
        """Abort a pending or running promotion with its running step; one that has ended is returned as it is."""
        async with self._database.write() as connection:
            record = await locked(connection, project, name)
            if record.phase.terminal:
                return record
            message = f"aborted by {actor}: {reason}" if reason else f"aborted by {actor}"
            return await _abort(connection, record, actor, message, now)


async def _abort(
    connection: AsyncConnection, record: PromotionRecord, actor: str, message: str, now: datetime
) -> PromotionRecord:
    left = {CLEAN_UP: True} if record.started_at and wants_clean_up(record) else {}
    aborted = replace(record, phase=Phase.ABORTED, message=message, finished_at=now, waiting_for=left)
    await _end(connection, aborted, actor, message)
    await _abort_steps(connection, aborted, message)
    return aborted


async def _end(connection: AsyncConnection, ended: PromotionRecord, actor: str, message: str) -> None:
    """End a promotion, and with a request what its targets still have open: nothing goes on without it."""
    assert ended.finished_at is not None
    line = rows.values(replace(ended, lease_until=None))
    kept = {key: line[key] for key in _END}
    await connection.execute(sa.update(promotions).where(named(ended.project, ended.name)).values(kept))
    await write_promotion_event(connection, ended, str(ended.phase), actor, message, ended.finished_at)
    if ended.targets:
        left = sa.and_(of_targets(ended.project, ended.name), promotions.c.phase.in_(OPEN))
        query = all_promotions().where(left).order_by(promotions.c.name).with_for_update()
        for each in await rows.every(connection, PromotionRecord, query):
            said = f"{ended.name!r} is {ended.phase}: {message}"
            await _abort(connection, each, actor, said, ended.finished_at)


async def _abort_steps(connection: AsyncConnection, aborted: PromotionRecord, message: str) -> None:
    running = sa.and_(
        step_runs.c.project == aborted.project,
        step_runs.c.promotion == aborted.name,
        step_runs.c.status == StepStatus.RUNNING,
    )
    change = {"status": StepStatus.ABORTED, "message": message, "finished_at": aborted.finished_at}
    await connection.execute(sa.update(step_runs).where(running).values(change))
