"""Promotions: those that wait for their turn, and those that a later one took the place of."""

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from blocks.ledger import rows
from blocks.ledger.part import Part
from blocks.ledger.promotion_rows import IS_OPEN, all_promotions, locked, named, write_promotion_event
from blocks.ledger.records import CONTROLLER, Phase, PromotionRecord
from blocks.ledger.tables import promotions

SUPERSEDED = "superseded by Promotion "
"""How the message of an aborted promotion begins whose place a later one took."""

RUN_OPEN = "run_open"
"""Key of `waiting_for` in such a promotion while its flow run has not ended yet."""

MOST = 1_000


def superseded(record: PromotionRecord) -> bool:
    """Whether a later promotion took this one's place before it began."""
    return record.phase is Phase.ABORTED and record.message.startswith(SUPERSEDED)


class PromotionQueue(Part):
    """Which promotions wait, and what becomes of them where only the latest counts."""

    async def queued(self, limit: int = MOST) -> list[PromotionRecord]:
        """Return the pending promotions that are known to wait for something, oldest first."""
        query = all_promotions().where(IS_OPEN, promotions.c.phase == Phase.PENDING)
        async with self._database.read() as connection:
            found = await rows.every(connection, PromotionRecord, query.order_by(promotions.c.created_at).limit(limit))
        return [record for record in found if record.waiting_for]

    async def supersede(self, project: str, stage: str, origin: str, by: str, now: datetime) -> list[PromotionRecord]:
        """Abort what waits in a Stage for Freight of an origin and was asked for before the promotion named `by`.

        Each is told in the trail with the reason. Returns them.
        """
        waiting = sa.and_(
            promotions.c.project == project,
            promotions.c.stage == stage,
            promotions.c.origin == origin,
            promotions.c.phase == Phase.PENDING,
            promotions.c.target == "",
            promotions.c.name < by,
        )
        message = f"{SUPERSEDED}{by}, because only the latest counts in Stage {stage!r}"
        async with self._database.write() as connection:
            query = all_promotions().where(waiting).order_by(promotions.c.name).limit(MOST).with_for_update()
            ended = []
            for record in await rows.every(connection, PromotionRecord, query):
                mark = {RUN_OPEN: True} if record.flow_run_id else {}
                over = replace(record, phase=Phase.ABORTED, message=message, finished_at=now, waiting_for=mark)
                change = {"phase": over.phase, "message": message, "finished_at": now, "waiting_for": mark}
                await connection.execute(sa.update(promotions).where(named(project, record.name)).values(change))
                await write_promotion_event(connection, over, "Superseded", CONTROLLER, message, now)
                ended.append(over)
            return ended

    async def superseded_runs(self, since: datetime, limit: int = MOST) -> list[PromotionRecord]:
        """Return those superseded since then whose flow runs may not have ended yet, newest first."""
        aborted = sa.and_(rows.word(promotions.c.phase, Phase.ABORTED), promotions.c.finished_at >= since)
        query = all_promotions().where(aborted).order_by(promotions.c.finished_at.desc()).limit(limit)
        async with self._database.read() as connection:
            found = await rows.every(connection, PromotionRecord, query)
        return [record for record in found if RUN_OPEN in record.waiting_for]

    async def run_ended(self, project: str, name: str) -> None:
        """Say that the flow run of a superseded promotion has ended."""
        async with self._database.write() as connection:
            record = await locked(connection, project, name)
            left = {key: value for key, value in record.waiting_for.items() if key != RUN_OPEN}
            await connection.execute(sa.update(promotions).where(named(project, name)).values(waiting_for=left))
