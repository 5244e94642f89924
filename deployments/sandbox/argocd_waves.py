"""Sync waves, reduced to their order: what has a higher wave is applied when all before is healthy. Pure."""

from collections.abc import Sequence

from deployments.sandbox.argocd_cluster import Live, applied, identity
from deployments.sandbox.argocd_health import HealthRule
from deployments.sandbox.argocd_yaml import Manifest

WAVE = "argocd.argoproj.io/sync-wave"


def wave(manifest: Manifest) -> int:
    """The wave a manifest asks for, 0 where it asks for none that is a number."""
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    try:
        return int(str(annotations.get(WAVE, "0")))
    except ValueError:
        return 0


def waved(
    live: Sequence[Live], manifests: Sequence[Manifest], namespace: str, prune: bool, rule: HealthRule, now: float
) -> tuple[tuple[Live, ...], str, str]:
    """Apply as many waves as may be: what is live then, the operation's phase and its message."""
    now_live = tuple(live)
    waves = sorted({wave(manifest) for manifest in manifests})
    for number in waves[:-1]:
        mine = [manifest for manifest in manifests if wave(manifest) == number]
        now_live = applied(now_live, mine, namespace, False, now)
        for manifest, health in _healths(now_live, mine, namespace, rule, now):
            if health == "Degraded":
                return now_live, "Failed", "one or more synchronization tasks completed unsuccessfully"
            if health not in ("", "Healthy"):
                return now_live, "Running", f"waiting for healthy state of {_worded(manifest)}"
    return applied(now_live, manifests, namespace, prune, now), "Succeeded", "successfully synced (all tasks run)"


def _healths(
    live: Sequence[Live], manifests: Sequence[Manifest], namespace: str, rule: HealthRule, now: float
) -> list[tuple[Manifest, str]]:
    there = {identity(one.manifest, namespace): one for one in live}
    return [(manifest, rule.of(manifest, there.get(identity(manifest, namespace)), now)) for manifest in manifests]


def _worded(manifest: Manifest) -> str:
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    return "/".join(filter(None, (group, manifest["kind"], manifest["metadata"]["name"])))
