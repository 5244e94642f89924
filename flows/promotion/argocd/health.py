"""The health checks `argocd-update` leaves behind, judged again for as long as the Stage keeps its Freight."""

from dataclasses import dataclass, field
from typing import Any

from blocks.records import Application
from flows.promotion.argocd.conditions import errors, health_status, stale, status
from flows.promotion.argocd.selection import NAMESPACE, key, label
from flows.promotion.argocd.sources import sources

ORDER = ("Healthy", "Progressing", "Unknown", "Unhealthy")
"""From best to worst; the worst Application speaks for the Stage."""


@dataclass
class HealthVerdict:
    """How a Stage's Applications are; `issues` holds a sentence for each that is not Healthy."""

    status: str = "Healthy"
    issues: list[str] = field(default_factory=list)
    refresh: list[Application] = field(default_factory=list)

    def worse_of(self, other: "HealthVerdict") -> "HealthVerdict":
        """Both together: the worse status, all issues."""
        status = max(self.status, other.status, key=ORDER.index)
        return HealthVerdict(status, [*self.issues, *other.issues], [*self.refresh, *other.refresh])


def judge_health(
    checks: list[dict[str, Any]], applications: list[Application], namespace: str = NAMESPACE
) -> HealthVerdict:
    """Judge registered checks `{namespace?, name, desiredRevisions?}` over the Applications found."""
    verdict = HealthVerdict()
    found = {key(application): application for application in applications}
    for check in checks:
        where = check.get("namespace") or namespace
        application = found.get(f"{where}/{check['name']}")
        if application is None:
            state, issue = "Unknown", f"Argo CD Application {check['name']!r} in namespace {where!r} is not there"
        elif stale(application):
            verdict.refresh.append(application)
            state, issue = "Unknown", f"{label(application)} has not been looked at since its last operation ended"
        else:
            state, issue = _application(application, check.get("desiredRevisions") or [])
        verdict.status = max(verdict.status, state, key=ORDER.index)
        verdict.issues += [issue] if issue else []
    return verdict


def _application(application: Application, desired: list[str]) -> tuple[str, str]:
    if broken := errors(application):
        return "Unhealthy", "; ".join(broken)
    # Revisions come first: right after a sync they are already new while health may still be the old one.
    return _revisions(application, desired) or _health(application)


def _revisions(application: Application, desired: list[str]) -> tuple[str, str] | None:
    """What is wrong with the revisions; None when nothing is, or when none is demanded."""
    if not any(desired):
        return None
    state = status(application).get("operationState") or {}
    if (application.get("operation") or {}).get("sync") is not None or not state.get("finishedAt"):
        return "Unknown", f"{label(application)} is being synced"
    sync = status(application).get("sync") or {}
    observed = sync.get("revisions") or [sync.get("revision", "")]
    for what, count in (("sources", len(sources(application))), ("observed revisions", len(observed))):
        if count != len(desired):
            return "Unknown", f"{label(application)} has {count} {what} but {len(desired)} desired revisions"
    wrong = [
        f"{got!r} instead of {want!r}" for want, got in zip(desired, observed, strict=True) if want not in ("", got)
    ]
    return ("Unhealthy", f"{label(application)} is at {', '.join(wrong)}") if wrong else None


def _health(application: Application) -> tuple[str, str]:
    health = health_status(application)
    if health == "Healthy":
        return "Healthy", ""
    if health in ("Progressing", "Suspended", ""):
        return "Progressing", f"{label(application)} is {(health or 'Progressing').lower()}"
    return "Unhealthy", f"{label(application)} is {health}"
