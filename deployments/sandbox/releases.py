"""The releases of the sandbox's code host, as they were told, and as GitHub shows them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Json = dict[str, Any]


class Asset(BaseModel):
    """One file of a release."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="The file's name.")
    size: int = Field(default=0, ge=0, description="Bytes.")
    state: Literal["uploaded", "starter", "open"] = Field(default="uploaded", description="Whether it is there whole.")
    digest: str = Field(default="", description="sha256:…")
    content_type: str = Field(default="application/octet-stream", description="Media type.")
    download_count: int = Field(default=0, ge=0, description="How often it was fetched.")


class Release(BaseModel):
    """One release. One of the same repository and tag replaces it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name.")
    tag: str = Field(min_length=1, description="The Git tag.")
    name: str = Field(default="", description="Title; the tag when empty.")
    draft: bool = Field(default=False, description="Whether it is not published yet.")
    prerelease: bool = Field(default=False, description="Whether it is marked as pre-release.")
    commit: str = Field(default="", description="What the tag leads to; empty asks the Git repository owner/name.")
    assets: list[Asset] = Field(default_factory=list, description="Its files.")
    published_at: datetime | None = Field(default=None, description="When; now when empty.")


class Releases:
    """Releases by repository, in the order they were made."""

    def __init__(self, state: Any = None) -> None:
        """Continue from a snapshot."""
        self._by_repository: dict[str, dict[str, Json]] = state or {}

    def snapshot(self) -> Any:
        """Give everything, for a file."""
        return self._by_repository

    def put(self, release: Release, now: datetime) -> Json:
        """Make a release, or replace it; a replaced one keeps its time and place."""
        known = self._by_repository.setdefault(release.repository, {})
        before = known.get(release.tag, {}).get("published_at")
        at = release.published_at.isoformat() if release.published_at else before or now.isoformat()
        made = release.model_dump(mode="json", exclude={"repository"}) | {"published_at": at.replace("+00:00", "Z")}
        known[release.tag] = made
        return made

    def delete(self, repository: str, tag: str) -> bool:
        """Delete a release; False when there is none."""
        return self._by_repository.get(repository, {}).pop(tag, None) is not None

    def has(self, repository: str) -> bool:
        """Whether the host has such a repository."""
        return repository in self._by_repository

    def of(self, repository: str, *, drafts: bool = True) -> list[Json]:
        """List a repository's releases, those made last first."""
        found = reversed(self._by_repository.get(repository, {}).values())
        return [each for each in found if drafts or not each["draft"]]


def shown(base: str, repository: str, release: Mapping[str, Any]) -> Json:
    """Show a release as GitHub does; `base` is the host's URL with a final slash."""
    page = f"{base}{repository}/releases"
    return {
        "html_url": f"{page}/tag/{release['tag']}",
        "tag_name": release["tag"],
        "target_commitish": "main",
        "name": release["name"] or release["tag"],
        "draft": release["draft"],
        "prerelease": release["prerelease"],
        "created_at": release["published_at"],
        "published_at": None if release["draft"] else release["published_at"],
        "assets": [_asset(f"{page}/download/{release['tag']}", each) for each in release["assets"]],
    }


def _asset(base: str, asset: Mapping[str, Any]) -> Json:
    return {
        "name": asset["name"],
        "state": asset["state"],
        "size": asset["size"],
        "digest": asset["digest"] or None,
        "content_type": asset["content_type"],
        "download_count": asset["download_count"],
        "browser_download_url": f"{base}/{asset['name']}",
    }
