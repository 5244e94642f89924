"""Registering Stages with Prefect: each one's deployment, work queue and automation.

What Prefect has is read for many Stages at once and compared, so that only what differs is written: a changed one of a
thousand Stages touches its own things and nothing else. What people set there, a pause or a switch, stays.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    DeploymentFilterTags,
    WorkQueueFilter,
    WorkQueueFilterName,
)
from prefect.client.schemas.objects import WorkQueue
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import DeploymentSort
from prefect.events.filters import AutomationFilter, AutomationFilterName
from prefect.events.schemas.automations import Automation
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from deployments.automations import bring_about, promotes
from deployments.register import frozen_schema, register_pool
from flows.promote import promote
from flows.stage.pipeline import Pipeline, StageDefinition
from flows.start import STAGE_TAG, automation_name, stage_deployment

AT_ONCE = 8
"""Stages written at the same time."""

PAGE = 200
"""Things read in one call, Prefect's own limit."""

MOST_DOUBLES = 5
"""Pages of automations of the same names."""

Say = Callable[[int, int], None]
"""Told how many Stages are registered, and of how many."""

Place = tuple[Pipeline, StageDefinition]


@dataclass
class Registered:
    """What Prefect has of some Stages: deployments and work queues by their common name, automations by theirs."""

    deployments: dict[str, DeploymentResponse] = field(default_factory=dict)
    queues: dict[str, WorkQueue] = field(default_factory=dict)
    automations: dict[str, list[Automation]] = field(default_factory=lambda: defaultdict(list))

    def has(self, project: str, stage: str) -> bool:
        """Whether there is anything of a Stage."""
        name = stage_deployment(project, stage)
        return name in self.deployments or name in self.queues or automation_name(project, stage) in self.automations


async def read_registered(client: PrefectClient, pool: str, stages: Sequence[tuple[str, str]]) -> Registered:
    """Read what Prefect has of Stages, given by project and name: three calls or so per 200 of them."""
    found = Registered()
    for page in _pages([stage_deployment(*each) for each in stages]):
        named = DeploymentFilter(name=DeploymentFilterName(any_=page), tags=DeploymentFilterTags(all_=[STAGE_TAG]))
        there = await client.read_deployments(deployment_filter=named, sort=DeploymentSort.NAME_ASC, limit=PAGE)
        found.deployments |= {each.name: each for each in there}
        queued = WorkQueueFilter(name=WorkQueueFilterName(any_=page))
        try:
            queues = await client.read_work_queues(work_pool_name=pool, work_queue_filter=queued, limit=PAGE)
        except ObjectNotFound:  # the pool
            queues = []
        found.queues |= {each.name: each for each in queues}
    for page in _pages([automation_name(*each) for each in stages]):
        wanted = AutomationFilter(name=AutomationFilterName(any_=page))
        for offset in range(0, MOST_DOUBLES * PAGE, PAGE):
            some = await client.read_automations(automations=wanted, limit=PAGE, offset=offset)
            for each in some:
                found.automations[each.name].append(each)
            if len(some) < PAGE:
                break
    return found


async def register_stages(
    client: PrefectClient, pool: str, pipelines: Iterable[Pipeline], automations: bool, say: Say | None = None
) -> int:
    """Register every Stage that can be promoted to; control-flow Stages have nothing in Prefect.

    Returns how many of them something was written of. `say` is told how far it is.
    """
    places = [
        (pipeline, stage) for pipeline in pipelines for stage in pipeline.stages.values() if not stage.control_flow
    ]
    await register_pool(client, pool)
    found = await read_registered(client, pool, [(pipeline.project, stage.name) for pipeline, stage in places])
    flow_id = await client.create_flow(promote)
    writing = _Writing(client, pool, flow_id, automations, found)
    return sum(await _bounded([writing.stage(*place) for place in places], say))


async def unregister_stages(client: PrefectClient, pool: str, stages: Sequence[tuple[str, str]]) -> None:
    """Remove what Stages, by project and name, left in Prefect: automation, deployment with its runs, work queue."""
    found = await read_registered(client, pool, stages)
    await _bounded([_unregister(client, found, *each) for each in stages if found.has(*each)], None)


