"""Which budgets a Warehouse asks, and what they come to in words: `4,210 of 5,000 left until 14:05 UTC`."""

from collections.abc import Iterable
from dataclasses import replace

from blocks.ledger.records import WarehouseStatus
from blocks.pacing.hosts import called, minute
from blocks.records import BudgetKey, BudgetState

STEPS = 20
"""Into how many steps what is left is cut where only a notable change counts."""

MOST = 50
"""Budgets that are remembered of one Warehouse."""


def asking(status: WarehouseStatus, before: WarehouseStatus, asked: Iterable[BudgetKey]) -> WarehouseStatus:
    """Return a status that names whom its Warehouse asks, those included that only an earlier look of it asked."""
    known = before.budgets if before.observed_generation == status.observed_generation else []
    return replace(status, budgets=sorted(map(list, {*map(tuple, known), *asked}))[:MOST])


def asked_by(status: WarehouseStatus, states: Iterable[BudgetState]) -> list[BudgetState]:
    """Pick the budgets that a Warehouse asks."""
    return [state for state in states if list(state.key) in status.budgets]


def sentence(state: BudgetState) -> str:
    """Say where a credential stands with a host."""
    parts = []
    if state.backing_off_until:
        parts.append(f"not asked until {minute(state.backing_off_until)}")
    if state.limit is not None and state.remaining is not None:
        until = f" until {minute(state.resets_at)}" if state.resets_at else ""
        parts.append(f"{state.remaining:,} of {state.limit:,} left{until}")
    if state.waiting:
        parts.append(f"{state.waiting:,} waiting")
    return ", ".join(parts) or "no limit known"


def rows(states: Iterable[BudgetState]) -> list[dict[str, str]]:
    """One row per host and credential, for people to look at."""
    return [
        {
            "host": called(state.host),
            "by": "Git" if state.kind == "git" else "HTTP",
            "credentials": state.credential or "—",
            "budget": f"{called(state.host)}: {sentence(state)}",
            "seen": f"{state.seen_at:%Y-%m-%d %H:%M:%S} UTC",
        }
        for state in states
    ]


def notable(state: BudgetState) -> object:
    """What people would want to be shown anew when it changes; a few requests more or less are not."""
    left = None
    if state.limit and state.remaining is not None:
        left = -(-state.remaining * STEPS // state.limit)
    return (state.key, state.limit, left, state.backing_off_until is not None, state.waiting > 0)
