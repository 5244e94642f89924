"""One repository as the remote showed it at one moment: its branches and tags, and what its history says."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from blocks.git.history import read_commits, read_paths, read_tags
from blocks.git.recent import Line, Read, Recent
from blocks.git.remote import Refs
from blocks.records import Commit, Tag

T = TypeVar("T")


class Reader(Protocol):
    """Reads from the repository's mirror, which it repairs when it is damaged."""

    async def __call__(self, read: Callable[[Path], Awaitable[T]]) -> T:
        """Call `read` with the mirror's folder."""


@dataclass(frozen=True)
class View:
    """What `Mirrors.view` returns. Reading asks the remote only when the mirror lacks something."""

    url: str
    refs: Refs
    mirror: str
    recent: Recent
    read: Reader
    _lines: dict[str, Line] = field(default_factory=dict)

    def branch(self, name: str | None) -> tuple[str, str]:
        """Return name and commit of a branch, of the remote HEAD for None. Raises NotFound."""
        return self.refs.branch(self.url, name)

    async def commits(self, tip: str, *, skip: int, limit: int) -> list[Commit]:
        """List commits from `tip` on, newest first, with the paths they change against their first parent."""
        return await self.recent.commits(self._line(tip), skip, limit, self._read_line(tip))

    async def added(self, tip: str, before: str) -> list[Commit] | None:
        """List what a branch got since `before`, newest first; None when more happened than commits put on top."""
        return await self.recent.added(self._line(tip), before, self._read_line(tip))

    async def tags(self) -> list[Tag]:
        """List the tags that point at commits, newest creation first, at most 100,000, without changed paths."""
        return await self.recent.tags(self.mirror, self.refs.digest, lambda: self.read(read_tags))

    async def changed(self, commits: list[str]) -> dict[str, tuple[str, ...]]:
        """Return the paths that each of these commits changed against its first parent."""
        return await self.read(lambda mirror: read_paths(mirror, commits))

    def _line(self, tip: str) -> Line:
        return self._lines.setdefault(tip, self.recent.line(self.mirror, tip))

    def _read_line(self, tip: str) -> Read:
        return lambda skip, limit: self.read(lambda mirror: read_commits(mirror, tip, skip=skip, limit=limit))
