"""What stands before a Stage, in Kargo's shape: holds, promotion windows, and what else stops it now."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from blocks.ledger.records import Hold
from flows.freight.status import kubernetes_time
from flows.stage.candidate import effective_holds
from flows.stage.outlook import Outlook
from flows.stage.windows import WindowStatus

Json = dict[str, Any]


def hold_shapes(outlook: Outlook, stage: str) -> Json:
    """The holds of a Stage: those recorded, and those that count now because of Promotions that have not ended."""
    situation = outlook.situation(outlook.pipeline.stage(stage))
    effective = effective_holds(situation) if outlook.pipeline.auto(stage) else {}
    found = {
        "autoPromotionHolds": _holds(each for each in outlook.holds if each.stage == stage),
        "effectiveAutoPromotionHolds": _holds(effective.values()),
    }
    return {key: value for key, value in found.items() if value}


def with_stops(shape: Json, outlook: Outlook, now: datetime) -> Json:
    """A Stage's shape with what stops all promotions into it now: `promotionWindowStatus`, and all its reasons.

    The latter, `status.drayage.stopped`, is not Kargo's.
    """
    stage, status = outlook.pipeline.stage(shape["metadata"]["name"]), dict(shape["status"])
    if windows := outlook.pipeline.window_status(stage.name, now):
        status["promotionWindowStatus"] = _windows(windows)
    if stopped := [each.sentence for each in outlook.stops(stage, now)]:
        status["drayage"] = {**status.get("drayage", {}), "stopped": stopped}
    return {**shape, "status": status}


def _windows(status: WindowStatus) -> Json:
    found = {
        "closed": status.closed,
        "reason": status.reason,
        "nextOpen": status.next_open and kubernetes_time(status.next_open),
        "nextClose": status.next_close and kubernetes_time(status.next_close),
        "nextCloseReason": status.next_close_reason,
    }
    return {key: value for key, value in found.items() if value not in (None, "")}


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
