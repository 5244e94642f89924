"""What stands before a Stage, in Kargo's shape: holds, promotion windows, and what else stops it now."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from blocks.ledger.records import Hold
from flows.freight.status import kubernetes_time
from flows.stage.candidate import effective_holds
from flows.stage.outlook import Outlook

Json = dict[str, Any]


def hold_shapes(outlook: Outlook, stage: str) -> Json:
    """The holds of a Stage: those recorded, and those that count now because of Promotions that have not ended."""
    effective = (
        effective_holds(outlook.situation(outlook.pipeline.stage(stage))) if outlook.pipeline.auto(stage) else {}
    )
    found = {
        "autoPromotionHolds": _holds(each for each in outlook.holds if each.stage == stage),
        "effectiveAutoPromotionHolds": _holds(effective.values()),
    }
    return {key: value for key, value in found.items() if value}


def stop_shapes(outlook: Outlook, stage: str, now: datetime) -> Json:
    """What stops all promotions into a Stage now: `promotionWindowStatus`, and all sentences under `stopped`.

    The latter is not Kargo's.
    """
    status = outlook.pipeline.window_status(stage, now)
    stopped = [each.sentence for each in outlook.stops(outlook.pipeline.stage(stage), now)]
    windows = status and {
        "closed": status.closed,
        "reason": status.reason,
        "nextOpen": status.next_open and kubernetes_time(status.next_open),
        "nextClose": status.next_close and kubernetes_time(status.next_close),
        "nextCloseReason": status.next_close_reason,
    }
    found = {
        "promotionWindowStatus": {key: value for key, value in (windows or {}).items() if value not in (None, "")},
        "stopped": stopped,
    }
    return {key: value for key, value in found.items() if value}


def _holds(holds: Iterable[Hold]) -> Json:
    return {
        f"Warehouse/{each.origin}": {
            "freightName": each.freight,
            "origin": {"kind": "Warehouse", "name": each.origin},
            "promotionName": each.promotion,
            "actor": each.actor,
            "createdAt": kubernetes_time(each.created_at),
        }
        for each in holds
    }
