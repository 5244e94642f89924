"""Where each credential stands with each host, as the processes that ask them last saw it."""

from collections.abc import Collection
from dataclasses import fields
from datetime import timedelta
from operator import attrgetter

import sqlalchemy as sa

from blocks.ledger import rows
from blocks.ledger.part import Part
from blocks.ledger.tables import budgets
from blocks.records import BudgetState

KEPT = timedelta(days=30)
"""How long a state that nobody renews is kept."""

KEY = ("kind", "host", "credential")


class BudgetStates(Part):
    """One state per host and credential; what was seen last counts, whichever worker saw it."""

    async def record(self, states: Collection[BudgetState]) -> None:
        """Keep states that nobody has seen later ones of, and let go what is too old to matter."""
        if not states:
            return
        # Sorted, so that two writers of the same budgets lock them in the same order.
        lines = [rows.values(each) for each in sorted(states, key=attrgetter("key"))]
        async with self._database.write() as connection:
            adding = rows.insert(connection, budgets)
            renewed = {each.name: adding.excluded[each.name] for each in fields(BudgetState) if each.name not in KEY}
            keep = adding.on_conflict_do_update(
                index_elements=KEY, set_=renewed, where=budgets.c.seen_at <= adding.excluded.seen_at
            )
            await connection.execute(keep, lines)
            oldest = max(each.seen_at for each in states) - KEPT
            await connection.execute(sa.delete(budgets).where(budgets.c.seen_at < oldest))

    async def list(self, limit: int = 2_000) -> list[BudgetState]:
        """Return what was seen, by host and credential; of very many those seen last."""
        latest = sa.select(*rows.columns(budgets, BudgetState)).order_by(budgets.c.seen_at.desc()).limit(limit)
        async with self._database.read() as connection:
            found = await rows.every(connection, BudgetState, latest)
        return sorted(found, key=lambda state: (state.host, state.kind, state.credential))
