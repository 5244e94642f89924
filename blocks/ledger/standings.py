"""Where Freight stands: from visits and approvals, in two queries per 5,000 Freight."""

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
        for stay in await connection.execute(_stays(project, batch)):
            _add(standings[stay.freight], stay)
        for approval in await connection.execute(_approvals(project, batch)):
            standings[approval.freight].approved_for[approval.stage] = approval.approved_at
    return {name: standings[name] for name in freight_names}


def _stays(project: str, names: Sequence[str]) -> sa.Select[Any]:
    since = sa.case((visits.c.left_at.is_(None), visits.c.entered_at))
    return (
        sa.select(
            visits.c.freight,
            visits.c.stage,
            sa.func.min(visits.c.verified_at).label("verified_at"),
            sa.func.max(visits.c.soak).label("soak"),
            sa.func.max(since).label("since"),
        )
        .where(visits.c.project == project, visits.c.freight.in_(names), visits.c.removed_at.is_(None))
        .group_by(visits.c.freight, visits.c.stage)
    )


def _approvals(project: str, names: Sequence[str]) -> sa.Select[Any]:
    named = sa.and_(approvals.c.project == project, approvals.c.freight.in_(names))
    return sa.select(approvals.c.freight, approvals.c.stage, approvals.c.approved_at).where(named)


def _add(standing: Standing, stay: sa.Row[Any]) -> None:
    if stay.verified_at is not None:
        soak = None if stay.soak is None else timedelta(seconds=stay.soak)
        standing.verified_in[stay.stage] = Verified(stay.verified_at, soak)
    if stay.since is not None:
        standing.currently_in[stay.stage] = stay.since
