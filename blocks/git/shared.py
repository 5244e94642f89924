"""One answer for everybody who asks the same at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False)
class _Question(Generic[T]):
    """One call on its way or done; nobody may join it who asked for news after it had begun."""

    make: Callable[[], Awaitable[T]]
    after: "_Question[T] | None"
    began: float | None = None
    asking: int = 0
    task: "asyncio.Task[T]" = field(init=False)

    def __post_init__(self) -> None:
        self.task = asyncio.ensure_future(self._ask())

    async def _ask(self) -> T:
        if self.after:
            await asyncio.wait([self.after.task])
            self.after = None
        self.began = monotonic()
        return await self.make()

    async def answer(self) -> T:
        """Wait with the others; the last who gives up ends it."""
        self.asking += 1
        try:
            return await asyncio.shield(self.task)
        finally:
            self.asking -= 1
            if not self.asking and not self.task.done():
                self.task.cancel()

    def is_as_new_as(self, moment: float) -> bool:
        """Whether its answer is not older than a moment, and may still be had."""
        if self.task.done() and (self.task.cancelled() or self.task.exception()):
            return False
        return not self.task.cancelling() and (self.began is None or self.began >= moment)


class Shared(Generic[T]):
    """Answers by question. At most one call of a question is on its way, and one waits to follow it."""

    def __init__(self, remembered: int = 1_000) -> None:
        """Begin knowing nothing; of old answers keep at most `remembered`."""
        self._remembered = remembered
        self._last: dict[Hashable, _Question[T]] = {}

    async def ask(self, key: Hashable, make: Callable[[], Awaitable[T]], *, seconds: float = 0.0) -> T:
        """Return an answer at most `seconds` old, calling `make` for it unless it is there or on its way.

        With 0 the call begins no earlier than this moment. Failures are shared, never remembered.
        """
        last = self._last.get(key)
        if last is None or not last.is_as_new_as(monotonic() - seconds):
            waits_for = None if last is None or last.task.done() else last
            self._last.pop(key, None)  # so that the newest stand last
            last = self._last[key] = _Question(make, waits_for)
            self._forget()
        return await last.answer()

    def _forget(self) -> None:
        done = [key for key, question in self._last.items() if question.task.done()]
        for key in done[: max(0, len(self._last) - self._remembered)]:
            del self._last[key]
