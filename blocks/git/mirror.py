"""One bare mirror per repository, shared by discovery and promotions."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from blocks.budget import Budgets
from blocks.errors import BadAnswer, Conflict, DrayageError
from blocks.git.access import Access, access, mirror_key
from blocks.git.bare import (
    download,
    download_commit,
    has_commit,
    init,
    is_blobless,
    is_current,
    lacks,
    take_over,
    tidy,
)
from blocks.git.committing import Committing
from blocks.git.failures import Damaged
from blocks.git.lock import exclusive, remove_stale
from blocks.git.recent import Recent
from blocks.git.remote import LS_REMOTE_TIMEOUT, Refs, ls_remote
from blocks.git.room import in_use, make_room, measure
from blocks.git.view import View
from blocks.records import Credentials
from blocks.shared import Shared

if TYPE_CHECKING:
    from blocks.git.branches import Branches

T = TypeVar("T")

ADOPT_PATIENCE = 2.0
"""Seconds to wait for a busy mirror that would only be spared a download."""

FETCH_TIMEOUT = 900.0
"""Seconds one download may take."""

MAX_BYTES = 20 * 1024**3
"""Bytes all mirrors together may take before the least recently used go."""

HELD = 30.0
"""Seconds for which a mirror that was found complete is taken to be so; shorter than it stays after its last use."""

MEMORY = 3.0
"""Seconds for which the remote's list of branches and tags serves discovery again."""


