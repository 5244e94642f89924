"""One bare mirror per repository, shared by discovery and promotions."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from blocks.errors import BadAnswer, DrayageError
from blocks.git.access import Access, access, mirror_key
from blocks.git.bare import download, download_commit, has_commit, init, is_current, take_over, tidy
from blocks.git.failures import Damaged
from blocks.git.history import read_commits, read_tags
from blocks.git.lock import exclusive, remove_stale
from blocks.git.remote import LS_REMOTE_TIMEOUT, Refs, ls_remote
from blocks.records import Commit, Credentials, Tag

T = TypeVar("T")

ADOPT_PATIENCE = 2.0
"""Seconds to wait for a busy mirror that would only be spared a download."""

FETCH_TIMEOUT = 900.0
"""Seconds one download may take."""


class Mirrors:
    """The mirrors below one folder. Any number of processes may use the same folder at once.

    Every call asks the remote first, with the caller's own credentials: that says whether anything changed,
    and it keeps a mirror from showing its contents to somebody the remote would turn away.
    """

    def __init__(
        self,
        root: Path,
        *,
        allow_file: bool = False,
        allow_plain_http_credentials: bool = False,
        timeout: float = FETCH_TIMEOUT,
    ) -> None:
        """Use `root`, made when missing. `timeout` bounds one download and the wait for another writer, in seconds."""
        self.root = root
        self._allow_file = allow_file
        self._allow_plain_http_credentials = allow_plain_http_credentials
        self._timeout = timeout

    def access(self, url: str, credentials: Credentials | None, insecure: bool = False) -> Access:
        """Prepare the access to one repository as this process is set up. Raises Invalid."""
        return access(
            url,
            credentials,
            insecure=insecure,
            allow_file=self._allow_file,
            allow_plain_http_credentials=self._allow_plain_http_credentials,
        )

    async def commits(
        self,
        url: str,
        branch: str | None,
        *,
        skip: int = 0,
        limit: int,
        credentials: Credentials | None,
        insecure: bool = False,
    ) -> tuple[str, list[Commit]]:
        """List commits of a branch (of the remote HEAD for None), newest first, at most 1,000 at once.

        Returns the branch's name too. Merges show what they changed against their first parent.
        """
        opened = self.access(url, credentials, insecure)
        refs = await self.refs(opened)
        name, _ = refs.branch(opened.url, branch)
        # By name, not by the id just heard: what was fetched after that may have replaced it.
        tip = f"refs/heads/{name}"
        return name, await self._read(opened, refs, lambda mirror: read_commits(mirror, tip, skip=skip, limit=limit))

    async def tags(
        self, url: str, *, credentials: Credentials | None, insecure: bool = False, paths: bool = True
    ) -> list[Tag]:
        """List the tags that point at commits, newest creation first, at most 10,000.

        `paths` False leaves out what the tagged commits changed, which is most of the work.
        """
        opened = self.access(url, credentials, insecure)
        refs = await self.refs(opened)
        return await self._read(opened, refs, lambda mirror: read_tags(mirror, paths=paths))

    async def head(
        self, url: str, branch: str | None = None, *, credentials: Credentials | None, insecure: bool = False
    ) -> tuple[str, str]:
        """Return name and commit of a branch, of the remote HEAD for None. Downloads nothing."""
        opened = self.access(url, credentials, insecure)
        return (await self.refs(opened)).branch(opened.url, branch)

    async def refs(self, opened: Access) -> Refs:
        """Return all branches and tags of the remote, as it says now."""
        return await ls_remote(opened, min(self._timeout, LS_REMOTE_TIMEOUT))

    async def fetch(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        insecure: bool = False,
        commit: str | None = None,
    ) -> Path:
        """Bring the mirror up to date and return its folder; with `commit`, that commit is in it.

        Raises NotFound when neither a branch nor a tag leads to the commit and the remote will not hand it out.
        """
        mirror = await self.using(url, _itself, credentials=credentials, insecure=insecure)
        if commit and not await has_commit(mirror, commit):
            opened = self.access(url, credentials, insecure)
            async with self._writing(opened, mirror) as lock:
                await download_commit(opened, mirror, commit, lock=lock, timeout=self._timeout)
        return mirror

    async def using(
        self,
        url: str,
        read: Callable[[Path], Awaitable[T]],
        *,
        credentials: Credentials | None = None,
        insecure: bool = False,
    ) -> T:
        """Bring the mirror up to date and read from it; a damaged one is made anew and read once more."""
        opened = self.access(url, credentials, insecure)
        return await self._read(opened, await self.refs(opened), read)

    def pushing(self, url: str, branch: str) -> AbstractAsyncContextManager[int]:
        """Hold the right to push to one branch, among everything that uses this folder."""
        name = hashlib.sha256(f"{mirror_key(url)}\0{branch}".encode()).hexdigest()[:24]
        self.root.mkdir(parents=True, exist_ok=True)
        return exclusive(self.root / f"{name}.push", timeout=self._timeout, what=f"branch {branch!r} of {url}")

    async def adopt(self, opened: Access, clone: Path, ref: str, commit: str) -> None:
        """Take over what was just pushed from a clone on this disk, so that the next look costs no download.

        Nothing depends on it: when the mirror is busy or the clone does not show the commit, nothing happens.
        """
        mirror = self.root / f"{mirror_key(opened.url)}.git"
        with suppress(DrayageError):
            async with self._writing(opened, mirror, ADOPT_PATIENCE) as lock:
                await take_over(mirror, clone, commit, ref, lock=lock)

    async def _read(self, opened: Access, refs: Refs, read: Callable[[Path], Awaitable[T]]) -> T:
        """Read from the current mirror; a damaged one is made anew, once."""
        mirror = self.root / f"{mirror_key(opened.url)}.git"
        try:
            await self._refresh(opened, mirror, refs)
            return await read(mirror)
        except Damaged:
            await self._replace(opened, mirror, refs)
            return await read(mirror)

    async def _refresh(self, opened: Access, mirror: Path, refs: Refs) -> None:
        if await is_current(mirror, refs):
            return
        if not await asyncio.to_thread(mirror.exists):
            await self._replace(opened, mirror, refs, unless_current=True)
            return
        if not refs.ids:
            # Git takes any empty answer for an empty repository. That is no reason to forget everything.
            raise BadAnswer(f"repository {opened.url} shows no branches and tags any more: check what answers there")
        async with self._writing(opened, mirror) as lock:
            if not await is_current(mirror, refs):
                await download(opened, mirror, refs, lock=lock, timeout=self._timeout)
                await tidy(mirror, lock)

    async def _replace(self, opened: Access, mirror: Path, refs: Refs, *, unless_current: bool = False) -> None:
        """Make the mirror beside its place and put it there in one move, so that nobody sees half of it."""
        async with self._writing(opened, mirror) as lock:
            if unless_current and await is_current(mirror, refs):
                return
            fresh, old = mirror.with_suffix(".fresh"), mirror.with_suffix(".old")
            await asyncio.to_thread(_remove, fresh, old)
            await init(fresh, lock)
            await download(opened, fresh, refs, lock=lock, timeout=self._timeout)
            await asyncio.to_thread(_swap, fresh, mirror, old)

    @asynccontextmanager
    async def _writing(self, opened: Access, mirror: Path, patience: float | None = None) -> AsyncIterator[int]:
        self.root.mkdir(parents=True, exist_ok=True)
        what = f"the mirror of {opened.url}"
        async with exclusive(mirror.with_suffix(".lock"), timeout=patience or self._timeout, what=what) as lock:
            remove_stale(mirror)
            yield lock


async def _itself(mirror: Path) -> Path:
    return mirror


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _swap(fresh: Path, place: Path, old: Path) -> None:
    if place.exists():
        place.rename(old)
    fresh.rename(place)
    _remove(old)
