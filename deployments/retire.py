"""Taking Stages out of service, and out of what they no longer ask for."""

from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime

from prefect.client.orchestration import PrefectClient

from blocks.errors import Refused
from blocks.ledger.ledger import Ledger
from deployments.register_stages import unregister_stages
from deployments.requests import abort_promotion, abort_verification
from flows.stage.pipeline import Pipeline
from flows.world import World


async def retire_stages(
    here: World, client: PrefectClient, project: str, stages: Collection[str], actor: str, why: str
) -> None:
    """Abort what waits or runs for Stages that promote no more, and remove what they have in Prefect."""
    if not stages:
        return
    for record in await here.ledger.promotions.open(project):
        if record.stage in stages:
            await abort_promotion(here, project, record.name, actor, why)
    for stage in stages:
        with suppress(Refused):  # none is under way
            await abort_verification(here, project, stage, actor, why)
    await unregister_stages(client, here.settings.work_pool, [(project, stage) for stage in stages])


async def leave_unrequested(ledger: Ledger, pipeline: Pipeline) -> None:
    """End the stays of Freight whose Warehouse its Stage no longer requests, and the holds on it."""
    held = {(hold.stage, hold.origin) for hold in await ledger.stages.holds(pipeline.project)}
    there = {(stage, origin) for stage, by in (await ledger.stages.currents(pipeline.project)).items() for origin in by}
    for stage, definition in pipeline.stages.items():
        origins = [origin for name, origin in held | there if name == stage]
        gone = {origin for origin in origins if definition.spec.request(origin) is None}
        if gone:
            await ledger.stages.leave(pipeline.project, stage, gone, datetime.now(UTC))


async def lift_idle_holds(ledger: Ledger, pipeline: Pipeline, actor: str) -> None:
    """Lift the holds of Stages that no longer promote by themselves: there is nothing to hold back (Kargo)."""
    for hold in await ledger.stages.holds(pipeline.project):
        if hold.stage in pipeline.stages and not pipeline.auto(hold.stage):
            await ledger.stages.clear_hold(pipeline.project, hold.stage, hold.origin, actor, datetime.now(UTC))
