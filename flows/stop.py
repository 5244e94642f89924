"""Leaving a flow run without a crash: cancelled by a person, handed over at shutdown, or failed with a sentence.

Prefect's engine takes every asyncio cancellation for a crash. A flow marked `stoppable` instead tells the server
what really happens, Cancelled or AwaitingRetry, and leaves through Prefect's own quiet exit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.logging import get_run_logger
from prefect.states import AwaitingRetry, Cancelled, Failed

from blocks.errors import DrayageError

P = ParamSpec("P")
R = TypeVar("R")
Reason = Literal["cancel", "shutdown"]


@dataclass
class Stop:
    """Whether the run in this context was asked to leave, and why. The worker sets it before it cancels the task."""

    reason: Reason | None = None
    depth: int = 0
    """How many stoppable flows are at work, one within the other."""

    def strike(self, task: "asyncio.Task[None]") -> None:
        """Cancel the task while a flow is at work: in Prefect's engine, before and after, it would be a crash."""
        if self.depth:
            task.cancel()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Open the body of a flow to cancellation."""
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1


STOP: ContextVar[Stop | None] = ContextVar("drayage_stop", default=None)


def stop_reason() -> Reason | None:
    """Why the current run has to leave; None when nobody asked."""
    stop = STOP.get()
    return stop.reason if stop else None


def stoppable(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R | State[Any]]]:
    """Wrap a flow's function so that a stop, or an error of ours, ends it in the state that tells the truth."""

    @wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R | State[Any]:
        stop = STOP.get() or Stop()
        try:
            if stop.reason and not stop.depth:
                raise asyncio.CancelledError
            with stop.at_work():
                result = await function(*args, **kwargs)
            await _absorb(stop)
            return result
        except DrayageError as error:
            await _absorb(stop)
            get_run_logger().error("%s", error)
            return Failed(message=str(error), data=error)
        except (asyncio.CancelledError, Pause):
            if (reason := stop_reason()) is None:
                raise
            raise Pause(state=await asyncio.shield(_leave(reason))) from None

    return run


async def _absorb(stop: Stop) -> None:
    """Take the cancellation that came as the outermost flow's work ended: too late to change how it ended."""
    task = asyncio.current_task()
    if stop.depth == 0 and stop.reason and task and task.cancelling():
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        task.uncancel()


async def _leave(reason: Reason) -> State[Any]:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise asyncio.CancelledError
    state: State[Any] = (
        Cancelled(message="Cancelled by a person.")
        if reason == "cancel" or context.flow_run.parent_task_run_id
        else AwaitingRetry(message="The worker shut down; the next one continues here.")
    )
    async with get_client() as client:
        await client.set_flow_run_state(context.flow_run.id, state, force=True)
    return state
