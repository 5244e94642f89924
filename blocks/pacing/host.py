"""One host, whatever the credential: whether it is down."""

import random
from collections.abc import Callable

from blocks.pacing.backoff import Backoff

WITNESSES = 3
"""Askers a host must fail in a row, without an answer to anybody, before it counts as down."""


class Host:
    """Down when it failed several askers in a row: a repository that fails its own asker only is not the host."""

    def __init__(self, name: str, changed: Callable[["Host"], None]) -> None:
        """Take it to be well. `changed` is called when it goes down, stays so, or comes back."""
        self.name = name
        self.backoff = Backoff()
        self._changed = changed
        self._witnesses: set[str] = set()

    def failed(self, asker: str, began: float, now: float) -> None:
        """Count a failure of a request that began at `began`."""
        self._witnesses.add(asker)
        if self.backoff.failures or len(self._witnesses) >= WITNESSES:
            self.backoff.failed(began, now, None, random.random())  # noqa: S311  not a secret
            self._changed(self)

    def answered(self, began: float) -> None:
        """Count an answer, of whatever kind, to a request that began at `began`."""
        self._witnesses.clear()
        if self.backoff.succeeded(began):
            self._changed(self)
