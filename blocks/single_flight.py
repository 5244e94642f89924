"""Doing the same work once for all who want it at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Result = TypeVar("Result")


@dataclass
class _Flight(Generic[Result]):
    task: "asyncio.Future[Result]"
    waiting: int = 0


class SingleFlight(Generic[Result]):
    """Work that is under way, by what it is about. Belongs to one event loop."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._flying: dict[Hashable, _Flight[Result]] = {}

    async def do(self, key: Hashable, work: Callable[[], Awaitable[Result]]) -> Result:
        """Return, or raise, what the work under way for this key ends with; begin it when there is none.

        Who is cancelled stops waiting only; the work itself ends early when nobody waits for it any more.
        """
        flight = self._flying.get(key) or self._begin(key, work)
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._forget(key, flight)
                flight.task.cancel()

    def _begin(self, key: Hashable, work: Callable[[], Awaitable[Result]]) -> _Flight[Result]:
        flight = _Flight(asyncio.ensure_future(work()))
        flight.task.add_done_callback(lambda _: self._forget(key, flight))
        self._flying[key] = flight
        return flight

    def _forget(self, key: Hashable, flight: _Flight[Result]) -> None:
        """A later flight for the same key may have begun since."""
        if self._flying.get(key) is flight:
            del self._flying[key]
