"""One answer for all verifications of a worker that ask the same at the same moment."""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from blocks.single_flight import SingleFlight
from flows.verification.measuring import Measured, Underway

MOMENT = timedelta(seconds=1)
"""Within this time of each other, two questions are asked at the same moment."""

Outcome = Measured | Underway


@dataclass
class _Asked:
    at: datetime
    answer: Outcome | None = None


class Sharing:
    """Answers by question, by the clock of whoever asks. Belongs to one event loop; failures are not remembered."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._asked: dict[Hashable, _Asked] = {}
        self._flights: SingleFlight[Outcome] = SingleFlight()

    async def ask(
        self, key: Hashable, now: datetime, make: Callable[[], Awaitable[Any]], moment: timedelta = MOMENT
    ) -> Outcome:
        """Return the answer to the same question of this moment, else ask."""
        asked = self._asked.get(key)
        if asked is None or not timedelta() <= now - asked.at < moment:
            self._asked.pop(key, None)
            self._forget(now)
            asked = self._asked[key] = _Asked(now)
        if asked.answer is None:
            asked.answer = await self._flights.do((key, asked.at), make)
        return asked.answer

    def _forget(self, now: datetime) -> None:
        """Let go of answers that nobody may have any more: one may be megabytes."""
        while self._asked:
            oldest = next(iter(self._asked))
            if timedelta() <= now - self._asked[oldest].at < MOMENT:
                return
            del self._asked[oldest]
