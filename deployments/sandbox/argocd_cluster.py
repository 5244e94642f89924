"""What is deployed: the live objects of every Application, and the images that cannot run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.sandbox.argocd_yaml import Manifest
from deployments.sandbox.bell import Bell
from deployments.sandbox.image_reference import images_of

CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PersistentVolume"}


@dataclass(frozen=True)
class Live:
    """One object in the cluster; `since` is when it took this form, in seconds since the epoch."""

    manifest: Manifest
    since: float


class Cluster:
    """Live objects by the Application's uid."""

    def __init__(self, bell: Bell, state: Any = None) -> None:
        """Continue from a snapshot."""
        self.bell = bell
        self.bad_images: set[str] = set((state or {}).get("badImages", []))
        self.window_closed = bool((state or {}).get("windowClosed"))
        self.manual_allowed = bool((state or {}).get("manualAllowed"))
        saved: Mapping[str, list[Any]] = (state or {}).get("live", {})
        self._live = {uid: tuple(Live(*pair) for pair in pairs) for uid, pairs in saved.items()}

    def snapshot(self) -> Any:
        """Give the state to be saved."""
        live = {uid: [[one.manifest, one.since] for one in group] for uid, group in self._live.items()}
        window = {"windowClosed": self.window_closed, "manualAllowed": self.manual_allowed}
        return {"badImages": sorted(self.bad_images), **window, "live": live}

    def live(self, uid: str) -> tuple[Live, ...]:
        """List an Application's objects."""
        return self._live.get(uid, ())

    def put(self, uid: str, live: Sequence[Live]) -> None:
        """Let an Application have exactly these objects; none forgets it."""
        if live:
            self._live[uid] = tuple(live)
        else:
            self._live.pop(uid, None)

    def close_window(self, closed: bool, manual: bool = False) -> None:
        """Let a sync window forbid all syncs, with `manual` all but those that people start, or allow them again."""
        self.window_closed, self.manual_allowed = closed, manual
        self.bell.ring()

    def scale(self, uid: str, name: str, replicas: int, now: float) -> bool:
        """Let a workload have another number of replicas, as an autoscaler does; False when there is none of a name."""
        found = [one for one in self.live(uid) if one.manifest["metadata"].get("name") == name]
        scaled = [
            _scaled(one, replicas, now) if one in found and "spec" in one.manifest else one for one in self.live(uid)
        ]
        self.put(uid, scaled)
        self.bell.ring()
        return bool(found)

    def mark(self, image: str, bad: bool) -> None:
        """Say that an image cannot run, or can again. The registry's host may be left out."""
        (self.bad_images.add if bad else self.bad_images.discard)(image)
        self.bell.ring()


def _scaled(one: Live, replicas: int, now: float) -> Live:
    return Live(one.manifest | {"spec": one.manifest["spec"] | {"replicas": replicas}}, now)


def identity(manifest: Manifest, namespace: str) -> tuple[str, str, str, str]:
    """Name an object by group, kind, namespace and name; `namespace` is the Application's."""
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    metadata = manifest.get("metadata") or {}
    where = "" if manifest["kind"] in CLUSTER_WIDE else str(metadata.get("namespace") or namespace)
    return group, str(manifest["kind"]), where, str(metadata.get("name") or "")


def applied(
    live: Sequence[Live], manifests: Sequence[Manifest], namespace: str, prune: bool, now: float
) -> tuple[Live, ...]:
    """Apply manifests: what did not change keeps its age, what is no longer wanted goes only with `prune`."""
    before = {identity(one.manifest, namespace): one for one in live}
    after = {} if prune else dict(before)
    for manifest in manifests:
        key = identity(manifest, namespace)
        old = before.get(key)
        after[key] = old if old and old.manifest == manifest else Live(manifest, now)
    return tuple(after[key] for key in sorted(after))


def images(live: Sequence[Live]) -> list[str]:
    """List the images that run, sorted."""
    return sorted({image for one in live for image in images_of(one.manifest)})
