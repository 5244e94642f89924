"""The status of an Application: what is wanted compared with what is live. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from deployments.sandbox.argocd_cluster import Live, identity, images
from deployments.sandbox.argocd_differences import compared_alike
from deployments.sandbox.argocd_health import HealthRule, worst
from deployments.sandbox.argocd_sources import Target
from deployments.sandbox.argocd_yaml import Manifest
from deployments.sandbox.kubernetes_objects import timestamp

Json = dict[str, Any]


def compared(
    application: Mapping[str, Any], target: Target, live: Sequence[Live], rule: HealthRule, now: datetime
) -> Json:
    """Compute the status with all that does not depend on this comparison taken over from the present one."""
    status = dict(application.get("status") or {})
    for derived in ("conditions", "sourceType", "sourceTypes"):
        status.pop(derived, None)
    ignored = application["spec"].get("ignoreDifferences") or []
    found = resources(target, live, _namespace(application), rule, now.timestamp(), ignored)
    status["resources"] = found
    status["summary"] = {"images": images(live)} if images(live) else {}
    status["health"] = {"status": _health(target, live, found)}
    status["sync"] = _sync(application, target, found)
    if target.error:
        status["conditions"] = [_condition(application, target.error, now)]
    return status | several(application, target.types, "sourceType")


def several(application: Mapping[str, Any], values: Sequence[Any], field: str) -> Json:
    """Write one value under `field`, or all under its plural when the Application has several sources."""
    if application["spec"].get("sources"):
        return {f"{field}s": list(values)}
    return {field: values[0]} if values else {}


def resources(
    target: Target, live: Sequence[Live], namespace: str, rule: HealthRule, now: float, ignored: Sequence[Json] = ()
) -> list[Json]:
    """List every wanted and every live object with its sync status and health."""
    there = {identity(one.manifest, namespace): one for one in live}
    wanted = {identity(manifest, namespace): manifest for manifest in target.manifests}
    found = []
    for key in sorted(there.keys() | wanted.keys()):
        one, manifest = there.get(key), wanted.get(key)
        shown = manifest or (one.manifest if one else {})
        entry = _named(shown, key) | {"status": _sync_of(manifest, one, bool(target.error), ignored)}
        health = rule.of(shown, one, now)
        entry |= {"health": {"status": health}} if health else {}
        entry |= {"requiresPruning": True} if manifest is None and not target.error else {}
        found.append(entry)
    return found


def _sync_of(manifest: Manifest | None, live: Live | None, unknown: bool, ignored: Sequence[Json]) -> str:
    if unknown:
        return "Unknown"
    same = live and manifest and compared_alike(live.manifest, manifest, ignored)
    return "Synced" if same else "OutOfSync"


def _named(manifest: Manifest, key: tuple[str, str, str, str]) -> Json:
    group, kind, namespace, name = key
    version = str(manifest["apiVersion"]).rpartition("/")[2]
    entry = {"group": group, "version": version, "kind": kind, "namespace": namespace, "name": name}
    return {field: value for field, value in entry.items() if value}


def _health(target: Target, live: Sequence[Live], found: Sequence[Json]) -> str:
    if target.error and not live:
        return "Missing"
    return worst(entry.get("health", {}).get("status", "") for entry in found)


def _sync(application: Mapping[str, Any], target: Target, found: Sequence[Json]) -> Json:
    synced = all(entry["status"] == "Synced" for entry in found)
    status = "Unknown" if target.error else "Synced" if synced else "OutOfSync"
    compared_to = {"destination": application["spec"]["destination"], **several(application, target.sources, "source")}
    return {"status": status, "comparedTo": compared_to, **several(application, target.revisions, "revision")}


def _condition(application: Mapping[str, Any], message: str, now: datetime) -> Json:
    """Say the error as a condition, with the time it first appeared."""
    condition = {"type": "ComparisonError", "message": f"Failed to load target state: {message}"}
    for old in (application.get("status") or {}).get("conditions") or []:
        if old.items() >= condition.items():
            return dict(old)
    return condition | {"lastTransitionTime": timestamp(now)}


def _namespace(application: Mapping[str, Any]) -> str:
    return str(application["spec"]["destination"].get("namespace") or "default")
