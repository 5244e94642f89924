"""From an Application's sources to what they deploy: revisions resolved, manifests rendered."""

import json
import re
from asyncio import to_thread
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from blocks.errors import DrayageError, NotFound
from deployments.sandbox.argocd_charts import chart_files, chart_version
from deployments.sandbox.argocd_helm import Release
from deployments.sandbox.argocd_render import CannotRender, Rendered, render
from deployments.sandbox.argocd_yaml import Files, Manifest
from deployments.sandbox.chart_repositories import ChartRepositories
from deployments.sandbox.git_repositories import NAME, GitRepositories

Source = Mapping[str, Any]
CACHED = 512
"""Renderings kept."""


@dataclass(frozen=True)
class Target:
    """What sources deploy now; with an `error` nothing is known but the revisions found so far."""

    sources: tuple[Source, ...]
    revisions: tuple[str, ...] = ()
    manifests: tuple[Manifest, ...] = ()
    types: tuple[str, ...] = ()
    error: str = ""


def sources_of(holder: Mapping[str, Any]) -> tuple[Source, ...]:
    """List the sources of a spec or a sync operation, which names one `source` or several `sources`."""
    found = holder.get("sources") or [holder.get("source")]
    return tuple(source for source in found if isinstance(source, dict))


def repository_of(url: str) -> str:
    """Name the sandbox's repository a URL means; the host is not looked at, the sandbox may have several names."""
    match = re.fullmatch(rf"/(?:git/)?({NAME}?)(?:\.git)?/?", urlsplit(url).path)
    if match is None:
        raise CannotRender(f"{url!r} is no Git repository of this sandbox, whose paths are /<name>.git")
    return match[1]


class Sources:
    """Reads this sandbox's repositories; renderings are kept, as commits and charts never change."""

    def __init__(self, repositories: GitRepositories, charts: ChartRepositories) -> None:
        """Read from `repositories` and `charts`."""
        self.repositories, self.charts = repositories, charts
        self._refs: dict[str, dict[str, str]] = {}
        self._rendered: OrderedDict[str, Rendered] = OrderedDict()

    def look_again(self) -> None:
        """Forget where branches and tags point; until then one look at a repository serves all its Applications."""
        self._refs.clear()

    async def target(
        self, sources: Sequence[Source], revisions: Sequence[str] = (), *, name: str = "", namespace: str = ""
    ) -> Target:
        """Resolve and render; `revisions` override the sources' own by place, the names are the Application's.

        What goes wrong does not raise but stands in the target's `error`.
        """
        if not sources:
            return Target((), error="the Application has no source")
        found: list[str] = []
        rendered: list[Rendered] = []
        try:
            for place, source in enumerate(sources):
                wanted = revisions[place] if place < len(revisions) else ""
                found.append(await self._resolve(source, wanted or str(source.get("targetRevision") or "HEAD")))
            release = Release(name, namespace or "default", await self._referenced(sources, found))
            for source, revision in zip(sources, found, strict=True):
                rendered.append(await self._render(source, revision, release, found))
        except (CannotRender, DrayageError) as error:
            return Target(tuple(sources), tuple(found), error=str(error))
        manifests = tuple(manifest for one in rendered for manifest in one.manifests)
        return Target(tuple(sources), tuple(found), manifests, tuple(one.source_type for one in rendered))

    async def _referenced(self, sources: Sequence[Source], revisions: Sequence[str]) -> dict[str, Files]:
        """Read what other sources may name by `$<ref>`."""
        return {
            str(source["ref"]): await self._files(source, revision)
            for source, revision in zip(sources, revisions, strict=True)
            if source.get("ref") and len(sources) > 1
        }

    async def _files(self, source: Source, revision: str) -> Files:
        if source.get("chart"):
            return await to_thread(chart_files, self.charts, source, revision)
        return await self.repositories.tree(repository_of(str(source["repoURL"])), revision)

    async def _resolve(self, source: Source, revision: str) -> str:
        if source.get("chart"):
            return await to_thread(chart_version, self.charts, source, revision)
        name = repository_of(str(source.get("repoURL", "")))
        try:
            if name not in self._refs:
                self._refs[name] = await self.repositories.refs(name)
        except NotFound as error:
            raise CannotRender(f"repository {source['repoURL']} cannot be read: {error}") from None
        if revision == "HEAD":
            revision = await self.repositories.head(name)
        for full in (revision, f"refs/heads/{revision}", f"refs/tags/{revision}"):
            if full in self._refs[name]:
                return self._refs[name][full]
        looks_like_id = re.fullmatch(r"[0-9a-f]{7,40}", revision)
        if looks_like_id and (commit := await self.repositories.commit_named(name, revision)):
            return commit
        raise CannotRender(f"revision {revision!r} does not exist in {source['repoURL']}")

    async def _render(self, source: Source, revision: str, release: Release, revisions: Sequence[str]) -> Rendered:
        if source.get("ref") and not source.get("path") and not source.get("chart"):
            return Rendered((), "Directory")
        key = json.dumps([source, revision, release.name, release.namespace, list(revisions)], sort_keys=True)
        if key not in self._rendered:
            files = await self._files(source, revision)
            try:
                self._rendered[key] = render(files, source, release)
            except (AttributeError, TypeError) as error:
                raise CannotRender(f"path {source.get('path')!r} holds something of the wrong type: {error}") from None
        self._rendered.move_to_end(key)
        while len(self._rendered) > CACHED:
            self._rendered.popitem(last=False)
        return self._rendered[key]
