"""Promotions: creating and finding them."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.errors import Conflict
from blocks.ledger import rows
from blocks.ledger.freight_rows import pin
from blocks.ledger.part import Part
from blocks.ledger.pertinent import newest, pertinent
from blocks.ledger.promotion_rows import IS_OPEN, OPEN, all_promotions, locked, named, write_promotion_event
from blocks.ledger.records import CONTROLLER, Json, Phase, PromotionRecord
from blocks.ledger.tables import promotions

_OF_KIND = {
    "": promotions.c.target == "",
    "Promotion": promotions.c.targets.is_(None),
    "PromotionRequest": promotions.c.targets.is_not(None),
}


class PromotionQueries(Part):
    """Start-or-attach creation, and lists with limits."""

    async def create(self, record: PromotionRecord, inputs: Json | None = None) -> PromotionRecord:
        """Keep a new promotion; one of the same name or the same flow run is returned as it is.

        `inputs`, what it was admitted by, go into the trail.

        So is the open one that Drayage itself made of the same Freight to the same Stage, or the one, open or not,
        that it made to take back the same failure, by constraint: who gets a record of another flow run came second.
        Raises NotFound when its Freight was deleted meanwhile.
        """
        async with self._database.write() as connection:
            adding = rows.insert(connection, promotions).values(rows.values(record)).on_conflict_do_nothing()
            if not await rows.changed(connection, adding):
                return await _twin(connection, record)
            await pin(connection, record.project, record.freight)
            message = f"{record.actor} asked to promote Freight {record.freight!r} to Stage {record.stage!r}"
            at = record.created_at
            await write_promotion_event(connection, record, "Created", record.actor, message, at, inputs)
            return record

    async def get(self, project: str, name: str) -> PromotionRecord | None:
        """Return one promotion, or None."""
        return await self._first(all_promotions().where(named(project, name)))

    async def by_flow_run(self, flow_run_id: str) -> PromotionRecord | None:
        """Return the promotion a flow run works for, or None."""
        return await self._first(all_promotions().where(promotions.c.flow_run_id == flow_run_id))

    async def open(self, project: str | None = None, limit: int = 1_000) -> list[PromotionRecord]:
        """Return pending and running promotions, oldest first, of one project where given."""
        query = all_promotions().where(IS_OPEN)
        if project is not None:
            query = query.where(promotions.c.project == project)
        return await self._every(query.order_by(promotions.c.created_at, promotions.c.name).limit(limit))

    async def latest_for(self, project: str, stage: str, freight: str) -> PromotionRecord | None:
        """Return the newest promotion of a Freight to a Stage, whatever became of it."""
        return (await self.latest_by_freight(project, stage, [freight])).get(freight)

    async def latest_by_freight(self, project: str, stage: str, freights: Sequence[str]) -> dict[str, PromotionRecord]:
        """Return by Freight its newest promotion to a Stage; Freight never promoted there is left out."""
        rank = sa.func.row_number().over(partition_by=promotions.c.freight, order_by=newest())
        found: dict[str, PromotionRecord] = {}
        for batch in rows.batches(freights):
            ranked = sa.select(promotions.c.name, rank.label("rank")).where(
                promotions.c.project == project,
                promotions.c.stage == stage,
                promotions.c.freight.in_(batch),
                promotions.c.target == "",
            )
            latest = ranked.subquery()
            query = all_promotions().join(latest, latest.c.name == promotions.c.name)
            query = query.where(promotions.c.project == project, latest.c.rank == 1)
            found |= {record.freight: record for record in await self._every(query)}
        return found

    async def pertinent(self, project: str, freights: Sequence[str], limit: int = 10_000) -> list[PromotionRecord]:
        """Return what the rules about a project's Stages look at, newest first, in one query per 5,000 Freight.

        These are all open promotions, the newest ended one of each Stage, those that brought what Stages hold, and
        of each Freight named and each Stage the newest unless it succeeded: success stops nothing.
        """
        found: dict[str, PromotionRecord] = {}
        for batch in rows.batches(freights) if freights else [[]]:
            among = sa.and_(promotions.c.project == project, promotions.c.freight.in_(batch))
            names = sa.select(pertinent(project, among).subquery().c.name)
            query = all_promotions().where(promotions.c.project == project, promotions.c.name.in_(names))
            found |= {record.name: record for record in await self._every(query.order_by(*newest()).limit(limit))}
        return list(found.values())

    async def waiting(self, limit: int = 500) -> list[PromotionRecord]:
        """Return promotions, begun or not, that no run works on because they wait for something, oldest first."""
        something = sa.cast(promotions.c.waiting_for, sa.String) != "{}"
        waits = sa.and_(IS_OPEN, promotions.c.owner == "", something)
        found = await self._every(all_promotions().where(waits).order_by(promotions.c.created_at).limit(limit))
        return [record for record in found if record.waiting_for.get("wake_when")]

    async def attach_run(self, project: str, name: str, flow_run_id: str) -> PromotionRecord:
        """Say which flow run works for a promotion. Raises Conflict when that run works for another one."""
        async with self._database.write() as connection:
            record = await locked(connection, project, name)
            await connection.execute(sa.update(promotions).where(named(project, name)).values(flow_run_id=flow_run_id))
            return replace(record, flow_run_id=flow_run_id)

    async def _first(self, query: sa.Select[Any]) -> PromotionRecord | None:
        async with self._database.read() as connection:
            return await rows.first(connection, PromotionRecord, query)

    async def _every(self, query: sa.Select[Any]) -> list[PromotionRecord]:
        async with self._database.read() as connection:
            return await rows.every(connection, PromotionRecord, query)

    async def list(
        self,
        project: str,
        stage: str | None = None,
        phases: Collection[Phase] | None = None,
        limit: int = 100,
        kind: Literal["", "Promotion", "PromotionRequest"] = "",
    ) -> list[PromotionRecord]:
        """Return promotions of a project, newest first, of one Stage or some phases where given.

        As of which `kind` Kargo lists them: those of single targets among the Promotions, and requests apart; without
        one, requests and what has no request.
        """
        query = all_promotions().where(promotions.c.project == project, _OF_KIND[kind])
        if stage is not None:
            query = query.where(promotions.c.stage == stage)
        if phases is not None:
            query = query.where(promotions.c.phase.in_(phases))
        return await self._every(query.order_by(*newest()).limit(limit))


async def _twin(connection: AsyncConnection, record: PromotionRecord) -> PromotionRecord:
    same_run = sa.and_(promotions.c.flow_run_id.is_not(None), promotions.c.flow_run_id == record.flow_run_id)
    of_freight = sa.and_(
        promotions.c.project == record.project,
        promotions.c.stage == record.stage,
        promotions.c.freight == record.freight,
        promotions.c.actor == CONTROLLER,
        promotions.c.target == "",
        promotions.c.phase.in_(OPEN),
    )
    of_failure = sa.and_(
        promotions.c.project == record.project,
        promotions.c.stage == record.stage,
        promotions.c.rollback != "",
        promotions.c.rollback == record.rollback,
        promotions.c.actor == CONTROLLER,
        promotions.c.target == "",
    )
    same = sa.or_(named(record.project, record.name), same_run)
    for twin in (same, of_failure, of_freight):
        if found := await rows.first(connection, PromotionRecord, all_promotions().where(twin)):
            return found
    raise Conflict(f"could not create Promotion {record.name!r}: another one of its Stage runs; create it Pending")
