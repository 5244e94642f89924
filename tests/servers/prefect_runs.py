"""What Prefect shows of a project: its flow runs with their subflow runs, and their task runs."""

from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterTags,
    TaskRunFilter,
    TaskRunFilterFlowRunId,
)
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort


@dataclass(frozen=True)
class Run:
    """One run."""

    kind: str
    name: str
    state: str
    final: bool
    id: str


async def runs_of(project: str, stage: str = "test") -> list[Run]:
    """Flow runs of a Stage, the promotion's own before subflows, oldest first; then all their task runs."""
    async with get_client() as client:
        tags: Any = FlowRunFilterTags(all_=[f"project:{project}", f"stage:{stage}"])
        flow_runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(tags=tags), sort=FlowRunSort.START_TIME_ASC, limit=200
        )
        flow_runs.sort(key=lambda run: run.parent_task_run_id is not None)
        task_runs = await _task_runs(client, [run.id for run in flow_runs])
    return [_run("flow run", each) for each in flow_runs] + [_run("task run", each) for each in task_runs]


async def _task_runs(client: PrefectClient, ids: list[Any]) -> list[Any]:
    mine = TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=ids))
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=ids))
    return list(
        await client.read_task_runs(task_run_filter=mine, flow_run_filter=chosen, sort=TaskRunSort.ID_DESC, limit=200)
    )


def _run(kind: str, run: Any) -> Run:
    return Run(kind, run.name, run.state_name or "", bool(run.state and run.state.is_final()), str(run.id))
