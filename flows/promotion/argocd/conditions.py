"""What an Application's status says, in the words the wait and the health check share."""

from datetime import datetime
from typing import Any

from blocks.records import Application
from flows.promotion.argocd.selection import label

BROKEN = ("ComparisonError", "InvalidSpecError")
"""Conditions with which health and sync cannot be believed."""


def status(application: Application) -> dict[str, Any]:
    """The status, empty for an Application Argo CD has not looked at yet."""
    return application.get("status") or {}


def health_status(application: Application) -> str:
    """The health Argo CD reports, empty when it has not said any."""
    return (status(application).get("health") or {}).get("status") or ""


def errors(application: Application) -> list[str]:
    """A sentence per condition that makes the Application unbelievable."""
    return [
        f"{label(application)} has condition {condition['type']}: {condition.get('message', '')}"
        for condition in status(application).get("conditions") or []
        if condition.get("type") in BROKEN
    ]


def stale(application: Application) -> bool:
    """Whether health was judged before the last operation ended. The same second counts as after it."""
    finished = (status(application).get("operationState") or {}).get("finishedAt")
    reconciled = status(application).get("reconciledAt")
    if not finished:
        return False
    return not reconciled or datetime.fromisoformat(reconciled) < datetime.fromisoformat(finished)
