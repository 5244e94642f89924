"""A time that can be moved on, so that a soak of a day takes no time."""

import asyncio
from datetime import datetime, timedelta
from time import monotonic

from flows.clock import Clock

REAL = 0.02
"""Seconds that any longer pause really takes: enough for the sandbox to go on meanwhile."""


class MovableClock(Clock):
    """Begins at a given time, goes by as usual, and jumps over pauses."""

    def __init__(self, begins_at: datetime) -> None:
        """Begin."""
        self._begins_at, self._began = begins_at, monotonic()
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the time in this world."""
        return self._begins_at + self._ahead + timedelta(seconds=monotonic() - self._began)

    async def sleep(self, seconds: float) -> None:
        """Return at once, after so many seconds in this world. Who pauses at the same time shares the pause."""
        wanted = self.now() + timedelta(seconds=seconds)
        await asyncio.sleep(min(seconds, REAL))
        self.move(wanted - self.now())

    def move(self, by: timedelta) -> None:
        """Let time pass; it never goes back."""
        self._ahead += max(by, timedelta())
