"""Everything the sandbox holds, apart from how it is served."""

from asyncio import to_thread
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deployments.sandbox.argocd_cluster import Cluster
from deployments.sandbox.argocd_controller import Controller, Timing
from deployments.sandbox.argocd_sources import Sources
from deployments.sandbox.basic_auth import Users
from deployments.sandbox.bell import Bell
from deployments.sandbox.chart_repositories import ChartRepositories
from deployments.sandbox.code_host import CodeHost
from deployments.sandbox.code_hosts.dialects import dialects
from deployments.sandbox.git_merges import GitMerges
from deployments.sandbox.git_repositories import GitRepositories
from deployments.sandbox.github_work import GitHubWork
from deployments.sandbox.json_file import JsonFile, load
from deployments.sandbox.kubernetes_store import ObjectStore
from deployments.sandbox.metrics import Metrics
from deployments.sandbox.pull_requests import PullRequests
from deployments.sandbox.registry import Registry


class World:
    """Git, releases, registry, charts, Applications, cluster and metrics under one folder; what was saved continues."""

    def __init__(self, root: Path, users: Users, timing: Timing) -> None:
        """Load what `root` holds."""
        self.bell = Bell()
        self.git = GitRepositories(root / "git")
        self.registry = Registry(root / "registry", users)
        self.charts = ChartRepositories(root / "charts")
        names = ("kubernetes", "cluster", "metrics", "releases", "pulls")
        kubernetes, cluster, metrics, releases, pulls = (root / f"{name}.json" for name in names)
        self.code_host = CodeHost(self.git, users, load(releases))
        self.pulls = PullRequests(GitMerges(self.git), load(pulls))
        self.dialects = dialects(self.pulls, users, self.code_host.limit)
        self.github = GitHubWork(users, self.code_host.limit)
        self.applications = ObjectStore(self.bell, load(kubernetes))
        self.cluster = Cluster(self.bell, load(cluster))
        self.metrics = Metrics(self.applications.items, load(metrics))
        self.controller = Controller(self.applications, self.cluster, Sources(self.git, self.charts), self.bell, timing)
        self.files = (
            JsonFile(kubernetes, self.applications.snapshot),
            JsonFile(cluster, self.cluster.snapshot),
            JsonFile(metrics, self.metrics.snapshot),
            JsonFile(releases, self.code_host.releases.snapshot),
            JsonFile(pulls, self.pulls.snapshot),
        )

    async def create_repository(self, name: str, files: Mapping[str, str], branch: str = "main") -> bool:
        """Make a Git repository with a first commit of `files`; False and no change when it exists."""
        made = await self.git.create(name, branch)
        if made and files:
            await self.git.commit(name, files, "Initial commit\n", datetime.now(UTC), branch)
        self.bell.ring()
        return made

    async def overview(self) -> dict[str, Any]:
        """Say in plain JSON what there is."""
        store = self.registry.store
        return {
            "git": {name: await self.git.refs(name) for name in self.git.names()},
            "images": {name: await to_thread(store.tags, name) for name in await to_thread(store.names)},
            "charts": await to_thread(self.charts.names),
            "badImages": sorted(self.cluster.bad_images),
            "applications": [_summary(item) for item in self.applications.items()],
        }


def _summary(application: Mapping[str, Any]) -> dict[str, Any]:
    status, metadata = application.get("status") or {}, application["metadata"]
    sync = status.get("sync") or {}
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "sync": sync.get("status", ""),
        "revisions": sync.get("revisions") or [sync[key] for key in ("revision",) if key in sync],
        "health": (status.get("health") or {}).get("status", ""),
        "images": (status.get("summary") or {}).get("images") or [],
    }
