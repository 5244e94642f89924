"""When a server that failed or asked for peace may be asked again, and that one request goes first then."""

from dataclasses import dataclass

LONGEST = 3_600.0
"""Seconds after which a server is asked again whatever it said."""

LONGEST_OWN = 30.0
"""Seconds between two tries of a server that names no time."""

BETWEEN_TRIES = 1.0
"""Seconds after which a second request may try, when the first was not answered yet: it may be what hangs."""


@dataclass
class Backoff:
    """Closed after a failure, opened by the first success of a request that began after it.

    While it is closed one request at a time may try, at `until`. Times are seconds of one clock.
    """

    failures: int = 0
    until: float = float("-inf")
    changed_at: float = float("-inf")

    def pause(self, now: float) -> float:
        """Seconds until the next request may begin."""
        return max(0.0, self.until - now) if self.failures else 0.0

    def begun(self, now: float) -> None:
        """Let the request that begins now be the only one for a while."""
        if self.failures:
            self.until = now + BETWEEN_TRIES

    def failed(self, began: float, now: float, wait: float | None, jitter: float) -> None:
        """Close for what the server asked, else for twice as long as the last time. `jitter` is from 0 to 1.

        Requests that were under way when it closed say nothing new, unless the server names a later time.
        """
        if wait is not None:
            until = now + min(wait, LONGEST) + jitter * min(1.0, wait)
        else:
            until = now + min(LONGEST_OWN, 2.0 ** min(self.failures, 10)) * (0.5 + jitter / 2)
        if self.failures and began < self.changed_at:
            self.until = max(self.until, until) if wait is not None else self.until
            return
        self.failures, self.until, self.changed_at = self.failures + 1, until, now

    def succeeded(self, began: float) -> bool:
        """Open when this request began after the last failure. Returns whether that changed anything."""
        if not self.failures or began < self.changed_at:
            return False
        self.failures = 0
        return True
