"""One attempt of `argocd-update`: what to patch, and where that leaves the step."""

from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from blocks.errors import DrayageError, Retryable
from blocks.records import Application
from flows.model import Model
from flows.promotion.argocd.authorization import ANNOTATION, permits
from flows.promotion.argocd.operation import operation, standing
from flows.promotion.argocd.selection import NAMESPACE, WHICH, AppReference, select
from flows.promotion.argocd.sources import SourceUpdate, desired_revisions, edited

REFRESH = "argocd.argoproj.io/refresh"
"""Annotation that makes Argo CD look again; `hard` leaves out its cache of manifests."""


class AppUpdate(AppReference):
    """Applications to sync."""

    sources: list[SourceUpdate] | None = Field(default=None, min_length=1, description="What becomes of their sources.")

    @property
    def updates(self) -> list[SourceUpdate]:
        """The source updates, none when unset."""
        return self.sources or []


class UpdateConfig(Model):
    """Settings of `argocd-update`."""

    apps: list[AppUpdate] = Field(min_length=1, description="Applications to sync, in order.")
    argocd: str | None = Field(default=None, min_length=1, description=WHICH)


@dataclass(frozen=True)
class Sync:
    """One Application whose sync is to be started by a JSON merge patch."""

    application: Application
    patch: dict[str, Any]


@dataclass
class UpdateDecision:
    """What one attempt comes to. `syncs` are to be applied even when `error` is set; they come before it.

    `waiting_for` holds a sentence per Application that is not done; empty and without error: all are. `again`: some
    sync repeats one of ours that ended in vain.
    """

    syncs: list[Sync] = field(default_factory=list)
    applications: list[Application] = field(default_factory=list)
    health_checks: list[dict[str, Any]] = field(default_factory=list)
    waiting_for: list[str] = field(default_factory=list)
    error: DrayageError | None = None
    again: bool = False


@dataclass(frozen=True)
class Promoting:
    """On whose behalf Applications are changed; `actor` is empty for the system's own promotions."""

    project: str
    stage: str
    promotion: str
    actor: str = ""


def decide_update(
    config: UpdateConfig, applications: list[Application], who: Promoting, namespace: str = NAMESPACE
) -> UpdateDecision:
    """Decide one attempt over the Applications found; the first thing that cannot be done ends it."""
    decision = UpdateDecision()
    try:
        for app in config.apps:
            _app(app, _authorized(app, applications, who, namespace), who, decision)
    except DrayageError as error:
        decision.error = error
    return decision


def _authorized(app: AppUpdate, applications: list[Application], who: Promoting, namespace: str) -> list[Application]:
    found = select(app, applications, namespace)
    allowed = [application for application in found if permits(application, who.project, who.stage)]
    if not allowed:
        means = f"Application {app.name!r} does" if app.name else f"{len(found)} matching Application(s) do"
        raise Retryable(
            f"Argo CD {means} not let stage {who.stage!r} of project {who.project!r} change it: "
            f"annotate it with {ANNOTATION}: {who.project}:{who.stage}"
        )
    return allowed


def _app(app: AppUpdate, applications: list[Application], who: Promoting, decision: UpdateDecision) -> None:
    if len(applications) > 1:
        # All edits are tried first, so that an Application they do not fit leaves its siblings unharmed too.
        for application in applications:
            edited(app.updates, application)
    for application in applications:
        desired = desired_revisions(app.updates, application)
        metadata = application["metadata"]
        decision.applications.append(application)
        decision.health_checks.append(
            {"namespace": metadata["namespace"], "name": metadata["name"], "desiredRevisions": desired}
        )
        stands = standing(application, who.promotion, desired)
        if stands.action == "failed":
            raise Retryable(stands.message)
        if stands.action == "start":
            decision.syncs.append(Sync(application, _patch(application, edited(app.updates, application), who)))
            decision.again |= stands.again
        if stands.action != "succeeded":
            decision.waiting_for.append(stands.message)


def _patch(application: Application, sources: list[dict[str, Any]], who: Promoting) -> dict[str, Any]:
    """One JSON merge patch for everything, tied to the version that was judged.

    The old outcome is cleared because Argo CD's controller takes it for that of the new operation.
    """
    metadata: dict[str, Any] = {"annotations": {REFRESH: "hard"}}
    if version := application["metadata"].get("resourceVersion"):
        metadata["resourceVersion"] = version
    started = operation(application, who.promotion, who.actor)
    patch: dict[str, Any] = {"metadata": metadata, "operation": _replacing(application.get("operation"), started)}
    if application["spec"].get("sources"):
        patch["spec"] = {"sources": sources}
    elif sources:
        patch["spec"] = {"source": sources[0]}
    if application.get("status"):
        patch["status"] = {"operationState": None}
    return patch


def _replacing(old: Any, new: Any) -> Any:
    """A merge patch that leaves exactly `new`: keys only the old value has are removed."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    gone: dict[str, Any] = {name: None for name in old if name not in new}
    return gone | {name: _replacing(old.get(name), value) for name, value in new.items()}