class Mirrors:
    """The mirrors below one folder. Any number of processes may use the same folder at once.

    Every call asks the remote first, with the caller's own credentials: that says whether anything changed,
    and it keeps a mirror from showing its contents to somebody the remote would turn away. Who asks the same
    with the same credentials at the same time shares one answer.
    """

    def __init__(
        self,
        root: Path,
        *,
        allow_file: bool = False,
        allow_plain_http_credentials: bool = False,
        timeout: float = FETCH_TIMEOUT,
        max_bytes: int = MAX_BYTES,
        budgets: Budgets | None = None,
        memory: float = MEMORY,
        committing: Committing | None = None,
    ) -> None:
        """Use `root`, made when missing. `timeout` bounds one download and the wait for another writer, in seconds.

        What a remote said is good for `memory` seconds to those who do not ask for a fresh look. `committing` and
        `branches` are for those who commit and push.
        """
        self.root = root
        self.committing = committing or Committing()
        self.branches: Branches | None = None
        self._allow_file = allow_file
        self._allow_plain_http_credentials = allow_plain_http_credentials
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._budgets = budgets
        self._memory = memory
        self._refs: Shared[Refs] = Shared()
        self._downloads: Shared[bool] = Shared()
        self._recent = Recent()

    def access(self, url: str, credentials: Credentials | None, insecure: bool = False) -> Access:
        """Prepare the access to one repository as this process is set up. Raises Invalid, Refused, Unauthorized."""
        opened = access(
            url,
            credentials,
            insecure=insecure,
            allow_file=self._allow_file,
            allow_plain_http_credentials=self._allow_plain_http_credentials,
        )
        opened = replace(opened, budgets=self._budgets)
        opened.budget()  # noted here, for the answer may be shared
        return opened

    async def view(
        self,
        url: str,
        *,
        credentials: Credentials | None,
        insecure: bool = False,
        blobless: bool = False,
        fresh: bool = False,
    ) -> View:
        """Look at a repository, to read its history. Downloads nothing yet.

        Unless `fresh`, the remote's answer may be a few seconds old. `blobless` is content with a mirror
        without the contents of files, and makes one where there is none.
        """
        opened = self.access(url, credentials, insecure)
        refs = await self._known_refs(opened, 0.0 if fresh else self._memory)
        read = partial(self._read_view, opened, refs, blobless)
        return View(opened.url, refs, str(self._mirror(opened)), self._recent, read)

    async def refs(self, opened: Access) -> Refs:
        """Return all branches and tags of the remote, as it says now."""
        return await self._known_refs(opened, 0.0)

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
        refs = await self.refs(opened)
        return await self._read(opened, refs, read, lambda: self._refresh(opened, refs, blobless=False), blobless=False)

    def pushing(self, url: str, branch: str) -> AbstractAsyncContextManager[int]:
        """Hold the right to push to one branch, among everything that uses this folder."""
        self.root.mkdir(parents=True, exist_ok=True)
        return exclusive(self.pushing_file(url, branch), timeout=self._timeout, what=f"branch {branch!r} of {url}")

    def pushing_file(self, url: str, branch: str) -> Path:
        """Name the lock file of one branch."""
        name = hashlib.sha256(f"{mirror_key(url)}\0{branch}".encode()).hexdigest()[:24]
        return self.root / f"{name}.push"

    async def adopt(self, opened: Access, clone: Path, ref: str, commit: str) -> None:
        """Take over what was just pushed from a clone on this disk, so that the next look costs no download.

        Nothing depends on it: when the mirror is busy or the clone does not show the commit, nothing happens.
        """
        mirror = self._mirror(opened)
        with suppress(DrayageError):
            async with self._writing(opened, mirror, ADOPT_PATIENCE) as lock:
                await take_over(mirror, clone, commit, ref, lock=lock)

    def _mirror(self, opened: Access) -> Path:
        return self.root / f"{mirror_key(opened.url)}.git"

    async def _known_refs(self, opened: Access, seconds: float) -> Refs:
        key = (opened.url, opened.credentials, opened.insecure)
        timeout = min(self._timeout, LS_REMOTE_TIMEOUT)
        return await self._refs.ask(key, lambda: ls_remote(opened, timeout), seconds=seconds)

    async def _read_view(self, opened: Access, refs: Refs, blobless: bool, read: Callable[[Path], Awaitable[T]]) -> T:
        """Read what these refs point at; the mirror may hold more by now. Raises Conflict when it is gone."""

        async def bring() -> None:
            key = (self._mirror(opened), refs.digest, blobless)
            if not await self._downloads.ask(key, lambda: self._bring(opened, refs, blobless), seconds=HELD):
                raise Conflict(f"repository {opened.url} moved while it was read: its branches are looked at again")

        return await self._read(opened, refs, read, bring, blobless=blobless)

    async def _bring(self, opened: Access, refs: Refs, blobless: bool) -> bool:
        """Bring the mirror up to date; False when the remote has moved on and these refs cannot be had any more."""
        mirror = self._mirror(opened)
        await self._refresh(opened, refs, blobless=blobless)
        if not await lacks(mirror, refs):
            return True
        if await is_current(mirror, refs):
            raise Damaged(f"the mirror of {opened.url} lost what its branches point at")
        return False

    async def _read(
        self,
        opened: Access,
        refs: Refs,
        read: Callable[[Path], Awaitable[T]],
        bring: Callable[[], Awaitable[None]],
        *,
        blobless: bool,
    ) -> T:
        """Read from the current mirror; a damaged one is made anew, once."""
        mirror = self._mirror(opened)
        self.root.mkdir(parents=True, exist_ok=True)
        async with in_use(mirror):
            made = _identity(mirror)
            try:
                await bring()
                made = _identity(mirror)
                return await read(mirror)
            except Damaged:
                await self._replace(opened, refs, blobless=blobless and is_blobless(mirror), unless_other_than=made)
                return await read(mirror)

    async def _refresh(self, opened: Access, refs: Refs, *, blobless: bool) -> None:
        mirror = self._mirror(opened)
        enough = blobless or not is_blobless(mirror)
        if enough and await is_current(mirror, refs):
            return
        if not enough or not await asyncio.to_thread(mirror.exists):
            await self._replace(opened, refs, blobless=blobless and _may_filter(opened, refs), unless_current=True)
            return
        if not refs.ids:
            # Git takes any empty answer for an empty repository. That is no reason to forget everything.
            raise BadAnswer(f"repository {opened.url} shows no branches and tags any more: check what answers there")
        async with self._writing(opened, mirror) as lock:
            if not await is_current(mirror, refs):
                await download(opened, mirror, refs, lock=lock, timeout=self._timeout)
                await tidy(mirror, lock)
                await self._account(mirror)

    async def _replace(
        self,
        opened: Access,
        refs: Refs,
        *,
        blobless: bool,
        unless_current: bool = False,
        unless_other_than: int | None = None,
    ) -> None:
        """Make the mirror beside its place and put it there in one move, so that nobody sees half of it.

        Somebody else may have done so while we waited: then nothing is left to do.
        """
        mirror = self._mirror(opened)
        async with self._writing(opened, mirror) as lock:
            enough = blobless or not is_blobless(mirror)
            if unless_current and enough and await is_current(mirror, refs):
                return
            if unless_other_than not in (None, _identity(mirror)):
                return
            fresh, old = mirror.with_suffix(".fresh"), mirror.with_suffix(".old")
            await asyncio.to_thread(_remove, fresh, old)
            await init(fresh, lock, blobless=blobless)
            await download(opened, fresh, refs, lock=lock, timeout=self._timeout)
            await asyncio.to_thread(_swap, fresh, mirror, old)
            await self._account(mirror)

    async def _account(self, mirror: Path) -> None:
        await asyncio.to_thread(measure, mirror)
        await make_room(self.root, self._max_bytes, mirror)

    @asynccontextmanager
    async def _writing(self, opened: Access, mirror: Path, patience: float | None = None) -> AsyncIterator[int]:
        self.root.mkdir(parents=True, exist_ok=True)
        what = f"the mirror of {opened.url}"
        async with exclusive(mirror.with_suffix(".lock"), timeout=patience or self._timeout, what=what) as lock:
            await asyncio.to_thread(remove_stale, mirror)
            yield lock


async def _itself(mirror: Path) -> Path:
    return mirror


def _may_filter(opened: Access, refs: Refs) -> bool:
    """Whether the server could leave contents out: one that only hands out files sends Git round in circles."""
    return refs.smart and opened.transport != "file"


def _identity(mirror: Path) -> int | None:
    """Tell one mirror from another that took its place; None when there is none."""
    try:
        return mirror.stat().st_ino
    except OSError:
        return None


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _swap(fresh: Path, place: Path, old: Path) -> None:
    if place.exists():
        place.rename(old)
    fresh.rename(place)
    _remove(old)
