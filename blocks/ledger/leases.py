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
            claim = rows.insert(connection, leases).values(name=name, owner=owner, until=until)
            free = sa.or_(leases.c.owner == owner, leases.c.until <= now)
            taken = claim.on_conflict_do_update(
                index_elements=["name"], set_={"owner": owner, "until": until}, where=free
            ).returning(leases.c.name)
            return (await connection.execute(taken)).first() is not None

    async def living(self, names: Sequence[str], now: datetime) -> set[str]:
        """Return which of the names are claimed and have not lapsed."""
        living: set[str] = set()
        async with self._database.read() as connection:
            for batch in rows.batches(names):
                query = sa.select(leases.c.name).where(leases.c.name.in_(batch), leases.c.until > now)
                living |= set((await connection.execute(query)).scalars())
        return living

    async def drop(self, name: str, owner: str) -> None:
        """Give a claim back; nothing happens when it is another's by now."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(leases).where(leases.c.name == name, leases.c.owner == owner))
