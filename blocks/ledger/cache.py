"""Metadata of artifacts that never changes once read: worth keeping, no loss when gone."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.part import Part
from blocks.ledger.tables import cache

SCOPE_LIMIT = 100_000
"""Values kept per scope; the oldest go first."""


class Cache(Part):
    """Values by scope (a repository) and key (a tag, a digest)."""

    async def get(self, scope: str, keys: Iterable[str]) -> dict[str, Any]:
        """Return the values known of these keys."""
        found: dict[str, Any] = {}
        async with self._database.read() as connection:
            for batch in rows.batches(list(keys)):
                query = sa.select(cache.c.key, cache.c.value).where(cache.c.scope == scope, cache.c.key.in_(batch))
                found |= {row.key: row.value for row in await connection.execute(query)}
        return found

    async def put(self, scope: str, values: Mapping[str, Any], now: datetime | None = None) -> None:
        """Keep values, and let the scope's oldest go beyond `SCOPE_LIMIT`."""
        if not values:
            return
        put_at = now or datetime.now(UTC)
        # Sorted, so that two writers of the same keys lock them in the same order.
        lines = [{"scope": scope, "key": key, "value": values[key], "put_at": put_at} for key in sorted(values)]
        async with self._database.write() as connection:
            adding = rows.insert(connection, cache)
            keep = adding.on_conflict_do_update(
                index_elements=["scope", "key"],
                set_={"value": adding.excluded.value, "put_at": adding.excluded.put_at},
            )
            await connection.execute(keep, lines)
            await _evict(connection, scope)


async def _evict(connection: AsyncConnection, scope: str) -> None:
    surplus = (
        sa.select(cache.c.key)
        .where(cache.c.scope == scope)
        .order_by(cache.c.put_at.desc(), cache.c.key.desc())
        .offset(SCOPE_LIMIT)
        .limit(2**31)  # SQLite knows OFFSET only with LIMIT
    )
    await connection.execute(sa.delete(cache).where(cache.c.scope == scope, cache.c.key.in_(surplus)))
