"""One bell for the whole world: it rings when anything changed, and whoever waits looks again."""

import asyncio
from contextlib import suppress


class Bell:
    """Counts its rings, so that a change during somebody's work is never missed."""

    def __init__(self) -> None:
        """Start silent and open."""
        self.rings = 0
        self.closed = False
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait."""
        self.rings += 1
        self._event.set()
        self._event = asyncio.Event()

    def close(self) -> None:
        """Say that the world ends; those who wait wake and leave."""
        self.closed = True
        self.ring()

    async def wait(self, heard: int, timeout: float) -> int:
        """Return the number of rings once it exceeds `heard`, or after `timeout` seconds."""
        if self.rings <= heard and not self.closed:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, timeout)):
                    await self._event.wait()
        return self.rings
