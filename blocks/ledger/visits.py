"""Stays of Freight in Stages: the rules of entering, leaving and being verified, within a caller's transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.records import Visit
from blocks.ledger.tables import visits


def all_visits() -> sa.Select[Any]:
    """Select visits as records."""
    return sa.select(*rows.columns(visits, Visit))


def in_stage(project: str, stage: str) -> sa.ColumnElement[bool]:
    """The visits of one Stage."""
    return sa.and_(visits.c.project == project, visits.c.stage == stage)


async def open_visits(connection: AsyncConnection, project: str, stage: str) -> dict[str, Visit]:
    """Return by origin who is in a Stage now, locked until the transaction ends."""
    query = all_visits().where(in_stage(project, stage), visits.c.left_at.is_(None)).with_for_update()
    return {visit.origin: visit for visit in await rows.every(connection, Visit, query)}


async def enter(
    connection: AsyncConnection,
    project: str,
    stage: str,
    collection: Mapping[str, str],
    promotion: str,
    now: datetime,
    promoted: str = "",
) -> None:
    """Make the Stage hold a collection (origin → Freight). Freight that is already there keeps its visit.

    When that of the origin `promoted` was there already, its visit is the new promotion's from now on: it brought what
    is to be healthy.
    """
    there = await open_visits(connection, project, stage)
    for origin, freight in collection.items():
        before = there.get(origin)
        if before and before.freight == freight:
            if origin == promoted:
                again = sa.update(visits).where(visits.c.id == before.id)
                await connection.execute(again.values(promotion=promotion))
            continue
        if before:
            await leave(connection, before, now)
        visit = {"project": project, "stage": stage, "origin": origin, "freight": freight, "promotion": promotion}
        await connection.execute(sa.insert(visits).values(visit | {"entered_at": now}))


async def leave(connection: AsyncConnection, visit: Visit, now: datetime) -> None:
    """End a stay. It is a soak when the Freight is verified there by now, in this stay or an earlier one."""
    mark = sa.select(visits.c.id).where(
        in_stage(visit.project, visit.stage),
        visits.c.freight == visit.freight,
        visits.c.verified_at.is_not(None),
        visits.c.removed_at.is_(None),
    )
    verified = (await connection.execute(mark.limit(1))).first() is not None
    soak = max((now - visit.entered_at).total_seconds(), 0.0) if verified else None
    await connection.execute(sa.update(visits).where(visits.c.id == visit.id).values(left_at=now, soak=soak))


async def mark_verified(
    connection: AsyncConnection, project: str, stage: str, collection: Mapping[str, str], now: datetime
) -> list[str]:
    """Mark what is still there of a collection as verified, and return the Freight newly marked in this stay."""
    there = await open_visits(connection, project, stage)
    marked = [
        there[origin]
        for origin, freight in collection.items()
        if origin in there and there[origin].freight == freight and there[origin].verified_at is None
    ]
    for visit in marked:
        await connection.execute(sa.update(visits).where(visits.c.id == visit.id).values(verified_at=now))
    return [visit.freight for visit in marked]


async def unmark_verified(
    connection: AsyncConnection, project: str, stage: str, collection: Mapping[str, str]
) -> list[str]:
    """Take back that a collection was ever verified in a Stage, for all its stays there; return the Freight it was of.

    What is in a Stage now must be the same still, or another promotion has replaced what was measured.
    """
    there = await open_visits(connection, project, stage)
    gone = [freight for origin, freight in collection.items() if origin in there and there[origin].freight == freight]
    mine = sa.and_(in_stage(project, stage), visits.c.freight.in_(gone), visits.c.verified_at.is_not(None))
    found = (await connection.execute(sa.select(visits.c.freight).distinct().where(mine))).scalars().all()
    await connection.execute(sa.update(visits).where(mine).values(verified_at=None))
    return list(found)
