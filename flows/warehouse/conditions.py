"""Kubernetes conditions of a Warehouse, with Kargo's types and reasons: whether it is well, why not, since when."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from blocks.ledger.records import WarehouseStatus
from flows.warehouse.discover_image import rfc3339

Json = dict[str, Any]

UNREAD = ("DiscoveryFailed", "InvalidManifest", "InternalError")
"""Reasons for which Healthy is False when not all of a Warehouse could be read."""

READY_REASONS = {
    "DiscoveryFailed": "DiscoveryFailure",
    "NoCommitsDiscovered": "MissingCommits",
    "NoImageReferencesDiscovered": "MissingImageReferences",
    "NoChartVersionsDiscovered": "MissingChartVersions",
    "NoArtifactsDiscovered": "MissingArtifacts",
}
"""Where Kargo has another word for Ready than for Healthy."""


@dataclass(frozen=True)
class Condition:
    """One condition as it is now. `status` is True, False or Unknown, as text."""

    type: str
    status: str
    reason: str
    message: str = ""


UNSEEN = (
    Condition("Ready", "False", "DiscoveryInProgress", "Waiting for discovery to complete"),
    Condition("Healthy", "Unknown", "Pending", "Nobody knows before discovery is finished"),
)
"""What is said of a definition while it is looked at for the first time."""


def healthy(status: WarehouseStatus) -> bool:
    """Whether the last discovery went well."""
    return condition(status, "Healthy").get("status") == "True"


def troubled(status: WarehouseStatus) -> bool:
    """Whether the last discovery failed; one that was never looked at has no trouble yet."""
    return bool(status.conditions) and not healthy(status)


def unread(status: WarehouseStatus) -> bool:
    """Whether some subscription could not be read at the last look, so that what is known of it may be old."""
    return condition(status, "Healthy").get("reason") in UNREAD


def condition(status: WarehouseStatus, kind: str) -> Json:
    """Return the condition of a type, empty when there is none."""
    return next((each for each in status.conditions if each["type"] == kind), {})


def well(subscriptions: int) -> tuple[Condition, ...]:
    """The conditions of a Warehouse all of whose subscriptions found something."""
    plural = "" if subscriptions == 1 else "s"
    said = f"Successfully discovered artifacts from {subscriptions} subscription{plural}"
    return (
        Condition("Ready", "True", "ArtifactsDiscovered", said),
        Condition("Healthy", "True", "ReconciliationSucceeded"),
    )


def ill(reason: str, message: str) -> tuple[Condition, ...]:
    """The conditions of a Warehouse that is not well, with one word and one sentence for it."""
    return (
        Condition("Ready", "False", READY_REASONS.get(reason, reason), message),
        Condition("Healthy", "False", reason, message),
    )


def criteria(satisfied: bool, message: str = "") -> Condition:
    """Whether the artifacts may become Freight, as they may where no criteria are given."""
    reason = "CriteriaSatisfied" if satisfied else "CriteriaNotSatisfied"
    return Condition("FreightCreationCriteriaSatisfied", str(satisfied), reason, message)


def created(alias: str, new: bool) -> Condition:
    """Whether Freight was made of the artifacts, or was there."""
    if new:
        return Condition("FreightCreated", "True", "NewFreight", f"Freight {alias!r} was made of the newest artifacts")
    said = f"Freight {alias!r} of the newest artifacts exists already"
    return Condition("FreightCreated", "False", "AlreadyExists", said)


def reconciling(status: WarehouseStatus, generation: int, subscriptions: int, since: datetime) -> WarehouseStatus:
    """Show that a look is under way. What the last look judged stays, unless it saw another definition."""
    said = f"Discovering artifacts for {subscriptions} subscription{'' if subscriptions == 1 else 's'}"
    under_way = Condition("Reconciling", "True", "ScheduledDiscovery", said)
    if status.observed_generation == generation:
        return replace(status, conditions=[_dated(status, under_way, since), *status.conditions])
    shown = dated(replace(status, observed_generation=generation), (under_way, *UNSEEN), since)
    return replace(shown, observed_generation=status.observed_generation)


def dated(status: WarehouseStatus, conditions: Iterable[Condition], now: datetime) -> WarehouseStatus:
    """Put conditions in the place of those before. The time of transition stays while the status does."""
    return replace(status, conditions=[_dated(status, each, now) for each in conditions])


def _dated(status: WarehouseStatus, now_so: Condition, now: datetime) -> Json:
    before = condition(status, now_so.type)
    same = before.get("status") == now_so.status
    return {
        "type": now_so.type,
        "status": now_so.status,
        "reason": now_so.reason,
        "message": now_so.message,
        "lastTransitionTime": before["lastTransitionTime"] if same else rfc3339(now),
        "observedGeneration": status.observed_generation,
    }
