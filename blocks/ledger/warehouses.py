"""What discovery last saw of each Warehouse, and who asked it to look again."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.leases import Leases
from blocks.ledger.part import Part
from blocks.ledger.records import Json, WarehouseStatus
from blocks.ledger.tables import warehouses

Key = tuple[str, str]
"""Project and name."""

MOST_REFRESHES = 100
"""Refreshes of one Warehouse kept apart; more of them together ask for a look at all of it."""

SPELLED = "%Y-%m-%dT%H:%M:%S.%fZ"


class Warehouses(Part):
    """Statuses of Warehouses, and a lease on each so that two sensors do not discover it at once."""

    async def statuses(
        self, project: str | None = None, limit: int = 10_000, *, discovered: bool = True
    ) -> dict[Key, WarehouseStatus]:
        """Return statuses by (project, name), of one project where given.

        What was discovered is by far the largest part of a status; it is left out when nobody needs it.
        """
        columns = rows.columns(warehouses, WarehouseStatus)
        query = sa.select(*(each for each in columns if discovered or each.name != "discovered")).limit(limit)
        if project is not None:
            query = query.where(warehouses.c.project == project)
        async with self._database.read() as connection:
            found = await rows.every(connection, WarehouseStatus, query)
        return {(status.project, status.name): status for status in found}

    async def status(self, project: str, name: str) -> WarehouseStatus:
        """Return one status, an empty one when the Warehouse was never looked at."""
        async with self._database.read() as connection:
            return await _status(connection, (project, name)) or WarehouseStatus(project, name)

    async def record(self, status: WarehouseStatus, now: datetime) -> None:
        """Keep what discovery saw; refreshes it has not handled stay, for somebody may have asked meanwhile."""
        key = (status.project, status.name)
        async with self._database.write() as connection:
            await _add_missing(connection, [key], now)
            stored = await _status(connection, key, lock=True) or WarehouseStatus(*key)
            left = [each for each in stored.refreshes if each["token"] > status.refresh_handled]
            seen = rows.values(replace(status, refresh_requested=stored.refresh_requested, refreshes=left))
            await connection.execute(sa.update(warehouses).where(*_is(key)).values(seen | {"updated_at": now}))

    async def request_refresh(self, keys: Collection[Key], hint: Json | None, now: datetime) -> str:
        """Ask discovery to look again, at all that the Warehouses watch or only at what a hint names.

        Returns the token under which that is handled: `refresh_handled` is then equal to it or greater, as text.
        """
        token = now.astimezone(UTC).strftime(SPELLED)
        async with self._database.write() as connection:
            await _add_missing(connection, keys, now)
            stored = [each for key in sorted(keys) if (each := await _status(connection, key, lock=True))]
            token = max([token, *(_following(each.refresh_requested) for each in stored)])
            for each in stored:
                asked = {"refresh_requested": token, "refreshes": _with(each.refreshes, token, hint), "updated_at": now}
                await connection.execute(sa.update(warehouses).where(*_is((each.project, each.name))).values(asked))
        return token

    async def claim(self, project: str, name: str, owner: str, until: datetime, now: datetime) -> bool:
        """Claim a Warehouse for one discovery; False while another's claim is live."""
        return await Leases(self._database).take(_lease((project, name)), owner, until, now)

    async def release(self, project: str, name: str, owner: str) -> None:
        """Give the claim back."""
        await Leases(self._database).drop(_lease((project, name)), owner)

    async def looked_at(self, keys: Iterable[Key], now: datetime) -> dict[Key, datetime]:
        """Return which of the Warehouses are being looked at now, and since when."""
        names = {_lease(key): key for key in keys}
        living = await Leases(self._database).since(list(names), now)
        return {names[name]: since or now for name, since in living.items()}


def _is(key: Key) -> list[sa.ColumnElement[bool]]:
    return [warehouses.c.project == key[0], warehouses.c.name == key[1]]


async def _status(connection: AsyncConnection, key: Key, *, lock: bool = False) -> WarehouseStatus | None:
    query = sa.select(*rows.columns(warehouses, WarehouseStatus)).where(*_is(key))
    return await rows.first(connection, WarehouseStatus, query.with_for_update() if lock else query)


async def _add_missing(connection: AsyncConnection, keys: Collection[Key], now: datetime) -> None:
    """In order of keys, so that two who add the same lock them in the same order."""
    empty = [rows.values(WarehouseStatus(*key)) | {"updated_at": now} for key in sorted(keys)]
    if empty:
        await connection.execute(rows.insert(connection, warehouses).on_conflict_do_nothing(), empty)


def _following(token: str) -> str:
    """The next token after one, so that tokens grow whatever the clocks of those who ask say."""
    try:
        return (datetime.strptime(token, SPELLED) + timedelta(microseconds=1)).strftime(SPELLED)
    except ValueError:
        return ""


def _with(refreshes: list[Json], token: str, hint: Json | None) -> list[Json]:
    """Add a refresh; one without a hint takes the place of all before."""
    if not hint or len(refreshes) >= MOST_REFRESHES:
        return [{"token": token}]
    return [*refreshes, {"token": token, "hint": hint}]


def _lease(key: Key) -> str:
    return f"Warehouse/{key[0]}/{key[1]}"
