"""The warm worker: runs async flow runs inside one process, so that a promotion starts at once.

Flow runs live as tasks of one event loop in a thread of its own. The worker's loop, in the main thread, stays free
to poll, to beat and to cancel. What a subprocess gave for nothing is done here: a cancelled run stops (with its
children), a shutdown leaves no run Running, and a limit bounds how many run at once.
"""

import asyncio
import gc
import importlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import anyio
import anyio.abc
import prefect.flow_engine
from prefect._flow_run_suspension import mark_flow_run_suspension_requested
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.flow_engine import run_flow
from prefect.flows import Flow
from prefect.settings import PREFECT_WORKER_QUERY_SECONDS, temporary_settings
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from deployments.run_loop import RunLoop
from flows.health_watch import watch_health

POLL_SECONDS = 0.5
"""How often the worker asks for new runs."""

CANCEL_SECONDS = 1.0
"""How often it asks whether one of its runs was cancelled."""

_QUIET = re.compile(r"Finished in state (Suspended|Scheduled|AwaitingStage|AwaitingRetry|Cancelled|Resuming)\b")

BEGIN_AT_ONCE = 10
"""Runs that the worker submits at the same time."""

LATE_SECONDS = 0.2
"""A loop that takes longer to come to what it is asked has enough to do."""


class QuietEnds(logging.Filter):
    """Prefect logs every end but Completed as an error; a suspension or a hand-over is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lower the level of ends that are as they should be; nothing is dropped."""
        if record.levelno == logging.ERROR and _QUIET.match(str(record.msg)):
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


class DrayageConfiguration(BaseJobConfiguration):
    """What a run is started with: nothing, since it is no process of its own."""

    @classmethod
    def _base_environment(cls) -> dict[str, str]:
        """Spare each run a copy of all settings."""
        return {}


class DrayageWorkerResult(BaseWorkerResult):
    """How a run ended here; the run itself reported its state."""


