"""Sync operations of an Application: when one begins, what it asks for, how it ends. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from deployments.sandbox.argocd_cluster import Live
from deployments.sandbox.argocd_health import HealthRule
from deployments.sandbox.argocd_retries import retried
from deployments.sandbox.argocd_sources import Source, Target, sources_of
from deployments.sandbox.argocd_status import Json, several
from deployments.sandbox.argocd_waves import waved
from deployments.sandbox.kubernetes_objects import timestamp

HISTORY = 10
"""Deployments remembered in the status."""


def state_of(application: Mapping[str, Any]) -> Json:
    """Give the present or last operation's state; empty when there never was one."""
    return dict((application.get("status") or {}).get("operationState") or {})


def begun(application: Mapping[str, Any], now: datetime) -> Json:
    """Begin the operation that somebody asked for."""
    return {
        "operation": application["operation"],
        "phase": "Running",
        "message": "waiting for completion of the sync",
        "startedAt": timestamp(now),
    }


def asked_for(application: Mapping[str, Any]) -> tuple[tuple[Source, ...], Sequence[str]]:
    """Say what the running operation syncs to: sources, and revisions that override theirs by place."""
    sync = state_of(application)["operation"].get("sync") or {}
    revisions = sync.get("revisions") or ([sync["revision"]] if sync.get("revision") else [])
    return sources_of(sync) or sources_of(application["spec"]), revisions


def carried_out(
    application: Mapping[str, Any], target: Target, live: Sequence[Live], rule: HealthRule, now: datetime
) -> tuple[Json, tuple[Live, ...]]:
    """Carry the running operation on: its state, and what is live after it. It has ended, or waits for a wave.

    A failed one stays Running for another attempt as long as its retries last.
    """
    state, namespace = state_of(application), str(application["spec"]["destination"].get("namespace") or "default")
    sync = state["operation"].get("sync")
    result = several(application, target.revisions, "revision") | several(application, target.sources, "source")
    phase, message = _verdict(state, sync, target)
    state.pop("finishedAt", None)
    after = tuple(live)
    if phase == "Succeeded" and not sync.get("dryRun"):
        after, phase, message = waved(live, target.manifests, namespace, bool(sync.get("prune")), rule, now.timestamp())
    state |= {"syncResult": result} if target.revisions else {}
    if phase == "Running":
        return state | {"message": message}, after
    terminated = state["phase"] == "Terminating"
    state |= {"phase": phase, "message": message, "finishedAt": timestamp(now)}
    return (state if terminated or phase == "Succeeded" else retried(state, now)), after


def _verdict(state: Json, sync: Any, target: Target) -> tuple[str, str]:
    if state["phase"] == "Terminating":
        return "Failed", "operation terminated"
    if not isinstance(sync, dict):
        return "Failed", "the operation asks for nothing this controller does: it has no sync"
    if target.error:
        return "Error", f"ComparisonError: {target.error}"
    for manifest in target.manifests:
        if not (manifest.get("metadata") or {}).get("name"):
            return "Failed", f"one or more objects failed to apply: {manifest['kind']} has no metadata.name"
    return "Succeeded", "successfully synced (all tasks run)"


def remembered(application: Mapping[str, Any], state: Json) -> list[Json]:
    """Add a deployment that succeeded to the history."""
    history = list((application.get("status") or {}).get("history") or [])
    entry = state["syncResult"] | {
        "id": history[-1]["id"] + 1 if history else 0,
        "deployStartedAt": state["startedAt"],
        "deployedAt": state["finishedAt"],
        "initiatedBy": state["operation"].get("initiatedBy") or {},
    }
    return [*history, entry][-HISTORY:]


def automatic(application: Mapping[str, Any], status: Json, target: Target) -> Json | None:
    """Ask for a sync as `spec.syncPolicy.automated` wants it; never twice for the same revisions and sources."""
    policy = application["spec"].get("syncPolicy") or {}
    automated = policy.get("automated")
    if automated is None or automated.get("enabled") is False or status["sync"]["status"] != "OutOfSync":
        return None
    wanted = several(application, target.revisions, "revision") | several(application, target.sources, "source")
    attempted = (status.get("operationState") or {}).get("syncResult") == wanted
    if attempted and not (automated.get("selfHeal") and status["operationState"]["phase"] == "Succeeded"):
        return None
    sync = several(application, target.revisions, "revision") | {"prune": bool(automated.get("prune"))}
    sync |= {"syncOptions": policy["syncOptions"]} if policy.get("syncOptions") else {}
    return {"sync": sync, "initiatedBy": {"automated": True}, "retry": policy.get("retry") or {"limit": 5}}