async def _unregister(client: PrefectClient, found: Registered, project: str, stage: str) -> bool:
    name = stage_deployment(project, stage)
    for automation in found.automations.get(automation_name(project, stage), []):
        await client.delete_automation(automation.id)
    if deployment := found.deployments.get(name):
        await _gone(client.delete_deployment(deployment.id))
    if queue := found.queues.get(name):
        await _gone(client.delete_work_queue_by_id(queue.id))
    return True


async def _gone(removing: Awaitable[object]) -> None:
    """Remove what somebody else may have removed meanwhile."""
    with suppress(ObjectNotFound):
        await removing


async def _bounded(work: Sequence[Awaitable[bool]], say: Say | None) -> list[bool]:
    """Do all of it, a few at a time, and tell how far it is."""
    gate, done = asyncio.Semaphore(AT_ONCE), 0

    async def one(each: Awaitable[bool]) -> bool:
        nonlocal done
        async with gate:
            touched = await each
        done += 1
        if say:
            say(done, len(work))
        return touched

    return list(await asyncio.gather(*map(one, work)))


@dataclass
class _Writing:
    """Writes what differs from what Prefect was found to have."""

    client: PrefectClient
    pool: str
    flow_id: UUID
    automations: bool
    found: Registered

    async def stage(self, pipeline: Pipeline, stage: StageDefinition) -> bool:
        """Bring one Stage about. Returns whether anything was written."""
        queued = await self._queue(pipeline, stage)
        deployment_id, deployed = await self._deployment(pipeline, stage)
        there = self.found.automations.get(automation_name(pipeline.project, stage.name), [])
        wanted = promotes(pipeline.project, stage.name, deployment_id, self.automations)
        done = await bring_about(self.client, wanted if pipeline.auto(stage.name) else None, there)
        return queued or deployed or done != "unchanged"

    async def _queue(self, pipeline: Pipeline, stage: StageDefinition) -> bool:
        """Make a queue that lets one run at a time through; a person's pause of an existing one is kept."""
        name = stage_deployment(pipeline.project, stage.name)
        known = self.found.queues.get(name)
        if known is None:
            said = f"Promotions into {stage.name}, one after the other. Pause it to stop the Stage."
            try:
                await self.client.create_work_queue(
                    name=name, description=said, concurrency_limit=1, work_pool_name=self.pool
                )
                return True
            except ObjectAlreadyExists:
                known = await self.client.read_work_queue_by_name(name, work_pool_name=self.pool)
        if known.concurrency_limit == 1:
            return False
        await self.client.update_work_queue(known.id, concurrency_limit=1)
        return True

    async def _deployment(self, pipeline: Pipeline, stage: StageDefinition) -> tuple[UUID, bool]:
        wanted = _wanted(pipeline, stage, self.pool)
        known = self.found.deployments.get(wanted["name"])
        if known and known.flow_id == self.flow_id and _same(known, wanted):
            return known.id, False
        return await self.client.create_deployment(flow_id=self.flow_id, **wanted), True


def _wanted(pipeline: Pipeline, stage: StageDefinition, pool: str) -> dict[str, Any]:
    """A Stage's deployment as Prefect is to have it."""
    project, name = pipeline.project, stage_deployment(pipeline.project, stage.name)
    return {
        "name": name,
        "description": description(pipeline, stage),
        "entrypoint": "flows.promote.promote",
        "work_pool_name": pool,
        "work_queue_name": name,
        "tags": [STAGE_TAG, f"project:{project}", f"stage:{stage.name}"],
        "parameters": {"project": project, "stage": stage.name},
        "parameter_openapi_schema": frozen_schema(promote, {"project": project, "stage": stage.name}),
        "enforce_parameter_schema": True,
    }


def _same(known: DeploymentResponse, wanted: dict[str, Any]) -> bool:
    there = {name: getattr(known, name) for name in wanted}
    return there | {"tags": sorted(there["tags"])} == wanted | {"tags": sorted(wanted["tags"])}


def description(pipeline: Pipeline, stage: StageDefinition) -> str:
    """Say in Markdown what a Stage takes and what its steps are."""
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


def _pages(names: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), PAGE):
        yield list(names[start : start + PAGE])
