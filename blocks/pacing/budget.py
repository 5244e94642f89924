"""The budget of one credential at one host: who may ask now, and what the answers teach."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from blocks.errors import DrayageError, RateLimited, Retryable, Unavailable, Unreachable
from blocks.pacing.allowance import Allowance
from blocks.pacing.asker import ASKING_FOR
from blocks.pacing.backoff import LONGEST, Backoff
from blocks.pacing.fair_queue import FairQueue, Waiter
from blocks.pacing.host import Host
from blocks.pacing.hosts import called, minute
from blocks.pacing.rate_headers import read_quota
from blocks.records import BudgetState

Learn = Callable[[Iterable[tuple[str, str]]], None]
"""Takes in the headers of an answer."""

LONGEST_WAIT = 20.0
"""Seconds a request waits for a server that wants peace before it is turned away."""


@dataclass(frozen=True)
class Pace:
    """What one account may do at a host: requests beginning in any second, under way at once, and of one asker."""

    per_second: int = 20
    concurrent: int = 50
    share: int = 10


class Budget:
    """Lets requests begin in turn of their askers. Belongs to one event loop, whose clock it goes by."""

    def __init__(self, host: Host, credential: str, pace: Pace) -> None:
        """Begin unused."""
        self.host = host
        self.credential = credential
        self._pace = pace
        self._queue = FairQueue(pace.share)
        self._starts: deque[float] = deque(maxlen=pace.per_second)
        self._backoff = Backoff()
        self._allowance = Allowance()
        self._running = 0
        self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """Whether nobody uses it now."""
        return not (self._running or self._waiting)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Learn]:
        """Wait for a fair turn and hold it: `async with budget.turn() as learn`, then `learn(headers)` of the answer.

        What is raised inside is learned from too. Raises RateLimited or Unreachable at once, with a sentence and the
        time, when the server wants peace for longer than `LONGEST_WAIT`.
        """
        asker = ASKING_FOR.get()
        began = await self._begin(asker)
        try:
            yield lambda headers: self._learn(headers, began)
            self._answered(began)
        except Retryable as error:
            self._failed(error, asker, began)
            raise
        except DrayageError:
            self._answered(began)
            raise
        finally:
            self._end(asker)

    def pump(self) -> None:
        """Let begin whoever may, and turn away those who would wait for too long."""
        now = _now()
        while self._waiting and self._slots(now) > 0:
            if (pause := self._pause(now)) > 0.0:
                self._again_in(pause)
                self._turn_away(pause, now)
                return
            if (following := self._queue.pop()) is None:
                return
            asker, waiter = following
            self._count(asker, now)
            waiter.set_result(None)

    def state(self, kind: str, now: datetime) -> BudgetState:
        """Say where it stands, times as of `now`, an aware UTC time."""
        time, allowance = _now(), self._allowance
        closed = max(self._backoff.pause(time), self.host.backoff.pause(time))
        over = allowance.resets_at is not None and allowance.resets_at <= time
        return BudgetState(
            kind=kind,
            host=self.host.name,
            credential=self.credential,
            limit=allowance.limit,
            remaining=None if over else allowance.remaining,
            resets_at=None if over or allowance.resets_at is None else _after(now, allowance.resets_at - time),
            waiting=self._waiting,
            backing_off_until=_after(now, closed) if closed else None,
            seen_at=now,
        )

    def recall(self, state: BudgetState, now: datetime) -> None:
        """Go on from what another process, or an earlier one, wrote down."""
        time = _now()
        if state.backing_off_until and state.backing_off_until > now:
            self._backoff.failed(time, time, (state.backing_off_until - now).total_seconds(), 0.0)
        if state.resets_at and state.resets_at > now:
            resets_at = time + min(LONGEST, (state.resets_at - now).total_seconds())
            self._allowance = Allowance(state.limit, state.remaining, resets_at)

    async def _begin(self, asker: str) -> float:
        now = _now()
        pause = self._pause(now)
        if pause > 0.0 or self._slots(now) <= 0 or not self._queue.free(asker):
            self._refuse_long(pause, self._waiting + 1, now)
            await self._wait(asker)
            return _now()
        self._count(asker, now)
        return now

    def _end(self, asker: str) -> None:
        self._running -= 1
        self._queue.end(asker)
        self.pump()

    def _learn(self, headers: Iterable[tuple[str, str]], began: float) -> None:
        if quota := read_quota(headers, datetime.now(UTC)):
            self._allowance.learn(quota, began, _now())

    def _failed(self, error: Retryable, asker: str, began: float) -> None:
        """A server that names a time, or says slower, speaks for the account."""
        now = _now()
        if isinstance(error, RateLimited) or error.retry_after is not None:
            self._backoff.failed(began, now, error.retry_after, random.random())  # noqa: S311  not a secret
        elif isinstance(error, Unreachable | Unavailable):
            self.host.failed(asker, began, now)
        else:
            self._answered(began)

    def _answered(self, began: float) -> None:
        self._backoff.succeeded(began)
        self.host.answered(began)

    async def _wait(self, asker: str) -> None:
        waiter: Waiter = asyncio.get_running_loop().create_future()
        self._queue.put(asker, waiter)
        self._waiting += 1
        try:
            self.pump()
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and not waiter.exception():
                self._end(asker)  # the turn came as we left
            raise
        finally:
            self._waiting -= 1

    def _count(self, asker: str, now: float) -> None:
        self._running += 1
        self._starts.append(now)
        self._queue.begin(asker)
        self._backoff.begun(now)
        self.host.backoff.begun(now)

    def _slots(self, now: float) -> int:
        """How many more may be under way: no more than the server grants."""
        left = self._allowance.left(now) or self._pace.concurrent
        return min(self._pace.concurrent, left) - self._running

    def _pause(self, now: float) -> float:
        """Seconds until the next may begin, when there is a slot for it."""
        pause = max(self._backoff.pause(now), self.host.backoff.pause(now))
        if len(self._starts) == self._pace.per_second:
            pause = max(pause, self._starts[0] + 1.0 - now)
        return max(pause, self._allowance.pause(now, self._starts[-1] if self._starts else float("-inf")))

    def _again_in(self, pause: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(pause, self.pump)

    def _turn_away(self, pause: float, now: float) -> None:
        """Tell all who wait when it would take too long."""
        try:
            self._refuse_long(pause, self._waiting, now)
        except Retryable as error:
            for waiter in self._queue.drain():
                waiter.set_exception(type(error)(str(error), error.retry_after))

    def _refuse_long(self, pause: float, waiting: int, now: float) -> None:
        """Raise when the last of so many would not begin soon enough. Our own pace makes nobody leave."""
        whole = pause + self._allowance.spacing(now) * (waiting - 1)
        if whole <= LONGEST_WAIT:
            return
        name, when = called(self.host.name), minute(datetime.now(UTC) + timedelta(seconds=whole))
        if 0.0 < pause <= self.host.backoff.pause(now):
            raise Unreachable(f"{name} fails whoever asks; it is asked again at {when}", whole)
        whom = f" with credentials {self.credential!r}" if self.credential else ""
        raise RateLimited(f"{name} asks to wait until {when}{whom}{self._left()}", whole)

    def _left(self) -> str:
        limit, remaining = self._allowance.limit, self._allowance.remaining
        known = limit is not None and remaining is not None
        return f": {remaining:,} of {limit:,} requests are left" if known else ""


def _after(now: datetime, seconds: float) -> datetime:
    """To the second, so that the same time looks the same whenever it is told."""
    return datetime.fromtimestamp(round(now.timestamp() + seconds), UTC)


def _now() -> float:
    return asyncio.get_running_loop().time()
