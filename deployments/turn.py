"""Taking turns: of several processes that apply manifests at once, one works and the others wait."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from blocks.errors import Conflict
from blocks.ledger.leases import Leases
from flows.lease import held

PATIENCE = 300.0
POLL = 0.3

LAPSE = 30.0
"""Seconds after which a killed process has lost its turn, long enough for a busy machine to show that it lives."""


@asynccontextmanager
async def turn(leases: Leases, name: str, seconds: float = LAPSE) -> AsyncIterator[None]:
    """Wait until nobody else has the turn and keep it while the body runs; a killed holder's lapses after `seconds`.

    Raises Conflict when the others take longer than five minutes.
    """
    owner = uuid4().hex

    async def take(until: datetime) -> bool:
        return await leases.take(name, owner, until, datetime.now(UTC))

    deadline = time.monotonic() + PATIENCE
    while not await take(datetime.now(UTC) + timedelta(seconds=seconds)):
        if time.monotonic() > deadline:
            raise Conflict(f"another {name} has been at work for {PATIENCE:g} s; try again when it is done")
        await asyncio.sleep(POLL)
    try:
        async with held(take, seconds):
            yield
    finally:
        await leases.drop(name, owner)
