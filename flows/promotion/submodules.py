"""Fills the submodules of a checkout, each from a mirror of its own and with credentials of its own."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from blocks.errors import DrayageError, Invalid, Refused
from blocks.git.clone import Clone
from blocks.git.mirror import Mirrors
from blocks.git.submodules import DEEPEST, MOST_SUBMODULES, Submodule, read_submodules
from blocks.git.work_tree import Origin
from flows.promotion.result import StepContext


@dataclass
class Submodules:
    """All submodules of one git-clone step. `name` is what their clones are called, with a number."""

    ctx: StepContext
    mirrors: Mirrors
    origin: Origin
    name: Path
    filled: int = 0

    async def fill(self, checkout: Path, url: str, depth: int = 1) -> None:
        """Check out what a checkout's commit wants in its folders, and what that wants. Raises Refused over limits."""
        wanted = await read_submodules(checkout, url)
        if wanted and depth > DEEPEST:
            raise Refused(f"submodules of {self.origin.url} are nested deeper than {DEEPEST}, the limit")
        for submodule in wanted:
            if (checkout / submodule.path).is_dir():  # outside of a sparse checkout there is none
                await self._fill(checkout, url, submodule)
                await self.fill(checkout / submodule.path, submodule.url, depth + 1)

    async def _fill(self, checkout: Path, url: str, submodule: Submodule) -> None:
        self.filled += 1
        if self.filled > MOST_SUBMODULES:
            raise Refused(f"{self.origin.url} has more than {MOST_SUBMODULES} submodules, the limit")
        path = checkout / submodule.path
        if await asyncio.to_thread(path.resolve) != checkout / submodule.path:
            raise Invalid(f"submodule {submodule.path!r} of {url} leads elsewhere through a link")
        try:
            await self._check_out(path, submodule)
        except DrayageError as error:
            raise type(error)(f"submodule {submodule.path!r} of {url}: {error}") from None

    async def _check_out(self, path: Path, submodule: Submodule) -> None:
        credentials = await self.ctx.credentials("git", submodule.url)
        insecure = self.origin.insecure and _host(submodule.url) == _host(self.origin.url)
        opened = self.mirrors.access(submodule.url, credentials, insecure)
        mirror = await self.mirrors.fetch(
            opened.url, credentials=opened.credentials, insecure=insecure, commit=submodule.commit
        )
        repository = self.name.with_name(f"{self.name.name}+{self.filled}.git")
        origin = replace(self.origin, url=opened.url, insecure=insecure)
        clone = await Clone.make(repository, mirror, origin, inside=self.ctx.work_dir)
        await clone.check_out_commit(path, submodule.commit)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2].lower()
