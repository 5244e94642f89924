"""Answers shared for a moment by all who want the same one."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from blocks.single_flight import SingleFlight

Result = TypeVar("Result")

KEPT = 256
"""Answers kept at once; the oldest goes first."""


class Shared(Generic[Result]):
    """Who asks while an answer is under way, or within `seconds` after it came, gets that answer.

    An error is had by those who waited for it and is not kept. Belongs to one event loop.
    """

    def __init__(self, seconds: float) -> None:
        """Keep for how long an answer is as good as new."""
        self._seconds = seconds
        self._flights: SingleFlight[Result] = SingleFlight()
        self._asked = itertools.count()
        self._kept: dict[Hashable, tuple[int, Result]] = {}

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[Result]], *, fresh: bool = False) -> Result:
        """Return the answer for a key; `fresh`: one to a question that was asked after this call."""
        if fresh:
            return await self._ask(key, ask)
        if key in self._kept:
            return self._kept[key][1]
        return await self._flights.do(key, lambda: self._ask(key, ask))

    async def _ask(self, key: Hashable, ask: Callable[[], Awaitable[Result]]) -> Result:
        number = next(self._asked)
        answer = await ask()
        younger = key in self._kept and self._kept[key][0] > number
        if self._seconds > 0 and not younger:
            self._keep(key, (number, answer))
        return answer

    def _keep(self, key: Hashable, kept: tuple[int, Result]) -> None:
        self._kept.pop(key, None)
        self._kept[key] = kept
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        asyncio.get_running_loop().call_later(self._seconds, self._forget, key, kept)

    def _forget(self, key: Hashable, kept: tuple[int, Result]) -> None:
        if self._kept.get(key) is kept:
            del self._kept[key]
