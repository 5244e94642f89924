"""The time that flows go by, so that a trial of a pipeline can have one of its own."""

import asyncio
from datetime import UTC, datetime


class Clock:
    """The time as it is."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        await asyncio.sleep(seconds)
