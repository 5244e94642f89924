"""Holds: what a person chose that auto-promotion must not undo, within a caller's transaction."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.records import Hold, PromotionRecord
from blocks.ledger.tables import holds


async def apply_intent(connection: AsyncConnection, promotion: PromotionRecord, now: datetime) -> None:
    """Establish or lift the hold of a promotion that succeeded, as its `intent` says."""
    if promotion.intent == "resume":
        await lift(connection, promotion.project, promotion.stage, promotion.origin)
    if promotion.intent != "hold":
        return
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


async def lift(connection: AsyncConnection, project: str, stage: str, origin: str) -> bool:
    """Remove a hold and say whether there was one."""
    there = sa.and_(holds.c.project == project, holds.c.stage == stage, holds.c.origin == origin)
    return await rows.changed(connection, sa.delete(holds).where(there))
