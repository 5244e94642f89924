"""What is old in the ledger and why it is needed still, and taking away what is not. The trail stays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.audit import write_event
from blocks.ledger.freight_rows import all_freight, take_away, these
from blocks.ledger.freight_uses import uses
from blocks.ledger.part import Part
from blocks.ledger.promotion_needs import delete_promotions, needs
from blocks.ledger.promotion_rows import OPEN
from blocks.ledger.records import AuditEvent, FreightRecord, Visit
from blocks.ledger.tables import freight, promotions, visits
from blocks.ledger.visits import all_visits, in_stage

PAGE = 500
"""Old things read, and taken away in one transaction, at once."""

COLLECTOR = "controller:collect"
"""The actor of what is taken away by itself."""

EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Line:
    """Things of one kind that stand in line by age: the Freight of a Warehouse, the Promotions of a Stage."""

    kind: str
    table: sa.Table
    place: sa.Column[str]
    at: sa.Column[datetime]
    label: sa.Column[str]
    counted: sa.ColumnElement[bool]

    def of(self, project: str, place: str) -> sa.ColumnElement[bool]:
        """The things of one place."""
        return sa.and_(self.table.c.project == project, self.place == place, self.counted)

    def before(self, key: tuple[datetime, str] | None) -> sa.ColumnElement[bool]:
        """What is older than one thing, or everything."""
        if key is None:
            return sa.true()
        values = sa.tuple_(sa.literal(key[0], self.at.type), sa.literal(key[1], sa.String()))
        return sa.tuple_(self.at, self.table.c.name) < values

    @property
    def newest(self) -> tuple[sa.ColumnElement[Any], ...]:
        """Order by age, newest first."""
        return self.at.desc(), self.table.c.name.desc()


FREIGHT = Line("Freight", freight, freight.c.origin, freight.c.discovered_at, freight.c.alias, sa.true())
PROMOTIONS = Line(
    "Promotion",
    promotions,
    promotions.c.stage,
    promotions.c.created_at,
    promotions.c.name,
    promotions.c.target == "",  # those of single targets go with their request
)


@dataclass(frozen=True)
class Aged:
    """One old thing. `newer`: of what is older than the oldest one in use, how many are newer than this."""

    name: str
    at: datetime
    label: str
    newer: int


@dataclass(frozen=True)
class Reach:
    """How far back one can go in a Stage: to this stay of Freight of an origin, and to what left since this time."""

    visit: int
    since: datetime


class Retention(Part):
    """Old Freight and old Promotions, page by page."""

    async def lines(self, line: Line, keep: int, project: str = "") -> list[tuple[str, str]]:
        """Return (project, Warehouse or Stage) where there is more than what is kept anyway."""
        many = (
            sa.select(line.table.c.project, line.place).where(line.counted).group_by(line.table.c.project, line.place)
        )
        if project:
            many = many.where(line.table.c.project == project)
        many = many.having(sa.func.count() > keep).order_by(line.table.c.project, line.place)
        async with self._database.read() as connection:
            return [(row[0], row[1]) for row in await connection.execute(many)]

    async def aged(
        self, line: Line, project: str, place: str, until: datetime, after: Aged | None = None
    ) -> list[Aged]:
        """Return a page of what is older than the oldest one in use and not newer than `until`, newest first.

        In use is here what a Stage runs or what is on its way there. `after` is the last of the page before.
        """
        async with self._database.read() as connection:
            edge = (after.at, after.name) if after else await _oldest_in_use(connection, line, project, place)
            young = sa.select(sa.func.count()).where(line.of(project, place), line.before(edge), line.at > until)
            newer = after.newer + 1 if after else (await connection.execute(young)).scalar_one()
            columns = line.table.c.name, line.at.label("at"), line.label.label("label")
            page = sa.select(*columns).where(line.of(project, place), line.before(edge), line.at <= until)
            found = (await connection.execute(page.order_by(*line.newest).limit(PAGE))).all()
        return [Aged(row.name, row.at, row.label, newer + index) for index, row in enumerate(found)]

    async def freight_uses(self, project: str, names: Sequence[str]) -> dict[str, list[str]]:
        """Return by name what uses Freight now; Freight that nothing uses is left out."""
        async with self._database.read() as connection:
            return await uses(connection, project, names)

    async def promotion_needs(self, project: str, names: Sequence[str]) -> dict[str, str]:
        """Return by name what ended Promotions are needed for; those that nothing needs are left out."""
        async with self._database.read() as connection:
            return await needs(connection, project, names)

    async def past(self, project: str, names: Sequence[str]) -> list[Visit]:
        """Return the past stays of Freight in Stages that are there still and promote."""
        query = all_visits().where(
            visits.c.project == project,
            visits.c.freight.in_(names),
            visits.c.left_at.is_not(None),
            visits.c.removed_at.is_(None),
            visits.c.promotion != "",
        )
        async with self._database.read() as connection:
            return await rows.every(connection, Visit, query)

    async def reach(self, project: str, stage: str, origin: str, keep: int, until: datetime) -> Reach:
        """Return how far back one can go in a Stage when so many stays, and the Promotions kept, are to be reached."""
        stays = sa.select(visits.c.id).where(
            in_stage(project, stage), visits.c.origin == origin, visits.c.promotion != ""
        )
        last_stay = stays.order_by(visits.c.id.desc()).offset(keep - 1).limit(1)
        async with self._database.read() as connection:
            edge = await _oldest_in_use(connection, PROMOTIONS, project, stage)
            kept = sa.select(promotions.c.created_at).where(PROMOTIONS.of(project, stage), PROMOTIONS.before(edge))
            last_kept = kept.order_by(*PROMOTIONS.newest).offset(keep - 1).limit(1)
            visit, since = [(await connection.execute(query)).scalar() for query in (last_stay, last_kept)]
        return Reach(visit or 0, min(since or EVER, until))

    async def collect_freight(self, project: str, names: Sequence[str], now: datetime) -> set[str]:
        """Take away those of these Freight that nothing uses at this very moment; returns their names.

        What somebody is about to use is left alone without waiting.
        """
        async with self._database.write() as connection:
            query = all_freight().where(these(project, names)).order_by(freight.c.name)
            found = await rows.every(connection, FreightRecord, query.with_for_update(skip_locked=True))
            used = await uses(connection, project, names)
            gone = [each for each in found if each.name not in used]
            await take_away(connection, gone, "Collected", COLLECTOR, now)
            return {each.name for each in gone}

    async def collect_promotions(self, project: str, stage: str, names: Sequence[str], now: datetime) -> set[str]:
        """Take away those of a Stage's ended Promotions that nothing needs, with all that was kept of them."""
        async with self._database.write() as connection:
            ended = sa.select(promotions.c.name).where(
                promotions.c.project == project, promotions.c.name.in_(names), promotions.c.phase.not_in(OPEN)
            )
            query = ended.order_by(promotions.c.name).with_for_update(skip_locked=True)
            found = set((await connection.execute(query)).scalars())
            gone = found - (await needs(connection, project, names)).keys()
            if gone:
                await delete_promotions(connection, project, gone)
                await write_event(connection, _collected(project, stage, gone, now))
            return gone


def _collected(project: str, stage: str, gone: set[str], now: datetime) -> AuditEvent:
    message = f"{len(gone)} old Promotion{'' if len(gone) == 1 else 's'} of Stage {stage!r} collected"
    data = {"stage": stage, "promotions": sorted(gone)}
    return AuditEvent(project, "PromotionsCollected", f"Stage/{stage}", COLLECTOR, message, now, data)


async def _oldest_in_use(
    connection: AsyncConnection, line: Line, project: str, place: str
) -> tuple[datetime, str] | None:
    used = promotions.c.phase.in_(OPEN) if line is PROMOTIONS else freight.c.name.in_(_freight_in_use(project))
    query = sa.select(line.at, line.table.c.name).where(line.of(project, place), used)
    oldest = (await connection.execute(query.order_by(line.at, line.table.c.name).limit(1))).first()
    return (oldest[0], oldest[1]) if oldest else None


def _freight_in_use(project: str) -> sa.CompoundSelect[Any]:
    runs = sa.select(visits.c.freight).where(visits.c.project == project, visits.c.left_at.is_(None))
    on_its_way = sa.select(promotions.c.freight).where(promotions.c.project == project, promotions.c.phase.in_(OPEN))
    return sa.union(runs, on_its_way)
