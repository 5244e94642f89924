"""An event loop for flow runs, in a thread of its own, so that none of them holds up the worker's."""

import asyncio
import contextvars
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any
from uuid import UUID

from prefect.context import AsyncClientContext
from prefect.exceptions import Abort, Pause

from flows.stop import STOP, Stop

GRACE_SECONDS = 10.0
"""How long runs may take to leave at shutdown."""


class RunLoop:
    """An event loop in a thread, in which flow runs are tasks that can be cancelled from outside."""

    def __init__(self) -> None:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="drayage-runs", daemon=True)
        self._thread.start()
        # By task: a run that was taken for dead and scheduled again may be here twice for a moment.
        self._tasks: dict[asyncio.Task[None], tuple[UUID, Stop]] = {}
        self._beside: list[Future[Any]] = []
        self._client: AsyncClientContext | None = None
        self.keep(self._share_client())

    @property
    def running(self) -> list[UUID]:
        """The flow runs at work."""
        return list({flow_run_id for flow_run_id, _ in self._tasks.copy().values()})

    def keep(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something beside the flow runs until the loop ends."""
        self._beside.append(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _share_client(self) -> None:
        """Keep one client of Prefect's API for all runs: its certificates alone are most of a megabyte."""
        shared = AsyncClientContext()
        async with shared.client:
            self._client = shared
            await asyncio.Event().wait()

    async def run(self, flow_run_id: UUID, work: Coroutine[Any, Any, Any]) -> None:
        """Run to the end, seen from another loop. Cancelling this does not cancel the work."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._run(flow_run_id, work), self._loop))

    async def _run(self, flow_run_id: UUID, work: Coroutine[Any, Any, Any]) -> None:
        stop = Stop()
        context = contextvars.Context()
        context.run(STOP.set, stop)
        if self._client:
            context.run(AsyncClientContext.__var__.set, self._client)
        task = self._loop.create_task(work, context=context)
        self._tasks[task] = (flow_run_id, stop)
        try:
            await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()) and not isinstance(error, Abort | Pause):
                raise error
        finally:
            del self._tasks[task]

    async def lag(self) -> float:
        """Seconds that something asked for now waits behind what the loop has to do."""
        begun = time.monotonic()
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop))
        return time.monotonic() - begun

    def stop(self, flow_run_id: UUID, reason: Any) -> None:
        """Ask one run to leave. Nothing happens when it has just ended or was asked before."""
        for task, (id, stop) in self._tasks.copy().items():
            if id == flow_run_id and stop.reason is None:
                stop.reason = reason
                self._loop.call_soon_threadsafe(stop.strike, task)

    async def close(self) -> None:
        """Ask all runs to leave, give them time, then end the loop."""
        for flow_run_id in self.running:
            self.stop(flow_run_id, "shutdown")
        if tasks := list(self._tasks):
            left = asyncio.run_coroutine_threadsafe(_wait(tasks), self._loop)
            await asyncio.wrap_future(left)
        for each in self._beside:
            each.cancel()
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join, 5)


async def _wait(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks, timeout=GRACE_SECONDS)
