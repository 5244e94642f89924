"""Named claims that lapse: who may do a thing that only one may do at a time."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from blocks.ledger import rows
from blocks.ledger.part import Part
from blocks.ledger.tables import leases


class Leases(Part):
    """Claims by name. An owner may take its own again, which renews it."""

    async def take(self, name: str, owner: str, until: datetime, now: datetime) -> bool:
        """Claim a name until a time; False while a live claim of another owner stands."""
        async with self._database.write() as connection:
            claim = rows.insert(connection, leases).values(name=name, owner=owner, until=until, since=now)
            free = sa.or_(leases.c.owner == owner, leases.c.until <= now)
            kept = sa.case((leases.c.owner == owner, leases.c.since), else_=now)
            taken = claim.on_conflict_do_update(
                index_elements=["name"], set_={"owner": owner, "until": until, "since": kept}, where=free
            ).returning(leases.c.name)
            return (await connection.execute(taken)).first() is not None

    async def living(self, names: Sequence[str], now: datetime) -> set[str]:
        """Return which of the names are claimed and have not lapsed."""
        return set(await self.since(names, now))

    async def since(self, names: Sequence[str], now: datetime) -> dict[str, datetime | None]:
        """Return which of the names are claimed and have not lapsed, and since when, where that is known."""
        living: dict[str, datetime | None] = {}
        async with self._database.read() as connection:
            for batch in rows.batches(names):
                query = sa.select(leases.c.name, leases.c.since).where(leases.c.name.in_(batch), leases.c.until > now)
                living |= {row.name: row.since for row in await connection.execute(query)}
        return living

    async def drop(self, name: str, owner: str) -> None:
        """Give a claim back; nothing happens when it is another's by now."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(leases).where(leases.c.name == name, leases.c.owner == owner))
