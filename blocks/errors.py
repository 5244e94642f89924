"""What can go wrong outside, as one tree with two branches.

    DrayageError
    ├── Retryable        the same call may succeed later
    │   ├── Unreachable    no connection, or no answer in time
    │   ├── Unavailable    the server says it cannot now (5xx)
    │   ├── RateLimited    the server says slower (429); carries `retry_after`
    │   ├── BadAnswer      an answer that makes no sense
    │   ├── Conflict       somebody else was faster; look again and retry
    │   └── Unfinished     it goes well, but needs another turn
    └── Terminal         the same call fails again until a person changes something
        ├── Unauthorized   401 or 403, or no credentials where some are needed
        ├── NotFound       the thing asked for does not exist
        ├── Invalid        what we were given cannot be right
        └── Refused        a rule of ours forbids it

A message is one sentence a person can act on: what was tried, on what, what came back,
what to do. It never holds a secret.
"""


class DrayageError(Exception):
    """Any failure that Drayage words itself."""


class Retryable(DrayageError):
    """The same call may succeed later."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """Keep the sentence and, in seconds, how long the other side asked us to wait."""
        super().__init__(message)
        self.retry_after = retry_after


class Unreachable(Retryable):
    """No connection, or no answer in time."""


class Unavailable(Retryable):
    """The server answered that it cannot serve now."""


class RateLimited(Retryable):
    """The server asked for fewer requests."""


class BadAnswer(Retryable):
    """The server answered something that makes no sense."""


class Conflict(Retryable):
    """Somebody else was faster."""


class Unfinished(Retryable):
    """It goes well and what was done is kept, but it needs another turn."""


class Terminal(DrayageError):
    """The same call fails again until a person changes something."""


class Unauthorized(Terminal):
    """The credentials are missing, wrong or too weak."""


class NotFound(Terminal):
    """The thing asked for does not exist."""


class Invalid(Terminal):
    """What we were given cannot be right."""


class Refused(Terminal):
    """A rule of ours forbids it."""
