"""Promotions: requests for a Stage with targets, and the one Promotion that each target gets of them."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.errors import NotFound
from blocks.ledger import rows
from blocks.ledger.part import Part
from blocks.ledger.promotion_retries import reopen
from blocks.ledger.promotion_rows import OPEN, all_promotions, fenced, of_targets, write_promotion_event
from blocks.ledger.records import Json, Phase, PromotionRecord
from blocks.ledger.tables import promotions, step_runs

LONGEST_TARGET = 40
"""Characters of a target's name within the name of its Promotion."""


@dataclass(frozen=True)
class TargetPromotion:
    """The Promotion of one target, without what it does. `retries` is the round of its request that it belongs to."""

    request: str
    name: str
    target: str
    phase: Phase
    message: str
    retries: int
    flow_run_id: str | None


class PromotionRequests(Part):
    """The Promotions of a request's targets. Only the request's own run makes them, so all is bounded by it."""

    async def of_requests(self, project: str, requests: Collection[str]) -> list[TargetPromotion]:
        """Return the Promotions of some requests' targets, in one query."""
        mine = sa.and_(promotions.c.project == project, promotions.c.request.in_(requests), promotions.c.target != "")
        query = sa.select(*rows.columns(promotions, TargetPromotion)).where(mine).order_by(promotions.c.name)
        async with self._database.read() as connection:
            return await rows.every(connection, TargetPromotion, query)

    async def targets_health_checks(self, project: str, request: str) -> list[Json]:
        """Return what the Promotions of a request's targets registered to be watched after them."""
        query = sa.select(promotions.c.health_checks).where(of_targets(project, request)).order_by(promotions.c.name)
        async with self._database.read() as connection:
            return [check for checks in (await connection.execute(query)).scalars() for check in checks]

    async def begin_target(self, project: str, request: str, owner: str, target: str, now: datetime) -> PromotionRecord:
        """Make the Promotion of one target, or let one that failed before the request was retried wait to go on.

        What was begun in this round, and what succeeded in any, is returned as it is.
        Raises Conflict when the request is another owner's by now, or over, NotFound for what is no target of it.
        """
        async with self._database.write() as connection:
            asked = await fenced(connection, project, request, owner)
            fresh = _of_target(asked, target, now)
            adding = rows.insert(connection, promotions).values(rows.values(fresh)).on_conflict_do_nothing()
            if await rows.changed(connection, adding):
                message = f"Promotion request {request!r} began with target {target!r}"
                await write_promotion_event(connection, fresh, "Created", fresh.actor, message, now)
                return fresh
            mine = sa.and_(promotions.c.project == project, promotions.c.name == fresh.name)
            known = await rows.first(connection, PromotionRecord, all_promotions().where(mine).with_for_update())
            assert known is not None
            return await _again(connection, asked, known, now)


def _of_target(asked: PromotionRecord, target: str, now: datetime) -> PromotionRecord:
    names = [each["name"] for each in asked.targets or []]
    if target not in names:
        raise NotFound(
            f"Promotion request {asked.name!r} has no target {target!r}; it has: {', '.join(names) or 'none'}"
        )
    return PromotionRecord(
        project=asked.project,
        name=f"{asked.name}.{names.index(target)}-{target[:LONGEST_TARGET].rstrip('-.')}",
        stage=asked.stage,
        freight=asked.freight,
        origin=asked.origin,
        actor=asked.actor,
        created_at=now,
        reason=asked.reason,
        vars=asked.vars,
        steps=asked.steps,
        retries=asked.retries,
        request=asked.name,
        target=target,
        rollback=asked.rollback,
    )


async def _again(
    connection: AsyncConnection, asked: PromotionRecord, known: PromotionRecord, now: datetime
) -> PromotionRecord:
    """Reopen what failed in an earlier round: at the step that failed, or from the start when it was aborted."""
    if known.phase in (*OPEN, Phase.SUCCEEDED) or known.retries >= asked.retries:
        return known
    if known.phase is Phase.ABORTED:
        of_it = sa.and_(step_runs.c.project == known.project, step_runs.c.promotion == known.name)
        await connection.execute(sa.delete(step_runs).where(of_it))
    waiting = replace(
        known,
        phase=Phase.PENDING,
        message="",
        owner="",
        flow_run_id=None,
        finished_at=None,
        retries=asked.retries,
        waiting_for={},
    )
    await reopen(connection, waiting)
    message = f"target {known.target!r} is tried again"
    await write_promotion_event(connection, waiting, "Retried", asked.actor, message, now)
    return waiting
