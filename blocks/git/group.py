"""Group commit: promotions that push to the same branch at the same time go out in one push."""

import asyncio
import copy
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from blocks.errors import Conflict, DrayageError, Retryable, Terminal
from blocks.git.access import Access
from blocks.git.bare import has_commit
from blocks.git.failures import Damaged
from blocks.git.gathered import gathered
from blocks.git.integration import Policy
from blocks.git.mirror import Mirrors
from blocks.git.send import send
from blocks.git.stack import Placed, Stack, Wish

MOST = 100
"""Promotions that go out in one push."""

SPACING, SPACING_GROWTH, LONGEST_SPACING = 1.0, 1.5, 5.0
"""Seconds between two pushes of one branch that others still come to; each makes the next wait longer, up to this."""

QUIET = 15.0
"""Seconds without a push after which a branch is no longer busy."""

LONGEST_PAUSE = 30.0

TROUBLES = 3
"""Failures other than a moved branch that end the trying."""

Pauses = Callable[[int], float]


@dataclass(frozen=True)
class Pushed:
    """What is on the remote now. `arrived` says that it was there before we came."""

    ref: str
    commit: str
    arrived: bool = False


@dataclass(eq=False)
class Waiting:
    """One promotion in the queue: what it wants, how often it may try, how long it pauses, and what came of it."""

    wish: Wish
    attempts: int
    pauses: Pauses
    result: asyncio.Future[Pushed]
    tried: int = 0

    def fail(self, error: BaseException) -> None:
        """Tell the promotion, unless it has left."""
        if isinstance(error, asyncio.CancelledError):
            self.result.cancel()
        elif not self.result.done():
            self.result.set_exception(copy.copy(error))


