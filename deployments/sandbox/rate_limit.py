"""GitHub's primary rate limit: so many requests an hour for each account, told with every answer."""

import time
from collections.abc import Callable

WINDOW = 3600.0
"""Seconds after which an account has all its requests again."""


class RateLimit:
    """How many requests each account has left. `limit` may be changed at any time, for accounts seen afterwards."""

    def __init__(self, limit: int = 5_000, clock: Callable[[], float] = time.time) -> None:
        """Start with everything left."""
        self.limit = limit
        self.window = WINDOW
        self._clock = clock
        self._left: dict[str, tuple[int, float]] = {}

    def forget(self) -> None:
        """Give everybody everything back."""
        self._left.clear()

    def take(self, account: str) -> bool:
        """Count a request; False when none are left."""
        left, resets_at = self._state(account)
        self._left[account] = (max(0, left - 1), resets_at)
        return left > 0

    def headers(self, account: str) -> dict[str, str]:
        """The headers that tell of it."""
        left, resets_at = self._state(account)
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(left),
            "x-ratelimit-used": str(self.limit - left),
            "x-ratelimit-reset": str(int(resets_at)),
            "x-ratelimit-resource": "core",
        }

    def _state(self, account: str) -> tuple[int, float]:
        now = self._clock()
        left, resets_at = self._left.get(account, (self.limit, 0.0))
        if now >= resets_at:
            left, resets_at = self.limit, now + self.window
            self._left[account] = (left, resets_at)
        return left, resets_at
