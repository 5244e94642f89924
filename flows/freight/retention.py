"""How long Freight and Promotions are kept (Kargo: garbage collection), with a sentence either way.

Kargo keeps what is in use, everything newer than that, a number of older ones and everything young. Kept here besides
is what a Stage's history could still go back to, and whatever else something needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from blocks.ledger.records import Visit
from blocks.ledger.retention import Aged, Reach


@dataclass(frozen=True)
class Limits:
    """How many are kept that are older than the oldest in use, and how old each must be before it goes."""

    keep: int
    age: timedelta


@dataclass(frozen=True)
class Stays:
    """It is kept, and why."""

    sentence: str


@dataclass(frozen=True)
class Goes:
    """It may be taken away."""

    sentence: str


Fate = Stays | Goes


def fate(old: Aged, needed: Sequence[str], limits: Limits, now: datetime) -> Fate:
    """Decide about one thing that is older than the oldest in use. `needed` says what needs it all the same."""
    if needed:
        return Stays(f"{old.label} stays: {', '.join(needed)}")
    if old.newer < limits.keep:
        return Stays(f"{old.label} stays: the {limits.keep} newest older than the oldest in use do")
    if now - old.at < limits.age:
        return Stays(f"{old.label} stays until it is {_hours(limits.age)} old")
    return Goes(f"{old.label} goes: nothing needs it, and {old.newer} newer ones are kept behind the oldest in use")


def way_back(visit: Visit, reach: Reach) -> bool:
    """Whether a past stay is one that its Stage could go back to."""
    return visit.id >= reach.visit or (visit.left_at is not None and visit.left_at >= reach.since)


def _hours(age: timedelta) -> str:
    return f"{age.total_seconds() / 3600:g} h"
