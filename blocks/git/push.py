"""Bring commits and tags to the remote: look first, so that what arrived is not sent again."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from blocks.errors import Conflict, Refused, Retryable
from blocks.git.access import Access
from blocks.git.bare import has_commit
from blocks.git.command import git
from blocks.git.identity import PROMOTION
from blocks.git.mirror import Mirrors
from blocks.git.rebase import Made, missing, read, rebase
from blocks.git.work_tree import WorkTree
from blocks.records import Credentials

PUSH_TIMEOUT = 300.0

FIRST_PAUSE = 1.0
PAUSE_GROWTH = 1.5
LONGEST_PAUSE = 30.0
"""Seconds between two tries (source: Kargo's git-push)."""

TROUBLES = 3
"""Failures other than a moved branch that end the trying."""

Pauses = Callable[[int], float]


@dataclass(frozen=True)
class Pushed:
    """What is on the remote now. `arrived` says that it was there before we came."""

    ref: str
    commit: str
    arrived: bool = False


def pause(attempt: int) -> float:
    """Return the seconds to wait after the n-th try, with jitter."""
    longest = min(FIRST_PAUSE * PAUSE_GROWTH ** (attempt - 1), LONGEST_PAUSE)
    return longest * random.uniform(0.75, 1.25)  # noqa: S311  not a secret


@dataclass(frozen=True)
class Pusher:
    """Pushes from one checkout for one promotion."""

    tree: WorkTree
    mirrors: Mirrors
    opened: Access
    promotion: str
    attempts: int = 10
    pauses: Pauses = pause

    @classmethod
    async def make(
        cls, tree: WorkTree, mirrors: Mirrors, credentials: Credentials | None, promotion: str, attempts: int = 10
    ) -> "Pusher":
        """Push to where the checkout was cloned from."""
        origin = await tree.origin()
        return cls(tree, mirrors, mirrors.access(origin.url, credentials, origin.insecure), promotion, attempts)

    async def branch(self, name: str, *, force: bool = False) -> Pushed:
        """Make the remote branch hold the checked-out commit; the checkout then stands on what was pushed.

        A branch that did not move takes the commit at once, without a look before: pushing twice changes nothing.
        One that moved is rebased onto; `force` replaces it instead. Pushes to one branch wait for each
        other. Raises Conflicting when a person must decide, and what stopped the last of `attempts` tries.
        """
        async with self.mirrors.pushing(self.opened.url, name):
            troubles = 0
            for attempt in range(1, self.attempts + 1):
                hopeful = attempt == 1 < self.attempts and not force
                try:
                    pushed = await self._branch_once(name, force, hopeful)
                    await self.mirrors.adopt(self.opened, self.tree.repository, pushed.ref, pushed.commit)
                    return pushed
                except Retryable as error:
                    troubles += not isinstance(error, Conflict)
                    if attempt == self.attempts or troubles == TROUBLES:
                        raise
                    if hopeful and isinstance(error, Conflict):
                        continue  # the branch moved before we came: look now, not later
                    await asyncio.sleep(max(self.pauses(attempt), min(error.retry_after or 0.0, LONGEST_PAUSE)))
        raise AssertionError("unreachable: attempts is at least 1")

    async def tag(self, name: str, *, force: bool = False) -> Pushed:
        """Push a tag of the checkout. Raises Refused when the remote has another one of that name."""
        ref = f"refs/tags/{name}"
        ours = await self.tree.resolve(ref)
        if ours is None:
            raise Refused(f"there is no tag {name!r} to push: make it with a git-tag step first")
        theirs = (await self.mirrors.refs(self.opened)).ids.get(ref)
        commit = await self.tree.resolve(f"{ref}^{{commit}}") or ""
        if theirs == ours:
            return Pushed(ref, commit, arrived=True)
        if theirs and not force:
            raise Refused(f"repository {self.opened.url} has a tag {name!r} already: use another name, or force")
        await self._send(ours, ref, force=force)
        return Pushed(ref, commit)

    async def _branch_once(self, name: str, force: bool, hopeful: bool) -> Pushed:
        ref, head = f"refs/heads/{name}", await self.tree.head()
        if hopeful:
            return Pushed(ref, head, arrived=not await self._send(head, ref))
        there = (await self.mirrors.refs(self.opened)).ids.get(ref)
        if there is None:
            await self._send(head, ref)
            return Pushed(ref, head)
        await self._bring(there)
        if await self._holds(there, head, force):
            return Pushed(ref, head, arrived=True)
        if force:
            await self._send(head, ref, force=True)
            return Pushed(ref, head)
        return await self._integrated(ref, there, head)

    async def _holds(self, there: str, head: str, force: bool) -> bool:
        """Whether our commit is on the branch already. A forced push must be its tip, or have been ours before."""
        if there == head:
            return True
        ours = not force or await self.tree.belongs_to(self.promotion, head)
        return ours and await self.tree.contains(there, head)

    async def _integrated(self, ref: str, there: str, head: str) -> Pushed:
        """Rebase what the branch does not hold yet onto it, and push that."""
        if await self.tree.contains(head, there):
            await self._send(head, ref)
            return Pushed(ref, head)
        found, left = await self._arrived(there, head)
        tip = await rebase(self.tree.repository, left, there) if left else found[-1]
        arrived = not left or tip == there
        if not arrived:
            await self._send(tip, ref)
        await self.tree.move_to(tip)
        return Pushed(ref, tip, arrived)

    async def _arrived(self, there: str, head: str) -> tuple[list[str], list[Made]]:
        """Find our own commits that an earlier try rebased and pushed, and those still to be pushed."""
        local = await missing(self.tree.repository, there, head)
        known = await self._ours_on(there, head)
        found: list[str] = []
        left: list[Made] = []
        for commit in local:
            twins = known.get(commit.identity)
            if twins:
                found.append(twins.pop(0))
            else:
                left.append(commit)
        return found, left

    async def _ours_on(self, there: str, head: str) -> dict[tuple[str, str], list[str]]:
        """Index this promotion's commits on the remote branch by what a rebase leaves alone, oldest first."""
        trailer = f"--grep={PROMOTION}: {self.promotion}"
        options = ("--reverse", "--fixed-strings", trailer, "--max-count=100")
        ids = (await git("log", "--format=%H", *options, f"{head}..{there}", "--", cwd=self.tree.repository)).split()
        known: dict[tuple[str, str], list[str]] = {}
        for commit in [await read(self.tree.repository, commit) for commit in ids]:
            known.setdefault(commit.identity, []).append(commit.id)
        return known

    async def _bring(self, commit: str) -> None:
        if not await has_commit(self.tree.repository, commit):
            await self.mirrors.fetch(
                self.opened.url, credentials=self.opened.credentials, insecure=self.opened.insecure, commit=commit
            )

    async def _send(self, what: str, ref: str, *, force: bool = False) -> bool:
        return await send(self.tree.repository, self.opened, what, ref, force=force)


async def send(repository: Path, opened: Access, what: str, ref: str, *, force: bool = False) -> bool:
    """Push one object to one ref; False when it was there already. Raises Conflict when the ref moved."""
    said = await git(
        *("push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed"),
        *("--", opened.url, f"{'+' if force else ''}{what}:{ref}"),
        cwd=repository,
        access=opened,
        timeout=PUSH_TIMEOUT,
    )
    return not any(line.startswith("=") for line in said.splitlines())
