"""Freight as rows: what the parts that touch Freight share."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.errors import NotFound
from blocks.ledger import rows
from blocks.ledger.audit import write_event
from blocks.ledger.records import AuditEvent, FreightRecord
from blocks.ledger.tables import approvals, freight, visits


def all_freight() -> sa.Select[Any]:
    """Select Freight as records."""
    return sa.select(*rows.columns(freight, FreightRecord))


def these(project: str, names: Collection[str]) -> sa.ColumnElement[bool]:
    """The Freight of these names."""
    return sa.and_(freight.c.project == project, freight.c.name.in_(names))


async def pinned(connection: AsyncConnection, project: str, names: Iterable[str]) -> set[str]:
    """Return which of these Freight exist; none of them can be deleted until the transaction ends.

    Whoever writes down that Freight is used asks this first, so that what is used never vanishes meanwhile.
    """
    query = sa.select(freight.c.name).where(these(project, set(names))).order_by(freight.c.name)
    return set((await connection.execute(query.with_for_update(read=True, key_share=True))).scalars())


async def pin(connection: AsyncConnection, project: str, name: str) -> None:
    """Keep a Freight from being deleted until the transaction ends. Raises NotFound when it has been."""
    if not await pinned(connection, project, [name]):
        raise NotFound(f"project {project!r} has no Freight {name!r} any more: it was deleted meanwhile")


async def take_away(
    connection: AsyncConnection, gone: Sequence[FreightRecord], verb: str, actor: str, now: datetime
) -> None:
    """Delete Freight of one project that nothing uses, with its approvals and stays; the trail keeps what it was."""
    if not gone:
        return
    project, names = gone[0].project, [each.name for each in gone]
    for table in (approvals, visits):
        await connection.execute(sa.delete(table).where(table.c.project == project, table.c.freight.in_(names)))
    await connection.execute(sa.delete(freight).where(these(project, names)))
    await write_event(connection, *(_event(each, verb, actor, now) for each in gone))


def _event(gone: FreightRecord, verb: str, actor: str, now: datetime) -> AuditEvent:
    message = f"Freight {gone.alias!r} of {gone.origin} was {verb.lower()}"
    data = {"freight": gone.name, "alias": gone.alias, "origin": gone.origin, "content": gone.content}
    return AuditEvent(gone.project, f"Freight{verb}", f"Freight/{gone.name}", actor, message, now, data)
