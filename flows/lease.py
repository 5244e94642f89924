"""Holding a lease while working: a sign of life every third of its time, and an end to the work when it is lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from blocks.errors import Conflict

Renew = Callable[[datetime], Awaitable[bool]]
"""Extends the lease to the given time; False when somebody else has it."""


class LeaseLost(Conflict):
    """Somebody else took the work over, so this process must not touch it any more."""


@asynccontextmanager
async def held(renew: Renew, seconds: float) -> AsyncIterator[None]:
    """Renew a lease while the body runs. Raises LeaseLost, cancelling the body, when it cannot be kept.

    A cancellation from outside that comes at the same time passes, so that a stop is not forgotten.
    """
    body = asyncio.current_task()
    assert body is not None
    lost = asyncio.Event()

    async def beat() -> None:
        await _renew_until_lost(renew, seconds)
        lost.set()
        body.cancel()

    beating = asyncio.create_task(beat())
    try:
        yield
        if lost.is_set():
            await asyncio.sleep(0)  # here the cancellation strikes that came as the body ended
    except asyncio.CancelledError:
        if not lost.is_set() or body.uncancel() > 0:
            raise
        raise LeaseLost("the work was taken over by another run, or the ledger was out of reach for too long") from None
    finally:
        beating.cancel()


@asynccontextmanager
async def shown(renew: Renew, seconds: float) -> AsyncIterator[None]:
    """Give signs of life while the body runs, the first at once. Nothing happens to the body when they fail."""
    with suppress(Exception):
        await renew(datetime.now(UTC) + timedelta(seconds=seconds))

    async def beat() -> None:
        while True:
            await _renew_until_lost(renew, seconds)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


async def _renew_until_lost(renew: Renew, seconds: float) -> None:
    """Renew every third of the time. Returns when somebody else has the lease, or when it has run out."""
    kept_until = datetime.now(UTC) + timedelta(seconds=seconds)
    while (left := (kept_until - datetime.now(UTC)).total_seconds()) > 0:
        await asyncio.sleep(min(left, seconds / 3))
        wanted = datetime.now(UTC) + timedelta(seconds=seconds)
        # Whatever goes wrong is survived for as long as the lease lasts: an outage may end, a bug must not
        # leave the body at work without a lease.
        with suppress(Exception):
            async with asyncio.timeout((kept_until - datetime.now(UTC)).total_seconds()):
                if not await renew(wanted):
                    return
            kept_until = wanted
