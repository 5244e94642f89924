"""Who is next: askers take turns, and none has more under way than its share."""

import asyncio
from collections import OrderedDict, deque

Waiter = asyncio.Future[None]


class FairQueue:
    """Those who wait, by asker. One step costs the same however many wait.

    `share` is how many of one asker may be under way; whoever has that many is passed over until one ends.
    """

    def __init__(self, share: int) -> None:
        """Begin with nobody."""
        self._share = share
        self._running: dict[str, int] = {}
        self._rotation: OrderedDict[str, deque[Waiter]] = OrderedDict()
        self._sated: dict[str, deque[Waiter]] = {}

    def free(self, asker: str) -> bool:
        """Whether an asker would overtake nobody and exceed no share by beginning at once."""
        return not self._rotation and self._running.get(asker, 0) < self._share

    def begin(self, asker: str) -> None:
        """Count one more under way."""
        running = self._running[asker] = self._running.get(asker, 0) + 1
        if running >= self._share and asker in self._rotation:
            self._sated[asker] = self._rotation.pop(asker)

    def end(self, asker: str) -> None:
        """Count one less under way."""
        if self._running[asker] == 1:
            del self._running[asker]
        else:
            self._running[asker] -= 1
        if asker in self._sated:
            self._rotation[asker] = self._sated.pop(asker)

    def put(self, asker: str, waiter: Waiter) -> None:
        """Let somebody wait."""
        full = self._running.get(asker, 0) >= self._share
        waiting = self._sated if full else self._rotation
        if asker not in waiting:
            waiting[asker] = deque()
        waiting[asker].append(waiter)

    def pop(self) -> tuple[str, Waiter] | None:
        """Take whoever is next; None when nobody may begin. Those who gave up waiting are passed over."""
        while self._rotation:
            asker, waiting = self._rotation.popitem(last=False)
            while waiting and waiting[0].done():
                waiting.popleft()
            if not waiting:
                continue
            waiter = waiting.popleft()
            if waiting:
                self._rotation[asker] = waiting
            return asker, waiter
        return None

    def drain(self) -> list[Waiter]:
        """Take all who still wait."""
        everybody = [*self._rotation.values(), *self._sated.values()]
        self._rotation.clear()
        self._sated.clear()
        return [waiter for waiting in everybody for waiter in waiting if not waiter.done()]
