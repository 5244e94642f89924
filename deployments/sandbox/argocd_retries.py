"""Retries of a sync that failed, as `operation.retry` asks for them. Pure."""

from datetime import datetime, timedelta
from typing import Any

from blocks.errors import Invalid
from flows.duration import parse_duration

Json = dict[str, Any]
DURATION, FACTOR, LONGEST = "5s", 2, "3m"
"""Argo CD's own back-off where an operation names none."""


def retried(state: Json, now: datetime) -> Json:
    """Give a failed operation another attempt while there are any: it is Running then, and has ended once."""
    retry, count = state["operation"].get("retry") or {}, int(state.get("retryCount") or 0)
    limit = int(retry.get("limit") or 0)
    if limit >= 0 and count >= limit:
        return state
    at = now + timedelta(seconds=delay(retry, count))
    message = f"{state['message']}. Retrying attempt #{count + 1} at {at:%I:%M%p}."
    return state | {"phase": "Running", "retryCount": count + 1, "message": message}


def delay(retry: Json, attempts: int) -> float:
    """Seconds until the next attempt after so many retries."""
    backoff = retry.get("backoff") or {}
    try:
        first, longest = (
            parse_duration(str(backoff.get(name) or usual)).total_seconds()
            for name, usual in (("duration", DURATION), ("maxDuration", LONGEST))
        )
    except Invalid:
        first, longest = 5.0, 180.0
    return float(min(longest, first * float(backoff.get("factor") or FACTOR) ** attempts))


def retry_at(state: Json) -> float:
    """When the next attempt of a failed operation is due, in seconds since the epoch; 0 where none has failed."""
    if not state.get("finishedAt"):
        return 0.0
    failed = datetime.fromisoformat(state["finishedAt"]).timestamp()
    return failed + delay(state["operation"].get("retry") or {}, int(state.get("retryCount") or 1) - 1)
