"""Remembering that a server asked to be left alone, so that nobody asks it before."""

from blocks.errors import RateLimited, Retryable

LONGEST = 900.0
"""Seconds after which a server is asked again whatever it said."""


class Patience:
    """Until when one server does not want to be asked by one of us. Times are seconds of one monotonic clock."""

    def __init__(self, what: str) -> None:
        """Keep what the sentence is about."""
        self._what = what
        self._until = float("-inf")

    def check(self, now: float) -> None:
        """Raise RateLimited while the server wants to be left alone."""
        if (left := self._until - now) > 0:
            raise RateLimited(f"{self._what} asked for no requests for another {left:.0f} s", left)

    def learn(self, error: Retryable, now: float) -> None:
        """Keep how long the server asked us to wait, if it did."""
        if error.retry_after:
            self._until = now + min(error.retry_after, LONGEST)
