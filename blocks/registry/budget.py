"""How often one host may be asked: at most so many requests in any second, whoever asks."""

import asyncio
import time
from collections import OrderedDict, deque

import httpx

PER_SECOND = 20
"""Requests to one host that may start in any one second (Kargo's default for a registry)."""
MAX_HOSTS = 1_000
"""Hosts whose last requests are remembered."""


class Budget:
    """Gives every request to a host the moment at which it may start. Called by httpx before each request."""

    def __init__(self, per_second: int = PER_SECOND) -> None:
        """Keep how many requests a second each host gets."""
        self._per_second = per_second
        self._starts: OrderedDict[str, deque[float]] = OrderedDict()

    async def __call__(self, request: httpx.Request) -> None:
        """Wait until the request may start."""
        if (pause := self.reserve(request.url.netloc.decode(), time.monotonic())) > 0:
            await asyncio.sleep(pause)

    def reserve(self, host: str, now: float) -> float:
        """Take the next free moment of a host. Returns the seconds until then."""
        starts = self._starts.setdefault(host, deque(maxlen=self._per_second))
        self._starts.move_to_end(host)
        if len(self._starts) > MAX_HOSTS:
            self._starts.popitem(last=False)
        start = max(now, starts[0] + 1.0) if len(starts) == self._per_second else now
        starts.append(start)
        return start - now
