"""One command of the command line: opens the world, runs, and turns every failure into one readable line."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
from prefect.exceptions import PrefectException
from pydantic import ValidationError

from blocks.errors import DrayageError
from deployments.fail import fail
from flows.world import World, opened_world, read_prefect_health

T = TypeVar("T")

UNREACHABLE = "Prefect cannot be reached ({}): start 'drayage up' or set PREFECT_API_URL"


def run_command(work: Callable[[World], Awaitable[T]], *, prefect: bool = True) -> T:
    """Run one command's work. Ends the process with 1 and a sentence on stderr when it fails.

    Without a Prefect server nothing is begun, except by commands that ask for none.
    """

    async def opened() -> T:
        if prefect:
            await read_prefect_health()
        async with opened_world() as here:
            return await work(here)

    return guarded(lambda: asyncio.run(opened()))


def guarded(work: Callable[[], T]) -> T:
    """Call and return; a failure ends the process with 1 and a sentence on stderr.

    What nobody foresaw is raised as it is when DRAYAGE_TRACEBACK is set, to show where it came from.
    """
    try:
        return work()
    except KeyboardInterrupt:
        fail("interrupted")
    except Exception as error:
        if (sentence := _sentence(error)) is None and os.environ.get("DRAYAGE_TRACEBACK"):
            raise
        fail(sentence or f"an unforeseen {type(error).__name__}; set DRAYAGE_TRACEBACK=1 to see where it came from")


def _sentence(error: Exception) -> str | None:
    """Word a failure; None for one that nobody foresaw."""
    match error:
        case DrayageError():
            return str(error)
        case httpx.HTTPStatusError():
            request, status = error.request, error.response.status_code
            return f"Prefect answered {request.method} {request.url.path} with {status}"
        case httpx.HTTPError() | PrefectException():
            return UNREACHABLE.format(type(error).__name__)
        case RuntimeError() if "reach API" in str(error):
            return UNREACHABLE.format("no answer")
        case ValidationError(title="Settings"):
            return _settings_sentence(error)
        case OSError(strerror=str(reason), filename=str(file)):
            return f"cannot use {file}: {reason}"
    return None


def _settings_sentence(error: ValidationError) -> str:
    """Name the variables that are wrong, never their values."""
    wrong = [(f"DRAYAGE_{'_'.join(map(str, each['loc'])).upper()}", each["msg"]) for each in error.errors()]
    return "; ".join(f"{name} is wrong: {message}" for name, message in wrong)
