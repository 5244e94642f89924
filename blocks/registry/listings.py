"""Lists of tags, shared for a moment by all who want the same one."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable

from blocks.single_flight import SingleFlight

Tags = tuple[str, ...]


class Listings:
    """Who asks while a list is under way, or within `seconds` after it came, gets that list.

    An error is had by those who waited for it and is not kept. Belongs to one event loop.
    """

    def __init__(self, seconds: float) -> None:
        """Keep for how long a list is as good as new."""
        self._seconds = seconds
        self._flights: SingleFlight[Tags] = SingleFlight()
        self._kept: dict[Hashable, Tags] = {}

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[list[str]]], *, fresh: bool = False) -> Tags:
        """Return the list of a key; `fresh`: one that was asked for after this call."""
        if fresh:
            return await self._ask(key, ask)
        if key in self._kept:
            return self._kept[key]
        return await self._flights.do(key, lambda: self._ask(key, ask))

    async def _ask(self, key: Hashable, ask: Callable[[], Awaitable[list[str]]]) -> Tags:
        before = self._kept.get(key)
        tags = tuple(await ask())
        overtaken = self._kept.get(key) is not before  # by a list that was asked for later
        if self._seconds > 0 and not overtaken:
            self._kept[key] = tags
            asyncio.get_running_loop().call_later(self._seconds, self._forget, key, tags)
        return tags

    def _forget(self, key: Hashable, tags: Tags) -> None:
        if self._kept.get(key) is tags:
            del self._kept[key]
