"""How many requests a server still grants one account, as it last said, and how to make them last."""

from dataclasses import dataclass

from blocks.pacing.backoff import LONGEST
from blocks.pacing.rate_headers import Quota

SCARCE = 0.05
"""Below this part of its limit, what is left is spread over the time left."""


@dataclass
class Allowance:
    """What is left until `resets_at`; None where the server does not say. Times are seconds of one clock."""

    limit: int | None = None
    remaining: int | None = None
    resets_at: float | None = None
    _said_to: float = float("-inf")

    def learn(self, quota: Quota, began: float, now: float) -> None:
        """Believe the answer to the latest request; earlier ones may arrive after it."""
        if began < self._said_to:
            return
        self._said_to, self.limit, self.remaining = began, quota.limit, quota.remaining
        self.resets_at = None if quota.resets_in is None else now + min(quota.resets_in, LONGEST)

    def left(self, now: float) -> int | None:
        """How many requests are left; None when nobody knows, for want of a word or because it is too old.

        A server that names no time of reset is not held to its number: it may count only some requests.
        """
        return self.remaining if self.resets_at is not None and now < self.resets_at else None

    def spacing(self, now: float) -> float:
        """Seconds between two requests that make what is left last, 0 when there is plenty."""
        left = self.left(now)
        if not left or self.resets_at is None or not self.limit or left >= SCARCE * self.limit:
            return 0.0
        return (self.resets_at - now) / left

    def pause(self, now: float, last: float) -> float:
        """Seconds until the next request may begin, when the last began at `last`."""
        if self.resets_at is None:
            return 0.0
        if self.left(now) == 0:
            return self.resets_at - now
        spacing = self.spacing(now)
        return max(0.0, last + spacing - now) if spacing else 0.0
