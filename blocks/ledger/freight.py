"""Freight: immutable but for its alias and its metadata."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.errors import Conflict, NotFound, Refused
from blocks.ledger import rows
from blocks.ledger.audit import write_event
from blocks.ledger.freight_rows import all_freight, take_away, these
from blocks.ledger.freight_uses import uses
from blocks.ledger.part import Part
from blocks.ledger.records import AuditEvent, FreightRecord
from blocks.ledger.tables import freight

DISCOVERY = "controller:discover"
"""The actor of what discovery finds."""

ALIAS_TRIES = 100
SHORTEST_PREFIX = 4
"""Characters of a Freight name below which it is no abbreviation."""


class FreightShelf(Part):
    """The Freight that was found or put together, until it is deleted or collected."""

    async def record(
        self, wanted: FreightRecord, aliases: Iterable[str], now: datetime, actor: str = DISCOVERY
    ) -> tuple[FreightRecord, bool]:
        """Keep a Freight under the alias it has, else under the first of `aliases` that is free in its project.

        Returns the stored record, and whether it is new: a Freight of that name is never changed. When all
        of the first 100 aliases are taken, the Freight's own name makes the last of them unique.
        Raises Conflict when the alias it has is another's.
        """
        if stored := (await self.many(wanted.project, [wanted.name])).get(wanted.name):
            return stored, False
        async with self._database.write() as connection:
            if wanted.alias:
                if done := await _record_as(connection, wanted, actor, now):
                    return done
                await _refuse_taken(connection, wanted.project, wanted.name, wanted.alias)
            tried = ""
            for tried in islice(aliases, ALIAS_TRIES):
                if done := await _record_as(connection, replace(wanted, alias=tried), actor, now):
                    return done
            last_resort = f"{tried or 'freight'}-{wanted.name}"
            if done := await _record_as(connection, replace(wanted, alias=last_resort), actor, now):
                return done
        raise Conflict(f"found no free alias for Freight {wanted.name!r} in project {wanted.project!r}; try again")

    async def get(self, project: str, name: str) -> FreightRecord | None:
        """Return the Freight of that name, else of that alias, else the only one whose name begins so."""
        query = all_freight().where(freight.c.project == project)
        exact = sa.or_(freight.c.name == name, freight.c.alias == name)
        begins = sa.func.substr(freight.c.name, 1, len(name)) == name
        async with self._database.read() as connection:
            found = await rows.every(connection, FreightRecord, query.where(exact).limit(2))
            if found:
                return next((one for one in found if one.name == name), found[0])
            if len(name) < SHORTEST_PREFIX:
                return None
            found = await rows.every(connection, FreightRecord, query.where(begins).limit(2))
        return found[0] if len(found) == 1 else None

    async def find(self, project: str, name: str) -> FreightRecord:
        """Return what `get` returns. Raises NotFound where that is nothing."""
        if found := await self.get(project, name):
            return found
        raise NotFound(f"project {project!r} has no Freight with the alias or name {name!r}")

    async def list(self, project: str, origin: str | None = None, limit: int = 1_000) -> list[FreightRecord]:
        """Return Freight of a project (of one origin), newest discovered first, then by name, descending."""
        query = all_freight().where(freight.c.project == project)
        if origin is not None:
            query = query.where(freight.c.origin == origin)
        query = query.order_by(freight.c.discovered_at.desc(), freight.c.name.desc()).limit(limit)
        async with self._database.read() as connection:
            return await rows.every(connection, FreightRecord, query)

    async def many(self, project: str, names: Sequence[str]) -> dict[str, FreightRecord]:
        """Return the Freight of these names, by name; unknown names are left out."""
        found: list[FreightRecord] = []
        async with self._database.read() as connection:
            for batch in rows.batches(list(names)):
                query = all_freight().where(freight.c.project == project, freight.c.name.in_(batch))
                found += await rows.every(connection, FreightRecord, query)
        return {one.name: one for one in found}

    async def set_alias(self, project: str, name: str, alias: str, actor: str, now: datetime) -> FreightRecord:
        """Give a Freight another alias. Raises Conflict when the alias is taken, NotFound without such Freight."""
        async with self._database.write() as connection:
            stored = await _required(connection, project, name)
            await _refuse_taken(connection, project, name, alias)
            if stored.alias == alias:
                return stored
            await connection.execute(_update(project, name).values(alias=alias))
            message = f"Freight {name!r} is called {alias!r}, no longer {stored.alias!r}"
            await write_event(
                connection, AuditEvent(project, "FreightAliasChanged", f"Freight/{name}", actor, message, now)
            )
            return replace(stored, alias=alias)

    async def delete(self, project: str, name: str, actor: str, now: datetime) -> FreightRecord:
        """Delete a Freight with its approvals and stays; returns what it was, which the trail keeps too.

        Raises NotFound without such Freight, Refused with a sentence that says where while it is in use.
        """
        async with self._database.write() as connection:
            stored = await _required(connection, project, name)
            if used := (await uses(connection, project, [name])).get(name):
                raise Refused(f"Freight {stored.alias!r} is in use and cannot be deleted: {', '.join(used)}")
            await take_away(connection, [stored], "Deleted", actor, now)
            return stored


async def _refuse_taken(connection: AsyncConnection, project: str, name: str, alias: str) -> None:
    """Raise Conflict when an alias is another Freight's."""
    taken = sa.select(freight.c.name).where(freight.c.project == project, freight.c.alias == alias)
    holder = (await connection.execute(taken)).scalar()
    if holder not in (None, name):
        raise Conflict(f"alias {alias!r} belongs to Freight {holder!r} in project {project!r}; choose another")


def _update(project: str, name: str) -> sa.Update:
    return sa.update(freight).where(freight.c.project == project, freight.c.name == name)


async def _named(connection: AsyncConnection, project: str, name: str) -> FreightRecord | None:
    query = all_freight().where(these(project, [name]))
    return await rows.first(connection, FreightRecord, query.with_for_update())


async def _required(connection: AsyncConnection, project: str, name: str) -> FreightRecord:
    if stored := await _named(connection, project, name):
        return stored
    raise NotFound(f"project {project!r} has no Freight {name!r}; list what there is with: drayage get freight")


async def _record_as(
    connection: AsyncConnection, wanted: FreightRecord, actor: str, now: datetime
) -> tuple[FreightRecord, bool] | None:
    """Try one alias: None when another Freight has it."""
    adding = rows.insert(connection, freight).values(rows.values(wanted)).on_conflict_do_nothing()
    if not await rows.changed(connection, adding):
        stored = await _named(connection, wanted.project, wanted.name)
        return (stored, False) if stored else None
    event = AuditEvent(
        project=wanted.project,
        type="FreightCreated",
        subject=f"Freight/{wanted.name}",
        actor=actor,
        message=f"Freight {wanted.alias!r} was created {_how(wanted, actor)}",
        at=now,
        data={"freight": wanted.name, "alias": wanted.alias, "origin": wanted.origin},
    )
    await write_event(connection, event)
    return wanted, True


def _how(wanted: FreightRecord, actor: str) -> str:
    return f"by {wanted.origin}" if actor == DISCOVERY else f"by hand from what {wanted.origin} watches"
