"""Argo CD's Application controller: follows Git and the API, syncs, and reports health."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from deployments.sandbox.argocd_cluster import Cluster
from deployments.sandbox.argocd_health import HealthRule
from deployments.sandbox.argocd_operation import asked_for, state_of
from deployments.sandbox.argocd_reconcile import Seen, in_progress, reconciled
from deployments.sandbox.argocd_retries import retry_at
from deployments.sandbox.argocd_sources import Sources, sources_of
from deployments.sandbox.bell import Bell
from deployments.sandbox.kubernetes_errors import StatusError
from deployments.sandbox.kubernetes_objects import Object
from deployments.sandbox.kubernetes_store import ObjectStore

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timing:
    """How fast the world is, in seconds: looks at Git, length of a sync, and of a workload's start."""

    poll: float = 1.0
    syncing: float = 0.05
    progressing: float = 0.3


class Controller:
    """Reconciles every Application when the bell rings, when something is due, and at every poll."""

    def __init__(self, store: ObjectStore, cluster: Cluster, sources: Sources, bell: Bell, timing: Timing) -> None:
        """Follow `store` and `sources`, deploy to `cluster`."""
        self.store = store
        self.cluster = cluster
        self.sources = sources
        self.bell = bell
        self.timing = timing
        self._ends: dict[str, float] = {}

    async def run(self) -> None:
        """Work until the bell is closed."""
        while not self.bell.closed:
            heard, began = self.bell.rings, datetime.now(UTC).timestamp()
            self.sources.look_again()
            for application in self.store.items():
                await self._look(application)
            await self.bell.wait(heard, self._pause(began, datetime.now(UTC).timestamp()))

    async def _look(self, application: Object) -> None:
        """Reconcile one Application; its trouble is logged and never stops the others."""
        try:
            await self.reconcile(application)
        except StatusError as error:
            log.debug("somebody else was faster: %s", error)
        except Exception:
            log.exception("Application %s cannot be reconciled", application["metadata"]["name"])

    async def reconcile(self, application: Object) -> None:
        """Gather, decide, apply. A conflicting change by somebody else wins, and rings for the next look."""
        metadata, uid = application["metadata"], application["metadata"]["uid"]
        if "deletionTimestamp" in metadata:
            return self._leave(application)
        named = {"name": metadata["name"], "namespace": str(application["spec"]["destination"].get("namespace") or "")}
        due = self._is_due(application)
        seen = Seen(
            target=await self.sources.target(sources_of(application["spec"]), **named),
            operation=await self.sources.target(*asked_for(application), **named) if due else None,
            live=self.cluster.live(uid),
            window_closed=self.cluster.window_closed,
            manual_allowed=self.cluster.manual_allowed,
        )
        rule = HealthRule(self.timing.progressing, frozenset(self.cluster.bad_images))
        new, live = reconciled(application, seen, rule, datetime.now(UTC))
        if new != application:
            self.store.replace(metadata["namespace"], metadata["name"], new)
            self.cluster.put(uid, live)
        return None

    def _is_due(self, application: Object) -> bool:
        """Say whether the running operation has lasted long enough to end."""
        uid, now = application["metadata"]["uid"], datetime.now(UTC).timestamp()
        if not in_progress(application):
            self._ends.pop(uid, None)
            return False
        if retry := retry_at(state_of(application)):
            self._ends[uid] = retry
        return now >= self._ends.setdefault(uid, now + self.timing.syncing)

    def _leave(self, application: Object) -> None:
        """Take a deleted Application's objects down and let it go."""
        metadata = application["metadata"]
        self.cluster.put(metadata["uid"], ())
        kept = [name for name in metadata["finalizers"] if not name.startswith("resources-finalizer.argocd")]
        left = application | {"metadata": metadata | {"finalizers": kept}}
        self.store.replace(metadata["namespace"], metadata["name"], left)

    def _pause(self, began: float, now: float) -> float:
        """Say in how many seconds something is due that was not when the look began: a start, a sync's end, a poll."""
        uids = [item["metadata"]["uid"] for item in self.store.items()]
        starts = (one.since + self.timing.progressing for uid in uids for one in self.cluster.live(uid))
        due = [moment - now for moment in (*starts, *self._ends.values()) if moment > began]
        return max(0.0, min([self.timing.poll, *due])) + 0.001
