"""An Application's current operation, seen by one promotion; and the operation a promotion starts."""

from dataclasses import dataclass
from typing import Any, Literal

from blocks.records import Application
from flows.promotion.argocd.selection import label

PROMOTION_INFO = "kargo.akuity.io/promotion"
"""Name of the info by which a promotion finds its own operation."""
INITIATOR = "kargo-controller"
"""Who starts operations of promotions nobody asked for by hand; the name Argo CD's users know from Kargo."""
COMPLETED = ("Succeeded", "Failed", "Error")


@dataclass(frozen=True)
class Standing:
    """What to do about an Application: start our operation, wait, or read the outcome of ours; and why.

    `again`: ours has ended without what was wanted of it.
    """

    action: Literal["start", "wait", "succeeded", "failed"]
    message: str
    again: bool = False


def standing(application: Application, promotion: str, desired: list[str]) -> Standing:
    """Judge the current operation. `desired` holds a revision per source, empty where none is demanded."""
    state = (application.get("status") or {}).get("operationState")
    if _promotion(application.get("operation")) == promotion and _promotion(_of(state)) != promotion:
        return Standing("wait", f"{label(application)} has not started our operation yet")
    if not state:
        return Standing("start", f"{label(application)} has no operation")
    if _promotion(_of(state)) != promotion:
        return _foreign(application, state)
    return _ours(application, state, desired)


def _foreign(application: Application, state: dict[str, Any]) -> Standing:
    if state.get("phase") in COMPLETED:
        return Standing("start", f"{label(application)} has finished an operation that is not ours")
    other = _promotion(_of(state))
    who = f"promotion {other!r}" if other else repr(((_of(state)).get("initiatedBy") or {}).get("username", ""))
    return Standing("wait", f"{label(application)} runs an operation started by {who}; waiting for its end")


def _ours(application: Application, state: dict[str, Any], desired: list[str]) -> Standing:
    phase = state.get("phase")
    if phase not in COMPLETED:
        return Standing("wait", f"{label(application)} runs our operation")
    result = state.get("syncResult")
    said = f": {state['message']}" if state.get("message") and phase != "Succeeded" else ""
    if result is None:
        return Standing("start", f"{label(application)} finished our operation without a sync result{said}", again=True)
    if off := _off(desired, result.get("revisions") or [result.get("revision", "")]):
        got = f"was synced to {off[1]!r}, not to {off[0]!r}" if off[1] else f"was not synced to {off[0]!r}"
        return Standing("start", f"{label(application)} {got}{said}", again=True)
    if phase == "Succeeded":
        return Standing("succeeded", f"{label(application)} is synced")
    return Standing("failed", f"{label(application)} failed to sync: {state.get('message') or phase}")


def _off(desired: list[str], observed: list[str]) -> tuple[str, str] | None:
    """The first pair of a demanded revision and another one found in its place."""
    return next(((want, got) for want, got in zip(desired, observed, strict=False) if want and want != got), None)


def _of(state: dict[str, Any] | None) -> dict[str, Any]:
    return (state or {}).get("operation") or {}


def _promotion(operation: dict[str, Any] | None) -> str | None:
    """The promotion that started an operation; None when no promotion did."""
    infos = (operation or {}).get("info") or []
    return next((info.get("value", "") for info in infos if info and info.get("name") == PROMOTION_INFO), None)


def operation(application: Application, promotion: str, actor: str) -> dict[str, Any]:
    """The sync operation of a promotion. `actor` is empty for promotions nobody asked for by hand.

    A person's operation is not "automated", so that Argo CD's windows for manual syncs apply to it.
    """
    policy = (application.get("spec") or {}).get("syncPolicy") or {}
    sync = {"syncOptions": policy["syncOptions"]} if policy.get("syncOptions") else {}
    started: dict[str, Any] = {
        "initiatedBy": {"username": actor or INITIATOR, "automated": not actor},
        "info": [
            {"name": "Reason", "value": "A promotion asked for this sync."},
            {"name": PROMOTION_INFO, "value": promotion},
        ],
        "sync": sync,
    }
    return started | ({"retry": policy["retry"]} if policy.get("retry") else {})
