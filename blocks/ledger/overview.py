"""Projects as auto-promotion looks at them: a few queries for all of them, however many Stages there are.

Of the Freight only the newest of each Warehouse is read at first, and what Stages hold. Where that does not decide,
`behind` finds what lies deeper.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.column_types import Utc
from blocks.ledger.definitions import read_defined
from blocks.ledger.freezes import frozen
from blocks.ledger.part import Part
from blocks.ledger.pertinent import pertinent, stopping
from blocks.ledger.promotion_rows import IS_OPEN
from blocks.ledger.records import Definition, Freeze, FreightRecord, Hold, PromotionRecord, Standing, Visit
from blocks.ledger.standings import read_standings
from blocks.ledger.tables import approvals, freight, holds, promotions, visits

NEWEST = 5
"""Freight of each Warehouse read at first: more than most Stages trail behind it."""

DEEPEST = 500
"""Freight found behind each door at most, the newest first."""

HEAVY = ("vars", "steps", "collection", "health_checks", "waiting_for", "targets")
BRIEF_PROMOTION = [column for column in rows.columns(promotions, PromotionRecord) if column.name not in HEAVY]
CONTENTS = ("content", "metadata")
BRIEF_FREIGHT = [column for column in rows.columns(freight, FreightRecord) if column.name not in CONTENTS]

Key = tuple[str, str]
"""Project and name."""


class Door(NamedTuple):
    """A way into a Stage: from an upstream Stage, or straight from a Warehouse when `upstream` is empty.

    What is asked for is Freight discovered at `since` or later, and before `before`. What has passed a `control_flow`
    Stage is not looked for again.
    """

    project: str
    stage: str
    origin: str
    upstream: str
    since: datetime
    before: datetime
    control_flow: bool = False


Types = dict[str, sa.types.TypeEngine[Any]]
FREIGHT: Types = {"project": sa.String(), "name": sa.String()}
DOOR: Types = {
    "project": sa.String(),
    "stage": sa.String(),
    "origin": sa.String(),
    "upstream": sa.String(),
    "since": Utc(),
    "before": Utc(),
    "control_flow": sa.Boolean(),
}


@dataclass
class About:
    """Some Freight, where it stands, and the promotions that matter to it. Both are brief: without their contents.

    Of promotions `vars`, `steps`, `collection`, `health_checks`, `waiting_for` and `targets` are left out.
    """

    freight: dict[Key, FreightRecord] = field(default_factory=dict)
    standings: dict[Key, Standing] = field(default_factory=dict)
    promotions: dict[Key, PromotionRecord] = field(default_factory=dict)


@dataclass
class Overview(About):
    """Every project. Of each Warehouse the newest `NEWEST` Freight and all of the same age as the last of them."""

    definitions: list[Definition] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    freezes: list[Freeze] = field(default_factory=list)


class Overviews(Part):
    """Reading what the sweep decides by."""

    async def read(self, kinds: Collection[str], project: str | None = None) -> Overview:
        """Read all projects, or one, as they are at one moment, with the definitions of these kinds."""
        async with self._database.read(snapshot=True) as connection:
            found = Overview()
            found.definitions = await read_defined(connection, kinds, project)
            there = sa.select(*rows.columns(visits, Visit)).where(_of(visits, project), visits.c.left_at.is_(None))
            found.visits = await rows.every(connection, Visit, there)
            held = sa.select(*rows.columns(holds, Hold)).where(_of(holds, project))
            found.holds = await rows.every(connection, Hold, held)
            found.freezes = await rows.every(connection, Freeze, frozen(project))
            keys = [(row.project, row.name) for row in await connection.execute(_newest_and_held(project))]
            looked_at = rows.given(connection, "looked_at", FREIGHT, keys)
            await _read_about(connection, found, looked_at, pertinent(project, _promoted(looked_at)))
        return found

    async def behind(self, doors: Sequence[Door], known: Collection[Key]) -> About:
        """Read the Freight that could enter by doors, unless it is known: verified upstream, approved, or straight.

        At most `DEEPEST` for each Stage and Warehouse, the newest first.
        """
        found = About()
        async with self._database.read(snapshot=True) as connection:
            asked = await connection.execute(_behind(rows.given(connection, "doors", DOOR, doors)))
            fresh = [key for row in asked if (key := (row.project, row.name)) not in known]
            if fresh:
                looked_at = rows.given(connection, "looked_at", FREIGHT, fresh)
                await _read_about(connection, found, looked_at, stopping(_promoted(looked_at)))
        return found


async def _read_about(connection: AsyncConnection, found: About, looked_at: sa.CTE, matter: Any) -> None:
    """Read what is known about the Freight looked at, and the promotions that matter to it."""
    wanted = sa.select(*BRIEF_FREIGHT).join(looked_at, _is(freight.c.project, freight.c.name, looked_at))
    for each in await rows.every(connection, partial(FreightRecord, content={}), wanted):
        found.freight[each.project, each.name] = each
    found.standings |= await read_standings(connection, looked_at)
    chosen = matter.subquery("matter")
    these = sa.select(*BRIEF_PROMOTION).join(chosen, _is(promotions.c.project, promotions.c.name, chosen))
    for record in await rows.every(connection, PromotionRecord, these):
        found.promotions[record.project, record.name] = record


def _newest_and_held(project: str | None) -> sa.CompoundSelect[Any]:
    """Select project and name of each Warehouse's newest Freight, and of what Stages hold or people hold there."""
    origins = sa.select(freight.c.project, freight.c.origin).where(_of(freight, project)).distinct().subquery("origins")
    older = freight.alias("older")
    last = (
        sa.select(older.c.discovered_at)
        .where(older.c.project == origins.c.project, older.c.origin == origins.c.origin)
        .order_by(older.c.discovered_at.desc(), older.c.name.desc())
        .offset(NEWEST - 1)
        .limit(1)
        .correlate(origins)
        .scalar_subquery()
    )
    # PostgreSQL would look for the floor of each Freight again.
    floors = (
        sa.select(origins.c.project, origins.c.origin, last.label("floor"))
        .cte("floors")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    newest = sa.select(freight.c.project, freight.c.name).join(
        floors,
        sa.and_(
            freight.c.project == floors.c.project,
            freight.c.origin == floors.c.origin,
            sa.or_(floors.c.floor.is_(None), freight.c.discovered_at >= floors.c.floor),
        ),
    )
    there = sa.select(visits.c.project, visits.c.freight).where(_of(visits, project), visits.c.left_at.is_(None))
    held = sa.select(holds.c.project, holds.c.freight).where(_of(holds, project))
    chosen = sa.select(promotions.c.project, promotions.c.freight).where(
        _of(promotions, project), IS_OPEN, promotions.c.intent == "hold"
    )
    return sa.union(newest, there, held, chosen)


def _behind(door: sa.CTE) -> sa.Select[Any]:
    """Select project and name of the Freight that could enter by one of the doors, found by its age."""
    through = sa.or_(door.c.upstream == "", _verified_in(door.c.upstream), _approved_for(door.c.stage))
    rank = sa.func.dense_rank().over(
        partition_by=(freight.c.project, door.c.stage, freight.c.origin),
        order_by=(freight.c.discovered_at.desc(), freight.c.name.desc()),
    )
    ranked = (
        sa.select(freight.c.project, freight.c.name, rank.label("rank"))
        .join(door, sa.and_(freight.c.project == door.c.project, freight.c.origin == door.c.origin))
        .where(
            freight.c.discovered_at >= door.c.since,
            freight.c.discovered_at < door.c.before,
            sa.or_(sa.not_(door.c.control_flow), sa.not_(_verified_in(door.c.stage))),
            through,
        )
        .subquery("ranked")
    )
    return sa.select(ranked.c.project, ranked.c.name).where(ranked.c.rank <= DEEPEST).distinct()


def _verified_in(stage: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return _any(
        visits.c.project == freight.c.project,
        visits.c.freight == freight.c.name,
        visits.c.stage == stage,
        visits.c.verified_at.is_not(None),
        visits.c.removed_at.is_(None),
    )


def _approved_for(stage: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return _any(
        approvals.c.project == freight.c.project, approvals.c.freight == freight.c.name, approvals.c.stage == stage
    )


def _any(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether there is a row, looked up by index: for EXISTS alone PostgreSQL would read the whole table first."""
    return (
        sa.select(sa.literal_column("1"))
        .where(*conditions)
        .limit(1)
        .correlate_except(visits, approvals)
        .scalar_subquery()
        .is_not(None)
    )


def _is(project: sa.ColumnElement[str], name: sa.ColumnElement[str], table: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(project == table.c[0], name == table.c[1])


def _promoted(looked_at: sa.CTE) -> sa.ColumnElement[bool]:
    """The promotions of the Freight looked at."""
    return _is(promotions.c.project, promotions.c.freight, looked_at)


def _of(table: sa.Table, project: str | None) -> sa.ColumnElement[bool]:
    return sa.true() if project is None else table.c.project == project
