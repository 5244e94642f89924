"""When a Warehouse is looked at."""

import hashlib
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from blocks.ledger.records import Definition, WarehouseStatus
from flows.duration import parse_duration
from flows.warehouse.conditions import unread
from flows.warehouse.model import WarehouseSpec

UNHEALTHY_RETRY = timedelta(seconds=30)
"""A Warehouse that could not be read is tried again after this long, or after its interval when that is shorter."""

LEEWAY = timedelta(seconds=75)
"""How much before its interval has passed a Warehouse may be due: more than the minute between two runs."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def due(definition: Definition, status: WarehouseStatus, now: datetime, minimum: timedelta = timedelta()) -> bool:
    """Whether all of a Warehouse is to be looked at: never was, was changed, or its interval has passed.

    `minimum` is the shortest interval the operator grants. What people asked for is another matter: `pending`.
    """
    if status.discovered_at is None or status.observed_generation != definition.generation:
        return True
    interval = max(_interval(definition), minimum)
    if unread(status):
        return now - status.discovered_at >= min(interval, UNHEALTHY_RETRY)
    return now >= due_at(status.discovered_at, interval, f"{definition.project}/{definition.name}")


def pending(status: WarehouseStatus) -> bool:
    """Whether somebody asked for a look that was not had."""
    return status.refresh_requested != status.refresh_handled


def due_at(last: datetime, interval: timedelta, name: str) -> datetime:
    """Return when the next look is due: no later than the interval says, and at most a quarter of it earlier.

    Each name has its own moment within the interval and comes nearer to it with each look, until it is looked at
    just then. So Warehouses that were applied together do not stay together.
    """
    if interval <= timedelta():
        return last
    earliest = last + interval - min(max(interval / 10, LEEWAY), interval / 4)
    digest = hashlib.sha256(name.encode("utf-8", "replace")).digest()
    moment = interval * (int.from_bytes(digest[:4], "big") / 2**32)
    own = earliest + (moment - (earliest - EPOCH)) % interval
    return own if own <= last + interval else earliest


def _interval(definition: Definition) -> timedelta:
    """A manifest that cannot be read must not keep others from being looked at; its own look will say so."""
    try:
        return parse_duration(WarehouseSpec.model_validate(definition.spec).interval)
    except ValidationError:
        return UNHEALTHY_RETRY
