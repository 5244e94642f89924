"""Where Freight stands: from visits and approvals, in two queries for all of it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.records import Standing, Verified
from blocks.ledger.tables import approvals, visits


async def standings_of(connection: AsyncConnection, project: str, freight_names: Sequence[str]) -> dict[str, Standing]:
    """Return the standing of each Freight named; one that has been nowhere has an empty one."""
    standings: dict[str, Standing] = defaultdict(Standing)
    for batch in rows.batches(freight_names):
        found = await _read(
            connection,
            sa.and_(visits.c.project == project, visits.c.freight.in_(batch)),
            sa.and_(approvals.c.project == project, approvals.c.freight.in_(batch)),
        )
        standings |= {name: standing for (_, name), standing in found.items()}
    return {name: standings[name] for name in freight_names}


async def read_standings(connection: AsyncConnection, looked_at: sa.CTE) -> dict[tuple[str, str], Standing]:
    """Return the standings of Freight by project and name, as a query selects it; of what has been nowhere, none."""
    stays, approved = (
        sa.and_(each.c.project == looked_at.c[0], each.c.freight == looked_at.c[1]) for each in (visits, approvals)
    )
    return await _read(connection, stays, approved)


async def _read(
    connection: AsyncConnection, stays: sa.ColumnElement[bool], approved: sa.ColumnElement[bool]
) -> dict[tuple[str, str], Standing]:
    standings: dict[tuple[str, str], Standing] = defaultdict(Standing)
    for stay in await connection.execute(_stays(stays)):
        _add(standings[stay.project, stay.freight], stay)
    query = sa.select(approvals.c.project, approvals.c.freight, approvals.c.stage, approvals.c.approved_at)
    for approval in await connection.execute(query.where(approved)):
        standings[approval.project, approval.freight].approved_for[approval.stage] = approval.approved_at
    return standings


def _stays(chosen: sa.ColumnElement[bool]) -> sa.Select[Any]:
    since = sa.case((visits.c.left_at.is_(None), visits.c.entered_at))
    passed = sa.case((visits.c.promotion == "", visits.c.verified_at))
    return (
        sa.select(
            visits.c.project,
            visits.c.freight,
            visits.c.stage,
            sa.func.min(visits.c.verified_at).label("verified_at"),
            sa.func.max(visits.c.soak).label("soak"),
            sa.func.max(since).label("since"),
            sa.func.min(passed).label("passed"),
        )
        .where(chosen, visits.c.removed_at.is_(None))
        .group_by(visits.c.project, visits.c.freight, visits.c.stage)
    )


def _add(standing: Standing, stay: sa.Row[Any]) -> None:
    if stay.verified_at is not None:
        soak = None if stay.soak is None else timedelta(seconds=stay.soak)
        standing.verified_in[stay.stage] = Verified(stay.verified_at, soak)
    if stay.since is not None:
        standing.currently_in[stay.stage] = stay.since
    if stay.passed is not None:
        standing.passed[stay.stage] = stay.passed
