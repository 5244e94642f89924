"""One answer for all verifications of a worker that ask the same at the same moment."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from blocks.single_flight import SingleFlight
from flows.verification.measuring import Measured, Underway

MOMENT = timedelta(seconds=1)
"""Within this time of each other, two questions are asked at the same moment."""

REMEMBERED = 1_000

Outcome = Measured | Underway


@dataclass
class _Asked:
    at: datetime
    answer: Outcome | None = None


class Sharing:
    """Answers by question, by the clock of whoever asks. Belongs to one event loop; failures are not remembered."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._asked: OrderedDict[Hashable, _Asked] = OrderedDict()
        self._flights: SingleFlight[Outcome] = SingleFlight()

    async def ask(
        self, key: Hashable, now: datetime, make: Callable[[], Awaitable[Any]], moment: timedelta = MOMENT
    ) -> Outcome:
        """Return the answer to the same question of this moment, else ask."""
        asked = self._asked.get(key)
        if asked is None or not timedelta() <= now - asked.at < moment:
            asked = self._asked[key] = _Asked(now)
            self._asked.move_to_end(key)
            while len(self._asked) > REMEMBERED:
                self._asked.popitem(last=False)
        if asked.answer is None:
            asked.answer = await self._flights.do((key, asked.at), make)
        return asked.answer
