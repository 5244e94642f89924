"""Health of live objects: Progressing for a while, then Healthy, or Degraded when an image cannot run."""

from collections.abc import Iterable
from dataclasses import dataclass

from deployments.sandbox.argocd_cluster import Live
from deployments.sandbox.argocd_yaml import Manifest
from deployments.sandbox.image_reference import images_of, is_marked

WORKLOADS = {"DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "Rollout", "StatefulSet"}
"""Kinds that have a health; the others have none and count for nothing."""

WORSE = ("Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown")
"""From best to worst, as Argo CD orders them."""


@dataclass(frozen=True)
class HealthRule:
    """Seconds a changed workload takes, and the images that never come up."""

    progressing: float
    bad_images: frozenset[str] = frozenset()

    def of(self, manifest: Manifest, live: Live | None, now: float) -> str:
        """Say the health of one wanted or live object; empty for kinds without one. `now` since the epoch."""
        if manifest["kind"] not in WORKLOADS:
            return ""
        if live is None:
            return "Missing"
        if now < live.since + self.progressing:
            return "Progressing"
        bad = any(is_marked(image, self.bad_images) for image in images_of(live.manifest))
        return "Degraded" if bad else "Healthy"


def worst(healths: Iterable[str]) -> str:
    """Say an Application's health: the worst of its objects', Healthy when none has any."""
    return max((health for health in healths if health), key=WORSE.index, default="Healthy")
