"""One answer for everybody who asks the same, as long as it is new enough for them."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Generic, TypeVar

from blocks.single_flight import SingleFlight

T = TypeVar("T")


@dataclass
class _Known(Generic[T]):
    """What is known about one question: when the last call for it began, and its answer once it is there."""

    began: float = float("-inf")
    turn: int = 0
    asking: bool = False
    answer: tuple[T] | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Shared(Generic[T]):
    """Answers by question. At most one call of a question is on its way, and one waits to follow it.

    Belongs to one event loop.
    """

    def __init__(self, remembered: int = 1_000, *, kept: float | None = None) -> None:
        """Begin knowing nothing; of answers keep at most `remembered`, and each for `kept` seconds where given."""
        self._remembered = remembered
        self._kept = kept
        self._known: OrderedDict[Hashable, _Known[T]] = OrderedDict()
        self._calls: SingleFlight[T] = SingleFlight()

    async def ask(self, key: Hashable, make: Callable[[], Awaitable[T]], *, seconds: float = 0.0) -> T:
        """Return an answer at most `seconds` old, calling `make` for it unless it is there or on its way.

        With 0 the call begins no earlier than this moment. Failures are shared, never remembered.
        """
        known = self._known.setdefault(key, _Known())
        self._known.move_to_end(key)
        self._forget()
        is_new_enough = known.began >= monotonic() - seconds
        if is_new_enough and known.answer:
            return known.answer[0]
        turn = known.turn if is_new_enough and known.asking else known.turn + 1
        return await self._calls.do((key, turn), partial(self._call, known, make))

    async def _call(self, known: _Known[T], make: Callable[[], Awaitable[T]]) -> T:
        async with known.lock:
            known.turn, known.began, known.asking, known.answer = known.turn + 1, monotonic(), True, None
            try:
                known.answer = answer = (await make(),)
            finally:
                known.asking = False
            if self._kept is not None:
                asyncio.get_running_loop().call_later(self._kept, _let_go, known, answer)
            return answer[0]

    def _forget(self) -> None:
        for key in list(self._known)[: max(0, len(self._known) - self._remembered)]:
            if not self._known[key].lock.locked():
                del self._known[key]


def _let_go(known: _Known[T], answer: tuple[T]) -> None:
    if known.answer is answer:
        known.answer = None
