"""Telling projects what may go on in them, as soon as there is something new and no more often than needed."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable

from prefect.logging import get_run_logger


class Announcer:
    """Announces each project on its own. What comes while a project is being told waits for one more telling."""

    def __init__(self, tell: Callable[[str], Awaitable[object]]) -> None:
        """Keep how a project is told."""
        self._tell = tell
        self._turn: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: set[str] = set()

    async def announce(self, project: str) -> None:
        """Tell a project, unless somebody is about to, who will then see what we have seen.

        A failure is logged and survived: the sweep tells it again.
        """
        if project in self._waiting:
            return
        self._waiting.add(project)
        async with self._turn[project]:
            self._waiting.discard(project)
            try:
                await self._tell(project)
            except Exception as error:
                get_run_logger().warning("cannot announce what is new in %s: %s", project, type(error).__name__)
