"""How tests ask a host within its budget, in virtual time."""

import asyncio
from datetime import UTC, datetime

from blocks.budget import Pace, asking_for
from blocks.errors import BadAnswer, NotFound, RateLimited, Unavailable, Unreachable
from blocks.pacing.host import WITNESSES

FAST = Pace(per_second=10_000, concurrent=50, share=10)
NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)


def clock():
    """The virtual time."""
    return asyncio.get_running_loop().time()


async def ask(budget, error=None, seconds=0.0, headers=None):
    """Ask once; returns when the request began, or the error of being turned away or of the answer."""
    try:
        async with budget.turn() as learn:
            began = clock()
            await asyncio.sleep(seconds)
            learn((headers or {}).items())
            if error:
                raise error
    except (RateLimited, Unreachable, Unavailable, BadAnswer, NotFound) as raised:
        return raised
    return began


async def ask_for(asker, budget, error=None, seconds=0.0):
    """Ask once for somebody."""
    with asking_for(asker):
        return await ask(budget, error, seconds)


def left(remaining, limit=5_000, reset=3_000):
    """The headers of an answer that says what is left."""
    return {"ratelimit-limit": str(limit), "ratelimit-remaining": str(remaining), "ratelimit-reset": str(reset)}


async def trip(budgets, host="down.example.com"):
    """Let a host fail as many askers as it takes."""
    for number in range(WITNESSES):
        await ask_for(f"p/w{number}", budgets.of(host), Unreachable("no answer"))
