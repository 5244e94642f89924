"""Promotions: steps that run after an abort, where people asked for that."""

from datetime import datetime

import sqlalchemy as sa

from blocks.errors import Conflict
from blocks.ledger import rows
from blocks.ledger.part import Part
from blocks.ledger.promotion_ends import CLEAN_UP
from blocks.ledger.promotion_rows import all_promotions, locked, named, put_step, write_promotion_event
from blocks.ledger.records import CONTROLLER, Phase, PromotionRecord, StepRun
from blocks.ledger.tables import promotions


class PromotionCleanUps(Part):
    """What is still to be cleaned up, and that it was."""

    async def to_clean_up(self, since: datetime, limit: int = 500) -> list[PromotionRecord]:
        """Return promotions aborted since then whose clean-up steps are still to be run, newest first."""
        aborted = sa.and_(rows.word(promotions.c.phase, Phase.ABORTED), promotions.c.finished_at >= since)
        query = all_promotions().where(aborted).order_by(promotions.c.finished_at.desc()).limit(limit)
        async with self._database.read() as connection:
            found = await rows.every(connection, PromotionRecord, query)
        return [record for record in found if record.waiting_for.get(CLEAN_UP)]

    async def save_clean_up(self, project: str, name: str, step: StepRun) -> None:
        """Keep what became of a clean-up step. Raises Conflict unless the promotion was aborted."""
        async with self._database.write() as connection:
            if (record := await locked(connection, project, name)).phase is not Phase.ABORTED:
                raise Conflict(f"Promotion {name!r} is {record.phase}: only an aborted one is cleaned up after")
            await put_step(connection, project, name, step)

    async def cleaned_up(self, project: str, name: str, message: str, at: datetime) -> None:
        """Say that the clean-up steps of an aborted promotion have ended."""
        async with self._database.write() as connection:
            record = await locked(connection, project, name)
            if record.phase is Phase.ABORTED and record.waiting_for:
                done = sa.update(promotions).where(named(project, name))
                await connection.execute(done.values(waiting_for={}))
                await write_promotion_event(connection, record, "CleanedUp", CONTROLLER, message, at)
