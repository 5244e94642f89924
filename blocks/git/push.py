"""Bring commits and tags to the remote: look first, so that what arrived is not sent again."""

import asyncio
import random
from dataclasses import dataclass

from blocks.errors import Conflict, Refused, Retryable
from blocks.git.access import Access
from blocks.git.bare import has_commit
from blocks.git.branches import branches
from blocks.git.group import LONGEST_PAUSE, TROUBLES, Pauses, Pushed
from blocks.git.mirror import Mirrors
from blocks.git.send import send
from blocks.git.signing import SigningKey
from blocks.git.stack import Wish
from blocks.git.work_tree import Origin, WorkTree
from blocks.records import Credentials

FIRST_PAUSE = 1.0
PAUSE_GROWTH = 1.5
"""Seconds between two tries, up to `LONGEST_PAUSE` (source: Kargo's git-push)."""


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
    key: SigningKey | None = None

    @classmethod
    async def make(
        cls,
        tree: WorkTree,
        origin: Origin,
        mirrors: Mirrors,
        credentials: Credentials | None,
        promotion: str,
        attempts: int = 10,
    ) -> "Pusher":
        """Push to where the checkout was cloned from, signing what has to be made anew as its clone does."""
        opened = mirrors.access(origin.url, credentials, origin.insecure)
        return cls(tree, mirrors, opened, promotion, attempts, key=await origin.key())

    async def branch(self, name: str, *, force: bool = False) -> Pushed:
        """Make the remote branch hold the checked-out commit; the checkout then stands on what was pushed.

        A branch that did not move takes the commit at once, without a look before: pushing twice changes nothing.
        One that moved is integrated as the policy says, together with others who push there now; `force` replaces
        it instead. Raises Conflicting or Refused when a person must decide, and what stopped the last of `attempts`.
        """
        if force:
            return await self._replace(name)
        wish = Wish(self.tree.repository, await self.tree.head(), self.promotion, self.key)
        queue = branches(self.mirrors).branch(self.opened, name, self.mirrors.committing.policy)
        pushed = await queue.push(wish, self.attempts, self.pauses)
        if pushed.commit != wish.head:
            await self._bring(pushed.commit)
            await self.tree.move_to(pushed.commit)
        return pushed

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
        await send(self.tree.repository, self.opened, ours, ref, force=force)
        return Pushed(ref, commit)

    async def _replace(self, name: str) -> Pushed:
        async with self.mirrors.pushing(self.opened.url, name) as lock:
            troubles = 0
            for attempt in range(1, self.attempts + 1):
                try:
                    pushed = await self._replace_once(f"refs/heads/{name}", lock)
                    await self.mirrors.adopt(self.opened, self.tree.repository, pushed.ref, pushed.commit)
                    return pushed
                except Retryable as error:
                    troubles += not isinstance(error, Conflict)
                    if attempt == self.attempts or troubles == TROUBLES:
                        raise
                    await asyncio.sleep(max(self.pauses(attempt), min(error.retry_after or 0.0, LONGEST_PAUSE)))
        raise AssertionError("unreachable: attempts is at least 1")

    async def _replace_once(self, ref: str, lock: int) -> Pushed:
        head, there = await self.tree.head(), (await self.mirrors.refs(self.opened)).ids.get(ref)
        if there is not None:
            await self._bring(there)
            if await self._holds(there, head):
                return Pushed(ref, head, arrived=True)
        await send(self.tree.repository, self.opened, head, ref, force=there is not None, holding=lock)
        return Pushed(ref, head)

    async def _holds(self, there: str, head: str) -> bool:
        """Whether our commit is on the branch already: its tip, or one that was ours before, with others on top."""
        if there == head:
            return True
        return await self.tree.belongs_to(self.promotion, head) and await self.tree.contains(there, head)

    async def _bring(self, commit: str) -> None:
        if not await has_commit(self.tree.repository, commit):
            await self.mirrors.fetch(
                self.opened.url, credentials=self.opened.credentials, insecure=self.opened.insecure, commit=commit
            )
