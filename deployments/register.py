"""Registering with Prefect: the static deployments, and each Stage's deployment, work queue and automation.

Everything goes through Prefect's public API and may be done again at any time: what is already so is left alone.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.flows import Flow
from prefect.utilities.callables import parameter_schema
from prefect.utilities.importtools import import_object
from ruamel.yaml import YAML

from blocks.argocd_block import ArgoCDApiConnection, ArgoCDConnection
from blocks.credentials import GenericSecret, RepositoryCredentials
from blocks.kubernetes_block import KubernetesConnection
from deployments.automations import crash_watch, promotes, reconcile, remove
from deployments.worker import DrayageWorker
from flows.promote import promote
from flows.stage.pipeline import Pipeline, StageDefinition
from flows.start import STAGE_TAG, automation_name, stage_deployment

AT_ONCE = 8


async def register_base(client: PrefectClient, pool: str) -> None:
    """Register the work pool, the block types, the deployments of `prefect.yaml` and the crash watch."""
    await _pool(client, pool)
    for block in (RepositoryCredentials, GenericSecret, ArgoCDConnection, ArgoCDApiConnection, KubernetesConnection):
        await block.register_type_and_schema(client=client)
    ids = {entry["name"]: await _static(client, pool, entry) for entry in static_deployments()}
    for automation in crash_watch(ids["sweep"]):
        await reconcile(client, automation)


def static_deployments() -> list[dict[str, Any]]:
    """Read the deployments of `prefect.yaml`, from beside the packages or from within an installed one."""
    here = Path(__file__).parent
    for file in (here.parent / "prefect.yaml", here / "prefect.yaml"):
        if file.exists():
            return list(YAML(typ="safe").load(file.read_text())["deployments"])
    raise FileNotFoundError("prefect.yaml is neither beside Drayage's packages nor within them: install Drayage again")


async def register_stages(client: PrefectClient, pool: str, pipeline: Pipeline, automations: bool) -> None:
    """Register every Stage of a project that can be promoted to; control-flow Stages have nothing in Prefect."""
    await _pool(client, pool)
    flow_id = await client.create_flow(promote)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(stage: StageDefinition) -> None:
        async with gate:
            await _stage(client, pool, flow_id, pipeline, stage, automations)

    await asyncio.gather(*(one(stage) for stage in pipeline.stages.values() if not stage.control_flow))


async def unregister_stage(client: PrefectClient, pool: str, project: str, stage: str) -> None:
    """Remove what a Stage left in Prefect: automation, deployment with its waiting runs, work queue."""
    await remove(client, automation_name(project, stage))
    name = stage_deployment(project, stage)
    try:
        deployment = await client.read_deployment_by_name(f"promote/{name}")
        await client.delete_deployment(deployment.id)
    except ObjectNotFound:
        pass
    try:
        queue = await client.read_work_queue_by_name(name, work_pool_name=pool)
        await client.delete_work_queue_by_id(queue.id)
    except ObjectNotFound:
        pass


async def _stage(
    client: PrefectClient, pool: str, flow_id: UUID, pipeline: Pipeline, stage: StageDefinition, automations: bool
) -> None:
    project, name = pipeline.project, stage_deployment(pipeline.project, stage.name)
    await _queue(client, pool, name, f"Promotions into {stage.name}, one after the other. Pause it to stop the Stage.")
    deployment_id = await client.create_deployment(
        flow_id=flow_id,
        name=name,
        description=_description(pipeline, stage),
        entrypoint="flows.promote.promote",
        work_pool_name=pool,
        work_queue_name=name,
        tags=[STAGE_TAG, f"project:{project}", f"stage:{stage.name}"],
        parameters={"project": project, "stage": stage.name},
        parameter_openapi_schema=frozen_schema(promote, {"project": project, "stage": stage.name}),
        enforce_parameter_schema=True,
    )
    if pipeline.auto(stage.name):
        await reconcile(client, promotes(project, stage.name, deployment_id, automations))
    else:
        await remove(client, automation_name(project, stage.name))


def frozen_schema(flow: Flow[..., Any], values: dict[str, str]) -> dict[str, Any]:
    """A flow's parameter schema in which some parameters can have only one value."""
    schema: dict[str, Any] = parameter_schema(flow).model_dump_for_openapi()
    for name, value in values.items():
        schema["properties"][name] |= {"readOnly": True, "enum": [value], "default": value}
    return schema


def _description(pipeline: Pipeline, stage: StageDefinition) -> str:
    sources = [
        f"- Freight of Warehouse **{request.origin.name}**, "
        + ("straight from it" if request.sources.direct else f"verified in {', '.join(request.sources.stages)}")
        for request in stage.spec.requested_freight
    ]
    steps = [f"{number}. {step.uses or step.task.name}" for number, step in enumerate(stage.spec.steps, 1)]
    mode = "Promotes by itself" if pipeline.auto(stage.name) else "Is promoted by people"
    approval = pipeline.approval(stage.name)
    asks = f", after {approval.min_approvals} approval(s)" if approval else ""
    each = "Steps, once for each target:" if stage.spec.targets else "Steps:"
    return "\n".join([f"{mode}{asks}. Takes:", "", *sources, "", each, "", *steps])


async def _pool(client: PrefectClient, name: str) -> None:
    try:
        await client.read_work_pool(name)
    except ObjectNotFound:
        template = DrayageWorker.get_default_base_job_template()
        pool = WorkPoolCreate(name=name, type=DrayageWorker.type, base_job_template=template)
        with suppress(ObjectAlreadyExists):
            await client.create_work_pool(pool)


async def _queue(client: PrefectClient, pool: str, name: str, description: str) -> None:
    """Make a queue that lets one run at a time through; a person's pause of an existing one is kept."""
    try:
        await client.create_work_queue(name=name, description=description, concurrency_limit=1, work_pool_name=pool)
    except ObjectAlreadyExists:
        queue = await client.read_work_queue_by_name(name, work_pool_name=pool)
        if queue.concurrency_limit != 1:
            await client.update_work_queue(queue.id, concurrency_limit=1)


async def _static(client: PrefectClient, pool: str, entry: dict[str, Any]) -> UUID:
    flow: Flow[..., Any] = import_object(entry["entrypoint"])
    schedules = [_schedule(each) for each in entry.get("schedules") or []]
    name = f"{flow.name}/{entry['name']}"
    try:
        known = await client.read_deployment_by_name(name)
    except ObjectNotFound:
        known = None
    schema = parameter_schema(flow).model_dump_for_openapi()
    same = known and (known.entrypoint, known.parameter_openapi_schema) == (entry["entrypoint"], schema)
    if known and same and len(known.schedules) == len(schedules):
        return known.id
    return await client.create_deployment(
        flow_id=await client.create_flow(flow),
        name=entry["name"],
        description=entry["description"],
        entrypoint=entry["entrypoint"],
        work_pool_name=pool,
        work_queue_name="default",
        tags=entry["tags"],
        schedules=schedules,
        parameter_openapi_schema=schema,
        enforce_parameter_schema=True,
    )


def _schedule(entry: dict[str, Any]) -> DeploymentScheduleCreate:
    schedule = IntervalSchedule(
        interval=timedelta(seconds=entry["interval"]), anchor_date=datetime.fromisoformat(entry["anchor_date"])
    )
    return DeploymentScheduleCreate(schedule=schedule, slug=entry["slug"])
