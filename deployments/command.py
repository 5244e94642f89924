"""One command of the command line: opens the world, runs, and turns every failure into one readable line."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import httpx
from prefect.exceptions import PrefectException

from blocks.errors import DrayageError
from flows.world import World, opened_world

T = TypeVar("T")


def run_command(work: Callable[[World], Awaitable[T]]) -> T:
    """Run one command's work. Ends the process with 1 and a sentence on stderr when it fails."""

    async def opened() -> T:
        async with opened_world() as here:
            return await work(here)

    return guarded(lambda: asyncio.run(opened()))


def guarded(work: Callable[[], T]) -> T:
    """Call and return; a failure we can word ends the process with 1 and that sentence on stderr."""
    try:
        return work()
    except DrayageError as error:
        fail(str(error))
    except httpx.HTTPStatusError as error:
        request = error.request
        fail(f"Prefect answered {request.method} {request.url.path} with {error.response.status_code}")
    except (httpx.HTTPError, RuntimeError, PrefectException) as error:
        if isinstance(error, RuntimeError) and "reach API" not in str(error):
            raise
        fail(f"Prefect cannot be reached ({type(error).__name__}): start 'drayage up' or set PREFECT_API_URL")
    except KeyboardInterrupt:
        fail("interrupted")


def fail(sentence: str) -> NoReturn:
    """Say why on stderr and end with 1."""
    print(f"Error: {sentence}", file=sys.stderr)
    raise SystemExit(1)
