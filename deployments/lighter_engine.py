"""What Prefect's engine does anew for each run, and a worker with hundreds of them does once for all.

Two functions of the engine are replaced, both of which hold up the loop of all runs whenever one begins. They are
those of Prefect 3.8; another Prefect needs a look at them.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import prefect.flow_engine
from prefect import results

STORAGE_SECONDS = 60.0
"""How long the server's answer holds where results are kept by default; Drayage's own flows keep none."""

Block = Callable[[], UUID | None]


def lighten() -> None:
    """Replace the functions in this process; a second time changes nothing."""
    prefect.flow_engine.observe_flow_run_suspension = _observed_by_the_worker  # type: ignore[attr-defined]
    results._read_server_default_result_storage_block_id = _storage_block


@contextmanager
def _observed_by_the_worker(*_: Any, **__: Any) -> Iterator[None]:
    """Leave it to the worker's one look at all its runs to see that a person suspended one.

    Prefect has a thread with a loop, a client, a connection and a poll for each run, and the loop of all runs stands
    still until those are there.
    """
    yield


def seldom(ask: Block, seconds: float, clock: Callable[[], float] = time.monotonic) -> Block:
    """Ask once in so many seconds and give the same answer in between.

    Prefect asks twice in each run, each time by a client of its own, whose certificates alone take 30 ms to read.
    """
    known: tuple[float, UUID | None] | None = None

    def asked() -> UUID | None:
        nonlocal known
        if known is None or clock() >= known[0]:
            answer = ask()
            known = clock() + seconds, answer
        return known[1]

    return asked


_storage_block = seldom(results._read_server_default_result_storage_block_id, STORAGE_SECONDS)