class DrayageWorker(BaseWorker[DrayageConfiguration, BaseVariables, DrayageWorkerResult]):
    """Worker type `drayage`: `prefect worker start --type drayage --pool drayage`."""

    type = "drayage"
    job_configuration = DrayageConfiguration
    _description = "Run Drayage's async flows inside one warm process."
    _display_name = "Drayage"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take BaseWorker's arguments; runs are fetched when they are due, at most 100 at once unless told."""
        kwargs.setdefault("limit", 100)
        kwargs.setdefault("prefetch_seconds", 0)
        super().__init__(*args, **kwargs)
        self._flows: dict[str, Flow[..., Any]] = {}
        self._runs: RunLoop | None = None
        logging.getLogger("prefect.flow_runs").addFilter(_quiet_ends)

    async def start(self, *args: Any, **kwargs: Any) -> None:
        """Work until told to stop, asking for runs every half second unless Prefect's setting says otherwise."""
        asked = PREFECT_WORKER_QUERY_SECONDS.value()
        seconds = POLL_SECONDS if asked == PREFECT_WORKER_QUERY_SECONDS.default() else asked
        with temporary_settings({PREFECT_WORKER_QUERY_SECONDS: seconds}):
            await super().start(*args, **kwargs)

    async def setup(self) -> None:
        """Start the loop for the runs, and watch for cancellations."""
        gc.freeze()  # what is loaded by now stays: looking through it again takes longer than many a sweep's query
        prefect.flow_engine.observe_flow_run_suspension = _observed_here  # type: ignore[attr-defined]
        self._runs = RunLoop()
        self._runs.keep(watch_health(f"{self.name}/{uuid4()}"))
        await super().setup()
        assert self._runs_task_group is not None
        self._runs_task_group.start_soon(self._watch_cancellations)

    async def teardown(self, *exc_info: Any) -> None:
        """Hand every run over before the connection closes."""
        with anyio.CancelScope(shield=True):
            if self._runs:
                await self._runs.close()
        if self._runs_task_group:
            self._runs_task_group.cancel_scope.cancel()
        await super().teardown(*exc_info)

    async def run(
        self,
        flow_run: FlowRun,
        configuration: DrayageConfiguration,
        task_status: anyio.abc.TaskStatus[Any] | None = None,
    ) -> DrayageWorkerResult:
        """Run one flow run to its end in the run loop."""
        assert self._runs is not None
        flow = await self._flow(flow_run)
        if task_status:
            task_status.started(f"{self.name}:{flow_run.id}")
        try:
            await self._runs.run(flow_run.id, _execute(flow, flow_run))
        except Exception as error:  # the engine reported its state; what is left is a fault of ours
            self._logger.exception("flow run %s ended with an error of its own: %r", flow_run.id, error)
        return DrayageWorkerResult(status_code=0, identifier=str(flow_run.id))

    async def _flow(self, flow_run: FlowRun) -> Flow[..., Any]:
        """Import the deployment's module entrypoint once. Raises ValueError when it names no async flow."""
        if flow_run.deployment_id is None:
            raise ValueError("the flow run has no deployment, so nothing names its code")
        entrypoint = (await self.client.read_deployment(flow_run.deployment_id)).entrypoint or ""
        if entrypoint not in self._flows:
            module, _, name = entrypoint.rpartition(".")
            flow = getattr(await asyncio.to_thread(importlib.import_module, module), name)
            if not isinstance(flow, Flow) or not flow.isasync:
                raise ValueError(f"{entrypoint!r} is no async flow; this worker runs async flows only")
            self._flows[entrypoint] = flow
        return self._flows[entrypoint]

    async def _get_scheduled_flow_runs(self) -> list[WorkerFlowRunResponse]:
        """Leave out runs that are at work here: one that is scheduled again before it has left would end the worker.

        That happens when an approval comes at once, or when somebody took a slow run for dead.
        """
        scheduled = await super()._get_scheduled_flow_runs()
        here = set(self._limiter.statistics().borrowers) if self._limiter else set()
        return [each for each in scheduled if each.flow_run.id not in here][: await self._room()]

    async def _room(self) -> int:
        """How many runs may begin now; the others are asked for again at the next poll, or by another worker.

        Hundreds that begin at once would keep each other from the ledger until their time is over. A loop that is
        late for another reason gets one all the same, so that nothing waits for ever.
        """
        assert self._runs is not None
        free = max(0, BEGIN_AT_ONCE - len(self._submitting_flow_run_ids))
        return free if await self._runs.lag() < LATE_SECONDS else min(1, free)

    async def _watch_cancellations(self) -> None:
        """Look for runs that a person cancelled or suspended."""
        while True:
            await anyio.sleep(CANCEL_SECONDS)
            try:
                await self._stop_cancelled()
            except Exception as error:  # an outage must not end the watch
                self._logger.warning("cannot ask for cancelled runs: %s", error)

    async def _stop_cancelled(self) -> None:
        """Stop what was cancelled. Whoever cancels a subflow's run stops the run that it is a part of."""
        assert self._runs is not None
        if not (running := self._runs.running):
            return
        names = FlowRunFilterStateName(any_=["Cancelling", "Cancelled", "Suspended"])
        asked = FlowRunFilter(id=FlowRunFilterId(any_=running), state=FlowRunFilterState(name=names))
        for flow_run in await self._page(asked):
            if flow_run.state and flow_run.state.is_paused():
                mark_flow_run_suspension_requested(flow_run.id, flow_run.state)
            else:
                self._runs.stop(flow_run.id, "cancel")
        below = FlowRunFilter(
            parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=running),
            state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Cancelling"])),
        )
        for subflow_run in await self._page(below):
            self._runs.stop(await self._parent(subflow_run), "cancel")

    async def _page(self, wanted: FlowRunFilter) -> list[FlowRun]:
        return await self.client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.ID_DESC, limit=200)

    async def _parent(self, subflow_run: FlowRun) -> UUID:
        assert subflow_run.parent_task_run_id is not None
        parent = (await self.client.read_task_run(subflow_run.parent_task_run_id)).flow_run_id
        assert parent is not None
        return parent


@contextmanager
def _observed_here(*_: Any, **__: Any) -> Iterator[None]:
    """Leave it to the worker's one look at all its runs to see that a person suspended one.

    Prefect has a thread with a loop, a client, a connection and a poll for each run, and the loop of all runs stands
    still until those are there.
    """
    yield


_quiet_ends = QuietEnds()
"""One for the process: adding it twice has no effect."""


async def _execute(flow: Flow[..., Any], flow_run: FlowRun) -> None:
    result = run_flow(flow, flow_run=flow_run, return_type="state")
    if asyncio.iscoroutine(result):
        await result
