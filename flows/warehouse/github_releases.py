"""Published releases of a repository on GitHub, as a further kind of subscription: `github-release`.

An unchanged repository costs one conditional request, which GitHub does not count. A changed one costs its pages,
and one request for the commit of each new release among the best.
"""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from blocks.errors import NotFound
from blocks.github import GitHub, Release, RepositoryPlace, read_release, read_releases, repository_place
from blocks.records import Credentials
from flows.plugin.http import Http
from flows.promotion.result import CredentialsFor
from flows.warehouse.asking import Hint
from flows.warehouse.further import Artifact
from flows.warehouse.github_choose import Config, asset_shape, choose, metadata, ordered
from flows.warehouse.given import Cache
from flows.warehouse.urls import normalize_git

__all__ = ["Config", "discover"]

PAGE = 30
"""Releases asked for at once: few enough that a page with hundreds of assets each stays readable."""

MOST_PAGES = 34
"""Pages that are read, about 1,000 releases."""

MOST_COMMITS = 10
"""Best releases whose commit is asked for."""

FORMAT = 1
"""Of what is remembered; a new one makes the old be forgotten."""

RECHECK = timedelta(hours=6)
"""How long later pages are believed while the first does not change."""


async def discover(
    config: Config,
    *,
    http: Http,
    credentials: CredentialsFor,
    cache: Cache,
    previous: list[Artifact],
    hint: Hint | None,
    limit: int,
    now: datetime,
    thorough: bool,
) -> list[Artifact]:
    """Return the chosen releases, best first. Raises the leaves of `blocks.errors`."""
    found = await credentials("git", config.repo_url)
    source = _Source(config, http, found, limit)
    if hint and previous:
        return await source.hinted(hint.tag, previous) if _concerns(hint, config) else previous
    key = _digest([FORMAT, source.place.url, limit, config.model_dump(mode="json")])
    remembered = {} if thorough else (await cache.get([key])).get(key, {})
    result = await source.changed(remembered, now)
    if result is None:
        return [Artifact(**each) for each in remembered["artifacts"]]
    await cache.put({key: result})
    return [Artifact(**each) for each in result["artifacts"]]


class _Source:
    """One repository as one subscription looks at it."""

    def __init__(self, config: Config, http: Http, credentials: Credentials | None, limit: int) -> None:
        self.config = config
        self.place: RepositoryPlace = repository_place(config.repo_url)
        self.github = GitHub(http.request, self.place.api, credentials, insecure=config.insecure_skip_tls_verify)
        self._credentials = credentials
        self._limit = limit

    async def changed(self, remembered: dict[str, Any], now: datetime) -> dict[str, Any] | None:
        """Look whether there is anything new. Returns what to remember, None when nothing has changed."""
        known = remembered if _believed(remembered, now) else {}
        first, etag, following = await self._page(self._first_page, known.get("etag", ""))
        if first is None:
            return None
        fingerprint = _digest([_described(each) for each in first])
        if fingerprint == known.get("fingerprint"):  # only what nobody asked about has changed, such as downloads
            return {**known, "etag": etag}
        releases, pages = await self._rest(first, following)
        artifacts = await self._described(choose(self.config, releases, self._limit), remembered.get("artifacts", []))
        return {
            "etag": etag,
            "fingerprint": fingerprint,
            "pages": pages,
            "readAt": now.isoformat(),
            "artifacts": [{"version": each.version, "metadata": each.metadata} for each in artifacts],
        }

    async def hinted(self, tag: str, previous: list[Artifact]) -> list[Artifact]:
        """Look at the release of one tag only."""
        answer = await self.github.ask("GET", f"{self.place.url}/releases/tags/{quote(tag)}")
        found = choose(self.config, [read_release(answer.body)] if answer else [], 1)
        others = [each for each in previous if each.version != tag]
        return ordered(self.config, [*await self._described(found, []), *others])[: self._limit]

    @property
    def _first_page(self) -> str:
        return f"{self.place.url}/releases?per_page={PAGE}"

    async def _page(self, url: str, etag: str = "") -> tuple[list[Release] | None, str, str]:
        answer = await self.github.ask("GET", url, etag=etag)
        if answer is None:
            known = self._credentials
            seen = f"credentials {known.name!r} do not see it" if known else "it needs credentials of cred-type git"
            raise NotFound(
                f"{self.config.repo_url} shows no releases: there is no such repository on GitHub, or {seen}"
            )
        return None if answer.unchanged else read_releases(answer.body), answer.etag, answer.next

    async def _rest(self, first: list[Release], following: str) -> tuple[list[Release], int]:
        """Read the later pages, for the newest no more than needed."""
        releases, pages = [*first], 1
        while following and pages < MOST_PAGES and not self._enough(releases):
            more, _, following = await self._page(following)
            releases, pages = [*releases, *(more or [])], pages + 1
        return releases, pages

    def _enough(self, releases: list[Release]) -> bool:
        newest = self.config.selection == "NewestRelease"
        return newest and len(choose(self.config, releases, self._limit)) >= self._limit

    async def _described(self, releases: list[Release], known: list[dict[str, Any]]) -> list[Artifact]:
        """Make artifacts; the commits of those that are known already are not asked for again."""
        commits = {(each["version"], each["metadata"].get("publishedAt")): each["metadata"] for each in known}
        artifacts = []
        for index, release in enumerate(releases):
            commit = commits.get((release.tag, release.published_at), {}).get("commit", "")
            if not commit and index < MOST_COMMITS:
                commit = await self.github.commit_id(self.place, f"tags/{release.tag}")
            artifacts.append(Artifact(release.tag, metadata(self.config, release, commit)))
        return artifacts


def _concerns(hint: Hint, config: Config) -> bool:
    """Whether a hint names a tag, here. Git has no tags with two dots, and in a URL they lead elsewhere."""
    if hint.repo_url and normalize_git(hint.repo_url) != normalize_git(config.repo_url):
        return False
    return bool(hint.tag) and ".." not in hint.tag


def _believed(remembered: dict[str, Any], now: datetime) -> bool:
    """Whether an unchanged first page means that nothing has changed."""
    if not remembered:
        return False
    return bool(remembered["pages"] == 1 or now - datetime.fromisoformat(remembered["readAt"]) < RECHECK)


def _described(release: Release) -> list[Any]:
    """Everything of a release that can matter here."""
    shapes = [[asset_shape(each), each.uploaded] for each in release.assets]
    return [release.tag, release.name, release.published_at, release.draft, release.prerelease, shapes]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
