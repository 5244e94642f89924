"""Freight that passes control-flow Stages: visits of no length, within a caller's transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.audit import write_event
from blocks.ledger.records import AuditEvent
from blocks.ledger.tables import freight, visits

AT_ONCE = 500
"""Freight that passes in one transaction."""


class Passing(NamedTuple):
    """A Freight, and the control-flow Stage it passes."""

    project: str
    stage: str
    freight: str
    origin: str


async def pass_all(connection: AsyncConnection, passing: Sequence[Passing], actor: str, now: datetime) -> list[Passing]:
    """Mark Freight as verified where it passes, at most `AT_ONCE`; returns what had not passed before.

    What was deleted meanwhile is left out.
    """
    there = await _pinned(connection, {(each.project, each.freight) for each in passing})
    lines = [_visit(each, now) for each in passing if (each.project, each.freight) in there]
    if not lines:
        return []
    adding = rows.insert(connection, visits).values(lines).on_conflict_do_nothing()
    added = adding.returning(visits.c.project, visits.c.stage, visits.c.freight, visits.c.origin)
    passed = [Passing(*row) for row in await connection.execute(added)]
    if passed:
        await write_event(connection, *(_event(each, actor, now) for each in passed))
    return passed


async def _pinned(connection: AsyncConnection, wanted: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which of these Freight exist; none of them can be deleted until the transaction ends."""
    key = sa.tuple_(freight.c.project, freight.c.name)
    query = sa.select(freight.c.project, freight.c.name).where(key.in_(sorted(wanted)))
    query = query.order_by(freight.c.project, freight.c.name).with_for_update(read=True, key_share=True)
    return {(row.project, row.name) for row in await connection.execute(query)}


def _visit(each: Passing, now: datetime) -> dict[str, object]:
    return each._asdict() | {"promotion": "", "entered_at": now, "verified_at": now, "left_at": now}


def _event(each: Passing, actor: str, now: datetime) -> AuditEvent:
    message = f"Freight {each.freight!r} passed the control-flow Stage {each.stage!r}"
    data = {"stage": each.stage, "freight": each.freight}
    subject = f"Freight/{each.freight}"
    return AuditEvent(each.project, "FreightVerificationSucceeded", subject, actor, message, now, data)
