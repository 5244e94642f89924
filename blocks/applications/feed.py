"""What is known of Applications, kept current by one watch for everybody in this process who waits for them."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from contextvars import Context
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

from blocks.applications.asking import Expired
from blocks.applications.slim import key, slim, tells_more
from blocks.errors import DrayageError, Refused, Retryable
from blocks.records import Application

Wants = Callable[[str, Mapping[str, str]], bool]
"""Whether somebody waits for an Application, by `<namespace>/<name>` and its labels."""

IDLE = 120.0
"""Seconds without anybody who waits after which a watch ends."""

TURN = 280.0
"""Seconds one stream is followed at most."""

LASTING = 1.0
"""Seconds a stream that ended must have lasted for the next to begin at once: some proxies end each right away."""

MOST = 20_000
"""Applications that are kept in mind."""


@dataclass(frozen=True)
class Pace:
    """Seconds between two tries: `poll` where listing works and the stream does not, `longest` where nothing does."""

    first: float = 0.5
    poll: float = 5.0
    longest: float = 20.0


@dataclass(frozen=True)
class Seen:
    """One thing a stream said: OPENED, ADDED, MODIFIED, DELETED or BOOKMARK; `version` is where it can go on."""

    kind: str
    application: Application | None = None
    version: str = ""


class Source(Protocol):
    """A server's Applications; `scope` is a namespace, or empty for all."""

    resumes: bool
    """Whether a stream can go on where one was broken; else all is listed anew."""

    def pages(self, scope: str) -> AsyncGenerator[tuple[list[Application], str], None]:
        """Yield all Applications in pages, each with the version the list is of."""

    def watch(self, scope: str, version: str) -> AsyncGenerator[Seen, None]:
        """Yield what happens from a version on. Raises Expired when that is too long ago."""


class Feed:
    """The Applications of one scope. Lists, then follows a stream; where that does not work, lists again and again.

    Belongs to one event loop. Works while somebody asks, and for a while after.
    """

    def __init__(self, source: Source, scope: str, pace: Pace = Pace()) -> None:
        """Begin knowing nothing."""
        self.known: dict[str, Application] = {}
        self.problem = ""
        self.connects = 0
        self._source, self._scope, self._pace = source, scope, pace
        self._count = 0
        self._changed: dict[str, int] = {}
        self._waiters: set[_Waiter] = set()
        self._first_list = asyncio.Event()
        self._version = ""
        self._open = False
        self._listed_at = self._asked_at = float("-inf")
        self._work: asyncio.Task[None] | None = None

    @property
    def is_current(self) -> bool:
        """Whether what is known is kept current, by the stream or by listing often."""
        return self._open or monotonic() - self._listed_at < 2 * self._pace.poll

    def mark(self) -> int:
        """Return the present moment, as `changed` takes it, and begin to work if nobody has asked before."""
        self._asked_at = monotonic()
        if self._work is None or self._work.done():
            # In a context of its own: whoever asks first is not the one it works for.
            self._work = asyncio.create_task(self._keep_current(), name="watch Applications", context=Context())
        return self._count

    async def changed(self, since: int, wants: Wants) -> None:
        """Return as soon as something has happened after a moment to an Application that is wanted."""
        self.mark()
        if self._changed_since(since, wants):
            return
        waiter = _Waiter(wants, asyncio.get_running_loop().create_future())
        self._waiters.add(waiter)
        try:
            await waiter.future
        finally:
            self._waiters.discard(waiter)

    async def listed(self, seconds: float) -> bool:
        """Wait until all Applications are known, for at most so many seconds; False when they are not."""
        self.mark()
        if not self.is_current:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._first_list.wait(), seconds)
        return self.is_current

    async def close(self) -> None:
        """Stop."""
        if self._work and not self._work.done():
            self._work.cancel()
            with suppress(asyncio.CancelledError):
                await self._work

    def _changed_since(self, since: int, wants: Wants) -> bool:
        for name, at in reversed(self._changed.items()):
            if at <= since:
                return False
            if wants(name, _labels(self.known.get(name))):
                return True
        return False

    async def _keep_current(self) -> None:
        failures = 0
        while self._waiters or monotonic() - self._asked_at < IDLE:
            began = monotonic()
            try:
                await self._turn()
                failures = 0 if monotonic() - began > LASTING else failures + 1
            except DrayageError as error:
                failures += 1
                self.problem = str(error)
                if isinstance(error, Expired):
                    failures = min(failures, 1)
                if failures > 1 or isinstance(error, Expired) or not isinstance(error, Retryable):
                    self._version = ""
            except Exception as error:
                failures += 1
                self.problem, self._version = f"the watch broke with {type(error).__name__}", ""
            self._open = False
            await asyncio.sleep(self._pause(failures, listed=self._listed_at > began))
        self.known.clear()
        self._changed.clear()
        self._first_list.clear()
        self._version, self._listed_at = "", float("-inf")

    def _pause(self, failures: int, *, listed: bool) -> float:
        if not failures:
            return 0.0
        longest = self._pace.poll if listed else self._pace.longest
        return min(longest, self._pace.first * 2.0 ** min(failures - 1, 10)) * random.uniform(0.5, 1.0)  # noqa: S311

    async def _turn(self) -> None:
        """Follow one stream to its end."""
        if not self._version or not self._source.resumes:
            await self._list()
        with suppress(TimeoutError):
            async with asyncio.timeout(TURN), aclosing(self._source.watch(self._scope, self._version)) as events:
                async for seen in events:
                    self._version = seen.version or self._version
                    if seen.kind == "OPENED":
                        self._open, self.problem = True, ""
                        self.connects += 1
                    elif seen.application and seen.kind != "BOOKMARK":
                        self._take(key(seen.application), None if seen.kind == "DELETED" else slim(seen.application))

    async def _list(self) -> None:
        """Learn all anew; what changed since it was last known is told like anything else."""
        found: set[str] = set()
        async for applications, listed in self._source.pages(self._scope):
            self._version = listed
            for application in applications:
                found.add(key(application))
                self._take(key(application), slim(application))
            if len(found) > MOST:
                raise Refused(f"there are more than {MOST} Applications, which are too many to watch")
        for name in self.known.keys() - found:
            self._take(name, None)
        self._listed_at = monotonic()
        self._first_list.set()

    def _take(self, name: str, new: Application | None) -> None:
        old = self.known.get(name)
        if new is None:
            self.known.pop(name, None)
        else:
            self.known[name] = new
        if not tells_more(old, new):
            return
        self._count += 1
        self._changed.pop(name, None)
        self._changed[name] = self._count
        for waiter in list(self._waiters):
            if waiter.wants(name, _labels(old)) or waiter.wants(name, _labels(new)):
                waiter.wake()


@dataclass(frozen=True, eq=False)
class _Waiter:
    wants: Wants
    future: "asyncio.Future[None]"

    def wake(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


def _labels(application: Application | None) -> Mapping[str, Any]:
    return (application or {}).get("metadata", {}).get("labels") or {}
