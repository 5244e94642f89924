"""Sweep: events make promotion fast, the sweep makes it sure.

It finds what nobody acted on: Freight that may enter but was not picked up, soak times that have passed, promotions
whose run died, verifications that were never started. Everything it does is safe to do twice.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client

from flows.advance import Ready, announce_ready
from flows.auto_rollback import roll_back_failing
from flows.clean_up import begin_clean_ups
from flows.current_run import current_run, ended
from flows.health_watch import sweep_health
from flows.keep_queues import keep_queues
from flows.recover import recover
from flows.start import automation_name, start_automatic
from flows.stop import stoppable
from flows.verify import start_missing_verifications
from flows.wake import wake_waiting
from flows.world import World, world

PATIENCE = timedelta(seconds=10)
"""How long an automation has to pick up what was announced before the sweep does."""

LEASE = timedelta(minutes=2)


@flow(name="sweep", flow_run_name="sweep")
@stoppable
async def sweep() -> Any:
    """Do what was announced and not done, and put back on its way what was lost."""
    here, owner = await world(), current_run().owner
    now = datetime.now(UTC)
    if not await here.ledger.leases.take("sweep", owner, now + LEASE, now):
        return ended("Skipped", "another sweep is at work")
    try:
        async with get_client() as client:
            done = await recover(here, client, now)
            done += await wake_waiting(here, client)
            done += await keep_queues(here, client, now)
            done += await begin_clean_ups(here, client, now)
            done += await start_missing_verifications(here, client, now)
            done += await sweep_health(here, owner)
            done += await roll_back_failing(here, client, now)
            for project in await here.ledger.definitions.list("Project"):
                for ready in await announce_ready(here.ledger, project.name):
                    done += await _start_overdue(here, client, ready, now)
    finally:
        await here.ledger.leases.drop("sweep", owner)
    return ended("Swept", "; ".join(done)[:2000] or "nothing was left undone")


async def _start_overdue(here: World, client: PrefectClient, ready: Ready, now: datetime) -> list[str]:
    """Start one promotion that its automation had time for and did not start, unless that is switched off."""
    if here.settings.automations and (now - ready.since < PATIENCE or not await _switched_on(client, ready)):
        return []
    bucket = str(int(now.timestamp()) // 300)
    await start_automatic(client, ready.project, ready.stage, ready.freight.name, bucket)
    return [f"started {ready.stage} ← {ready.freight.alias}"]


async def _switched_on(client: PrefectClient, ready: Ready) -> bool:
    """Whether the Stage's automation is on; off means off for the sweep too."""
    found = await client.read_automations_by_name(automation_name(ready.project, ready.stage))
    return all(automation.enabled for automation in found)
