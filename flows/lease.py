"""Holding a lease while working: a sign of life every third of its time, and an end to the work when it is lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from blocks.errors import Conflict, Retryable

Renew = Callable[[datetime], Awaitable[bool]]
"""Extends the lease to the given time; False when somebody else has it."""


class LeaseLost(Conflict):
    """Somebody else took the work over, so this process must not touch it any more."""


@asynccontextmanager
async def held(renew: Renew, seconds: float) -> AsyncIterator[None]:
    """Renew a lease while the body runs. Raises LeaseLost, cancelling the body, when it cannot be kept."""
    body = asyncio.current_task()
    assert body is not None
    lost = asyncio.Event()

    async def beat() -> None:
        kept_until = datetime.now(UTC) + timedelta(seconds=seconds)
        while datetime.now(UTC) < kept_until:
            await asyncio.sleep(seconds / 3)
            wanted = datetime.now(UTC) + timedelta(seconds=seconds)
            with suppress(Retryable):  # an outage of the ledger is survived for as long as the lease lasts
                if not await renew(wanted):
                    break
                kept_until = wanted
        lost.set()
        body.cancel()

    beating = asyncio.create_task(beat())
    try:
        yield
    except asyncio.CancelledError:
        if not lost.is_set():
            raise
        body.uncancel()
        raise LeaseLost("the work was taken over by another run, or the ledger was out of reach for too long") from None
    finally:
        beating.cancel()
