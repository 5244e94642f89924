"""What a remote repository says about itself, without downloading anything."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from blocks.errors import BadAnswer, NotFound, RateLimited, Retryable
from blocks.git.access import Access
from blocks.git.command import git

T = TypeVar("T")

LS_REMOTE_TIMEOUT = 60.0
ATTEMPTS = 3


@dataclass(frozen=True)
class Refs:
    """Branches and tags of a repository by full name, and the branch its HEAD names, empty when it names none.

    `smart` is False when the server is one of files only, which cannot leave anything out of a download.
    """

    ids: dict[str, str]
    head: str = ""
    smart: bool = True

    @cached_property
    def digest(self) -> str:
        """A name of exactly these branches, tags and HEAD."""
        listed = "\n".join([self.head, *(f"{value} {ref}" for ref, value in sorted(self.ids.items()))])
        return hashlib.sha256(listed.encode()).hexdigest()

    @property
    def tags(self) -> dict[str, str]:
        """The tags by short name; an annotated one with its own id, not its commit's."""
        return {ref.removeprefix("refs/tags/"): i for ref, i in self.ids.items() if ref.startswith("refs/tags/")}

    def branch(self, url: str, name: str | None) -> tuple[str, str]:
        """Return name and commit of a branch, of the remote HEAD for None. Raises NotFound."""
        if not any(ref.startswith("refs/heads/") for ref in self.ids):
            raise NotFound(f"repository {url} shows no branches: push a first commit, or check that Git answers there")
        full = f"refs/heads/{name}" if name else self.head
        if full not in self.ids:
            missing = f"has no branch {name!r}" if name else "has a HEAD that names no branch: name one"
            raise NotFound(f"repository {url} {missing}")
        return full.removeprefix("refs/heads/"), self.ids[full]


async def ls_remote(access: Access, timeout: float = LS_REMOTE_TIMEOUT) -> Refs:
    """Ask a repository for its branches, tags and HEAD. It is also what proves the right to read."""

    async def ask() -> str:
        async with access.turn():
            return await git("ls-remote", "--symref", "--", access.url, timeout=timeout, access=access)

    return _parse(access, await patiently(ask))


async def patiently(call: Callable[[], Awaitable[T]], attempts: int = ATTEMPTS) -> T:
    """Repeat a call whose failure may pass, with exponential pauses and full jitter.

    A server that asked for fewer requests is left alone at once.
    """
    for attempt in range(1, attempts):
        try:
            return await call()
        except RateLimited:
            raise
        except Retryable:
            await asyncio.sleep(random.uniform(0.1, 0.4 * 2**attempt))  # noqa: S311  not a secret
    return await call()


def _parse(access: Access, printed: str) -> Refs:
    ids: dict[str, str] = {}
    head = head_id = ""
    for line in filter(None, printed.split("\n")):  # not splitlines: a ref may hold what Unicode calls a line break
        value, tab, ref = line.partition("\t")
        if not tab:
            raise BadAnswer(f"git ls-remote of {access.url} answered {line[:80]!r}, which is no ref")
        if ref == "HEAD" and value.startswith("ref: "):
            head = value.removeprefix("ref: ")
        elif ref == "HEAD":
            head_id = value
        elif ref.startswith(("refs/heads/", "refs/tags/")) and not ref.endswith("^{}"):
            ids[ref] = value
    return Refs(ids, head or _guess_head(ids, head_id), smart=bool(head))


def _guess_head(ids: dict[str, str], head_id: str) -> str:
    """Find the branch a detached HEAD stands on, the usual names first; empty when there is none."""
    usual = ("refs/heads/main", "refs/heads/master")
    branches = (*usual, *(ref for ref in ids if ref.startswith("refs/heads/")))
    return next((ref for ref in branches if head_id and ids.get(ref) == head_id), "")
