"""Registering with Prefect what does not depend on Stages: the work pool, block types, and the static deployments.

Everything goes through Prefect's public API and may be done again at any time: what is already so is left alone.
"""

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
from deployments.automations import crash_watch, reconcile
from deployments.worker import DrayageWorker


async def register_base(client: PrefectClient, pool: str) -> None:
    """Register the work pool, the block types, the deployments of `prefect.yaml` and the crash watch."""
    await register_pool(client, pool)
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


def frozen_schema(flow: Flow[..., Any], values: dict[str, str]) -> dict[str, Any]:
    """A flow's parameter schema in which some parameters can have only one value."""
    schema: dict[str, Any] = parameter_schema(flow).model_dump_for_openapi()
    for name, value in values.items():
        schema["properties"][name] |= {"readOnly": True, "enum": [value], "default": value}
    return schema


async def register_pool(client: PrefectClient, name: str) -> None:
    """Make the work pool unless it is there."""
    try:
        await client.read_work_pool(name)
    except ObjectNotFound:
        template = DrayageWorker.get_default_base_job_template()
        pool = WorkPoolCreate(name=name, type=DrayageWorker.type, base_job_template=template)
        with suppress(ObjectAlreadyExists):
            await client.create_work_pool(pool)


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
