"""One look of the controller at one Application: what it becomes, given what is wanted and what is live. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployments.sandbox.argocd_cluster import Live
from deployments.sandbox.argocd_health import HealthRule
from deployments.sandbox.argocd_operation import automatic, begun, carried_out, remembered, state_of
from deployments.sandbox.argocd_sources import Target
from deployments.sandbox.argocd_status import Json, compared
from deployments.sandbox.kubernetes_objects import timestamp

REFRESH = "argocd.argoproj.io/refresh"
IN_PROGRESS = ("Running", "Terminating")
BLOCKED = "Sync operation blocked by sync window"


@dataclass(frozen=True)
class Seen:
    """What was gathered: the spec's target, the running operation's when it is due, the live objects, a sync window.

    `manual_allowed`: the window lets operations pass that are not automated.
    """

    target: Target
    operation: Target | None
    live: tuple[Live, ...]
    window_closed: bool = False
    manual_allowed: bool = False


def reconciled(
    application: Mapping[str, Any], seen: Seen, rule: HealthRule, now: datetime
) -> tuple[Json, tuple[Live, ...]]:
    """Decide the Application's next form and its live objects; unchanged means that nothing is to be written."""
    new = dict(application)
    live = seen.live
    new["status"] = dict(application.get("status") or {})
    state = state_of(application)
    if state.get("phase") in IN_PROGRESS:
        if state["phase"] == "Running" and _is_blocked(state, seen):
            new["status"]["operationState"] = state | {"message": BLOCKED}
        elif seen.operation:
            live = _carry_on(new, seen.operation, live, rule, now)
    elif application.get("operation"):
        new["status"]["operationState"] = begun(application, now)
    new["status"] = compared(new, seen.target, live, rule, now)
    if (
        not seen.window_closed
        and not new.get("operation")
        and (operation := automatic(new, new["status"], seen.target))
    ):
        new["operation"] = operation
    asked = _without_refresh(new)
    if asked or new != application:
        new["status"]["reconciledAt"] = timestamp(now)
    return new, live


def _is_blocked(state: Json, seen: Seen) -> bool:
    by_hand = not (state["operation"].get("initiatedBy") or {}).get("automated")
    return seen.window_closed and not (seen.manual_allowed and by_hand)


def in_progress(application: Mapping[str, Any]) -> bool:
    """Say whether an operation runs."""
    return state_of(application).get("phase") in IN_PROGRESS


def _carry_on(new: Json, target: Target, live: tuple[Live, ...], rule: HealthRule, now: datetime) -> tuple[Live, ...]:
    """Carry the running operation on within `new` and return what is live after it."""
    state, after = carried_out(new, target, live, rule, now)
    new["status"]["operationState"] = state
    if state["phase"] in IN_PROGRESS:
        return after
    new.pop("operation", None)
    if state["phase"] == "Succeeded":
        new["status"]["history"] = remembered(new, state)
    return after


def _without_refresh(new: Json) -> bool:
    """Take the refresh request off, and say whether there was one."""
    annotations = dict(new["metadata"].get("annotations") or {})
    if annotations.pop(REFRESH, None) is None:
        return False
    new["metadata"] = new["metadata"] | {"annotations": annotations}
    return True