@dataclass
class Branch:
    """One branch as one set of credentials reaches it. `coming` are clones that have it checked out."""

    mirrors: Mirrors
    opened: Access
    name: str
    policy: Policy
    coming: set[Path]
    queue: list[Waiting] = field(default_factory=list)
    tip: str | None = None
    last: float = float("-inf")
    spacing: float = 0.0
    _somebody: asyncio.Event = field(default_factory=asyncio.Event)
    _serving: asyncio.Task[None] | None = None

    @property
    def ref(self) -> str:
        """The branch's full name."""
        return f"refs/heads/{self.name}"

    async def push(self, wish: Wish, attempts: int, pauses: Pauses) -> Pushed:
        """Wait for this promotion's commits to be on the remote branch. Who is cancelled stops no other."""
        waiting = Waiting(wish, attempts, pauses, asyncio.get_running_loop().create_future())
        self.queue.append(waiting)
        self._somebody.set()
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        return await waiting.result

    async def _serve(self) -> None:
        """Push until nobody waits any more."""
        batch: list[Waiting] = []
        while self.queue:
            try:
                await self._let_others_come()
                async with self.mirrors.pushing(self.opened.url, self.name) as lock:
                    await self._bring_out(batch, lock)
            except BaseException as error:
                for waiting in [*batch, *self.queue]:
                    waiting.fail(error)
                self.queue.clear()
                if not isinstance(error, Exception):
                    raise
            batch.clear()

    async def _let_others_come(self) -> None:
        """On a busy branch wait a little, unless everybody who has it checked out here waits already."""
        ready = self.last + self.spacing
        while (left := ready - monotonic()) > 0:
            self._somebody.clear()
            if await self._everybody_is_here():
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._somebody.wait()

    async def _everybody_is_here(self) -> bool:
        away = tuple(self.coming.difference(waiting.wish.repository for waiting in self.queue))
        self.coming.difference_update(await asyncio.to_thread(_removed, away))
        here = {waiting.wish.repository for waiting in self.queue}
        return here == self.coming or len(here) >= MOST

    async def _bring_out(self, batch: list[Waiting], lock: int, *, alone: bool = False) -> None:
        """Try until everybody in the batch, and who comes meanwhile unless `alone`, is told what came of it."""
        troubles, hopeful = 0, True
        while self._filled(batch, alone):
            hopeful = hopeful and all(waiting.tried + 1 < waiting.attempts for waiting in batch)
            for waiting in batch:
                waiting.tried += 1
            try:
                await self._once(batch, lock, hopeful=hopeful)
                return
            except Conflict as error:
                self.tip = None
                self._give_up(batch, error)
                if hopeful:  # the branch moved before we came: look now, not later
                    hopeful = False
                    continue
                await self._pause(batch, error)
            except Retryable as error:
                troubles, hopeful, self.tip = troubles + 1, False, None
                if isinstance(error, Damaged) and len(batch) > 1 and troubles > 1:
                    await self._each_alone(batch, lock)
                    continue
                self._give_up(batch, error, all_of_them=troubles == TROUBLES)
                await self._pause(batch, error)
            except Terminal as error:
                if type(error) is Terminal and len(batch) > 1:  # the server's rules may mean one of the commits only
                    await self._each_alone(batch, lock)
                else:
                    self._give_up(batch, error, all_of_them=True)

    def _filled(self, batch: list[Waiting], alone: bool) -> bool:
        """Drop who has left or was told, and take in who came; False when nobody is left."""
        batch[:] = [waiting for waiting in batch if not waiting.result.done()]
        if not alone:
            self.queue[:] = [waiting for waiting in self.queue if not waiting.result.done()]
            free = MOST - len(batch)
            batch += self.queue[:free]
            del self.queue[:free]
        return bool(batch)

    def _give_up(self, batch: Sequence[Waiting], error: DrayageError, *, all_of_them: bool = False) -> None:
        for waiting in batch:
            if all_of_them or waiting.tried >= waiting.attempts:
                waiting.fail(error)

    async def _each_alone(self, batch: Sequence[Waiting], lock: int) -> None:
        """Find out whose fault it is."""
        for waiting in batch:
            waiting.tried = 0
            await self._bring_out([waiting], lock, alone=True)

    async def _pause(self, batch: Sequence[Waiting], error: Retryable) -> None:
        left = [waiting for waiting in batch if not waiting.result.done()]
        if left:
            shortest = min(waiting.pauses(waiting.tried) for waiting in left)
            await asyncio.sleep(max(shortest, min(error.retry_after or 0.0, LONGEST_PAUSE)))

    async def _once(self, batch: Sequence[Waiting], lock: int, *, hopeful: bool) -> None:
        """Put everybody on the branch and push, once. A hopeful try does not ask the remote how the branch stands."""
        wishes = [waiting.wish for waiting in batch]
        if hopeful and self.tip is None and len(wishes) == 1:
            new = await send(wishes[0].repository, self.opened, wishes[0].head, self.ref, holding=lock)
            await self.mirrors.adopt(self.opened, wishes[0].repository, self.ref, wishes[0].head)
            self._tell(batch, [Placed(wishes[0].head, arrived=not new)], wishes[0].head)
            return
        known = self.tip if hopeful else None
        there = known or (await self.mirrors.refs(self.opened)).ids.get(self.ref)
        async with gathered(self._place, [wish.repository for wish in wishes]) as repository:
            await self._bring(repository, there)
            tip, ends = await Stack(repository, self.name, there or wishes[0].head, self.policy).put(wishes)
            if there is None and ends[0] == Placed(wishes[0].head, arrived=True):
                ends[0] = Placed(wishes[0].head)
            if tip != there:
                await send(repository, self.opened, tip, self.ref, holding=lock)
                await self.mirrors.adopt(self.opened, repository, self.ref, tip)
            elif known:
                raise Conflict(f"branch {self.name!r} of {self.opened.url} is looked at again")
        self._tell(batch, ends, tip)

    async def _bring(self, repository: Path, commit: str | None) -> None:
        if commit and not await has_commit(repository, commit):
            await self.mirrors.fetch(
                self.opened.url, credentials=self.opened.credentials, insecure=self.opened.insecure, commit=commit
            )

    @property
    def _place(self) -> Path:
        """Where commits of several clones are put together; who holds the branch holds it."""
        return self.mirrors.pushing_file(self.opened.url, self.name).with_suffix(".group")

    def _tell(self, batch: Sequence[Waiting], ends: Sequence[Placed | DrayageError], tip: str) -> None:
        for waiting, end in zip(batch, ends, strict=True):
            self.coming.discard(waiting.wish.repository)
            if isinstance(end, DrayageError):
                waiting.fail(end)
            elif not waiting.result.done():
                waiting.result.set_result(Pushed(self.ref, end.commit, end.arrived))
        busy = monotonic() - self.last < QUIET
        self.spacing = min(max(self.spacing * SPACING_GROWTH, SPACING), LONGEST_SPACING) if busy else SPACING
        self.tip, self.last = tip, monotonic()


def _removed(clones: Sequence[Path]) -> list[Path]:
    """Which of these clones are gone, as their promotions are."""
    return [clone for clone in clones if not (clone / "HEAD").exists()]
