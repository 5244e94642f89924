"""Where the clouds' own libraries work, which know no asyncio: in few threads of their own, for a bounded time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from blocks.errors import Unreachable

AT_ONCE = 8
"""Threads. A cloud that hangs holds these and none that anything else needs."""

T = TypeVar("T")

_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="credentials")


async def in_thread(work: Callable[[], T], seconds: float, what: str) -> T:
    """Run blocking work. Raises Unreachable, naming `what` was asked, when it takes longer than so many seconds."""
    try:
        async with asyncio.timeout(seconds) as limit:
            return await asyncio.get_running_loop().run_in_executor(_threads, work)
    except TimeoutError:
        if not limit.expired():
            raise
        raise Unreachable(f"{what} gave no answer within {seconds:g} s") from None
