"""Lanes for many jobs: few at once, and those that take long move over, so that they hold up no others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Lanes:
    """A lane for jobs that are quick, first come first served, and a wider one for those that turn out slow.

    When that one is full too, slow jobs stay where they are. Belongs to one event loop.
    """

    def __init__(self, quick: int, slow: int, patience: float) -> None:
        """Keep how many each lane bears, and after how many seconds a job counts as slow."""
        self.quick = asyncio.Semaphore(quick)
        self.slow_left = slow
        self.patience = patience

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place, and keep one in either lane while the body runs."""
        await self.quick.acquire()
        place = _Place(self)
        try:
            yield
        finally:
            place.leave()


class _Place:
    """A place in the quick lane, and after a while in the slow one when there is room."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes, self._moved = lanes, False
        self._timer = self._wait()

    def leave(self) -> None:
        self._timer.cancel()
        if self._moved:
            self._lanes.slow_left += 1
        else:
            self._lanes.quick.release()

    def _wait(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self._lanes.patience, self._move_over)

    def _move_over(self) -> None:
        if self._lanes.slow_left == 0:
            self._timer = self._wait()
            return
        self._moved = True
        self._lanes.slow_left -= 1
        self._lanes.quick.release()
