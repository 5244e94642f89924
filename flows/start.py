"""Starting runs of Stages' deployments through Prefect's API, at most once for one reason."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed, Scheduled
from prefect.types._datetime import create_datetime_instance

from blocks.errors import NotFound
from blocks.ledger.records import PromotionRecord, VerificationRecord

STAGE_TAG = "drayage-stage"
"""Tag of Stages' deployments, and so of the runs that promote."""

AUTO = "auto"
"""Tag of runs that the sweep started, so that they count as nobody's wish."""

TARGETS_QUEUE = "default"
"""The work queue of runs for single targets: their Stage's own lets one through at a time, which is the request."""

MOST_CHILDREN = 50
"""Task runs and subflow runs looked at when a run's worker is gone; a run has one or two at work."""


def stage_deployment(project: str, stage: str) -> str:
    """The name of a Stage's deployment of the flow `promote`."""
    return f"{project}.{stage}"


def automation_name(project: str, stage: str) -> str:
    """The name of a Stage's automation; its switch in the Prefect UI pauses auto-promotion."""
    return f"drayage promotes {project}.{stage}"


async def start_promotion(client: PrefectClient, record: PromotionRecord) -> FlowRun:
    """Start the run of a Promotion that is in the ledger."""
    parameters = {"freight": record.freight, "reason": record.reason, "promotion": record.name}
    deployment = f"promote/{stage_deployment(record.project, record.stage)}"
    key, queue = f"promotion/{record.name}/{record.retries}", TARGETS_QUEUE if record.target else None
    return await _start(client, deployment, parameters, key, [], queue=queue)


async def start_automatic(client: PrefectClient, project: str, stage: str, freight: str, key: str) -> FlowRun:
    """Start what an automation should have started."""
    name = f"promote/{stage_deployment(project, stage)}"
    return await _start(client, name, {"freight": freight}, f"auto/{project}/{stage}/{freight}/{key}", [AUTO])


async def start_verification(
    client: PrefectClient, record: VerificationRecord, key: str, at: datetime | None = None
) -> FlowRun:
    """Start a run for a verification that is in the ledger, now or at a time."""
    parameters = {"project": record.project, "stage": record.stage, "verification": record.id}
    tags = [f"project:{record.project}", f"stage:{record.stage}"]
    return await _start(client, "verify/verify", parameters, f"verification/{record.id}/{key}", tags, at)


async def start_verification_of(client: PrefectClient, project: str, stage: str, actor: str) -> FlowRun:
    """Start another verification of what a Stage runs."""
    parameters = {"project": project, "stage": stage, "reason": f"asked for by {actor}"}
    tags = [f"project:{project}", f"stage:{stage}"]
    return await _start(client, "verify/verify", parameters, f"reverify/{uuid4()}", tags)


async def start_refresh(client: PrefectClient, token: str, project: str = "", warehouse: str = "") -> FlowRun:
    """Start the look that a refresh in the ledger asks for, at one Warehouse or at all that were asked for."""
    parameters = {"project": project, "warehouse": warehouse, "refresh": token}
    tags = [f"project:{project}"] if project else []
    return await _start(client, "discover/discover", parameters, f"refresh/{project}/{warehouse}/{token}", tags)


async def start_advance(client: PrefectClient, project: str, at: datetime) -> FlowRun:
    """Look at that time what may go on in a project."""
    tags = [f"project:{project}"]
    return await _start(
        client, "advance/advance", {"project": project}, f"advance/{project}/{at.isoformat()}", tags, at
    )


async def start_clean_up(client: PrefectClient, record: PromotionRecord, key: str) -> FlowRun:
    """Start the steps that run after a Promotion's abort."""
    parameters = {"project": record.project, "promotion": record.name}
    tags = [f"project:{record.project}", f"stage:{record.stage}"]
    return await _start(client, "clean-up/clean-up", parameters, f"clean-up/{record.name}/{key}", tags)


async def _start(
    client: PrefectClient,
    deployment: str,
    parameters: dict[str, Any],
    key: str,
    tags: list[str],
    at: datetime | None = None,
    queue: str | None = None,
) -> FlowRun:
    try:
        found = await client.read_deployment_by_name(deployment)
    except ObjectNotFound:
        raise NotFound(
            f"Prefect at {client.api_url} has no deployment {deployment!r}: apply the Stage again, "
            "or run 'prefect deploy --all' for Drayage's own"
        ) from None
    state: Any = Scheduled(scheduled_time=create_datetime_instance(at)) if at else None
    return await client.create_flow_run_from_deployment(
        found.id, parameters=parameters, idempotency_key=key, tags=tags, state=state, work_queue_name=queue
    )


async def resume_elsewhere(client: PrefectClient, flow_run_id: str | UUID, sentence: str) -> None:
    """Let the next worker go on with a run whose worker is gone."""
    await bury_children(client, UUID(str(flow_run_id)))
    state: Any = Scheduled(name="Resuming", message=sentence)
    await client.set_flow_run_state(UUID(str(flow_run_id)), state, force=True)


async def bury(client: PrefectClient, flow_run_id: str | UUID, sentence: str) -> None:
    """Say of a run and its children that they crashed, because its process is gone and none can take it up."""
    await bury_children(client, UUID(str(flow_run_id)))
    state: Any = Crashed(message=sentence)
    await client.set_flow_run_state(UUID(str(flow_run_id)), state, force=True)


async def bury_children(client: PrefectClient, flow_run_id: UUID) -> None:
    """Say of subflow runs and task runs that died with their flow run that they crashed; nobody else ever would."""
    state: Any = Crashed(message="Its worker is gone.")
    alive, mine = [StateType.PENDING, StateType.RUNNING], FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    task_runs = await client.read_task_runs(
        flow_run_filter=mine,
        task_run_filter=TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=alive))),
        sort=TaskRunSort.ID_DESC,
        limit=MOST_CHILDREN,
    )
    subflow_runs = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run_id]),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[*alive, StateType.CANCELLING])),
        ),
        sort=FlowRunSort.ID_DESC,
        limit=MOST_CHILDREN,
    )
    for task_run in task_runs:
        await client.set_task_run_state(task_run.id, state, force=True)
    for subflow_run in subflow_runs:
        await client.set_flow_run_state(subflow_run.id, state, force=True)
