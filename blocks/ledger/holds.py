"""Holds: what a person chose that auto-promotion must not undo, within a caller's transaction."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.audit import write_event
from blocks.ledger.records import AuditEvent, Hold, Json, PromotionRecord
from blocks.ledger.tables import holds


async def apply_intent(connection: AsyncConnection, promotion: PromotionRecord, now: datetime) -> None:
    """Establish or lift the hold of a promotion that succeeded, as its `intent` says, and tell it in the trail."""
    place = promotion.project, promotion.stage, promotion.origin
    if promotion.intent == "resume":
        message = f"{promotion.actor} promoted the candidate, so that {promotion.origin} may enter by itself again"
        await lift(connection, *place, promotion.actor, message, now, promotion.name)
    if promotion.intent == "hold":
        await _establish(connection, promotion, now)


async def _establish(connection: AsyncConnection, promotion: PromotionRecord, now: datetime) -> None:
    line = rows.values(
        Hold(
            project=promotion.project,
            stage=promotion.stage,
            origin=promotion.origin,
            freight=promotion.freight,
            promotion=promotion.name,
            actor=promotion.actor,
            created_at=now,
        )
    )
    adding = rows.insert(connection, holds).values(line)
    await connection.execute(adding.on_conflict_do_update(index_elements=["project", "stage", "origin"], set_=line))
    message = (
        f"{promotion.actor} chose other Freight than the candidate, so nothing of {promotion.origin} enters by itself"
    )
    data = {"freight": promotion.freight, "promotion": promotion.name}
    place = promotion.project, promotion.stage, promotion.origin
    await write_event(connection, _event("Established", *place, promotion.actor, message, now, data))


async def lift(
    connection: AsyncConnection,
    project: str,
    stage: str,
    origin: str,
    actor: str,
    message: str,
    now: datetime,
    promotion: str = "",
) -> bool:
    """Remove a hold, tell it in the trail, and say whether there was one."""
    there = sa.and_(holds.c.project == project, holds.c.stage == stage, holds.c.origin == origin)
    if not await rows.changed(connection, sa.delete(holds).where(there)):
        return False
    data = {"promotion": promotion} if promotion else {}
    await write_event(connection, _event("Lifted", project, stage, origin, actor, message, now, data))
    return True


def _event(
    verb: str, project: str, stage: str, origin: str, actor: str, message: str, now: datetime, data: Json
) -> AuditEvent:
    told = {"stage": stage, "origin": origin, **data}
    return AuditEvent(project, f"AutoPromotionHold{verb}", f"Stage/{stage}", actor, message, now, told)
