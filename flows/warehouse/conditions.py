"""Kubernetes conditions of a Warehouse: whether it is well, why not, and since when."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from blocks.ledger.records import WarehouseStatus

Json = dict[str, Any]


def healthy(status: WarehouseStatus) -> bool:
    """Whether the last discovery went well."""
    return any(each["type"] == "Healthy" and each["status"] == "True" for each in status.conditions)


def troubled(status: WarehouseStatus) -> bool:
    """Whether the last discovery failed; one that was never looked at has no trouble yet."""
    return bool(status.conditions) and not healthy(status)


def ready(status: WarehouseStatus, message: str, now: datetime) -> WarehouseStatus:
    """Return the status of a Warehouse that is well; `message` tells why there may be no Freight nevertheless."""
    return replace(status, conditions=list(_conditions(status, True, "Discovered", message, now)))


def unhealthy(status: WarehouseStatus, reason: str, message: str, now: datetime) -> WarehouseStatus:
    """Return the status of a Warehouse that is not well, with one word and one sentence for it."""
    return replace(status, conditions=list(_conditions(status, False, reason, message, now)))


def _conditions(status: WarehouseStatus, good: bool, reason: str, message: str, now: datetime) -> Iterator[Json]:
    """The time of transition stays while nothing changes."""
    before = {each["type"]: each for each in status.conditions}
    for kind in ("Ready", "Healthy"):
        word = str(good)
        same = before.get(kind, {}).get("status") == word
        yield {
            "type": kind,
            "status": word,
            "reason": reason,
            "message": message,
            "lastTransitionTime": before[kind]["lastTransitionTime"] if same else now.isoformat(),
            "observedGeneration": status.observed_generation,
        }
