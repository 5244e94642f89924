"""For whom requests are made, and which budgets that took them to. Known to the task and to those it starts."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from blocks.records import BudgetKey

ASKING_FOR: ContextVar[str] = ContextVar("ASKING_FOR", default="")
"""Whoever requests are made for, `project/warehouse`: askers share a budget in turns."""

_ASKED: ContextVar[set[BudgetKey] | None] = ContextVar("_ASKED", default=None)


@contextmanager
def asking_for(asker: str) -> Iterator[set[BudgetKey]]:
    """Make all requests of the body those of one asker; yields the set of budgets it has asked so far."""
    asked: set[BudgetKey] = set()
    asker_before, asked_before = ASKING_FOR.set(asker), _ASKED.set(asked)
    try:
        yield asked
    finally:
        _ASKED.reset(asked_before)
        ASKING_FOR.reset(asker_before)


def note(kind: str, host: str, credential: str) -> None:
    """Remember that whoever asks now asks this budget."""
    if (asked := _ASKED.get()) is not None:
        asked.add((kind, host, credential))
