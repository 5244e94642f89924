"""Sweep: events make promotion fast, the sweep makes it sure.

It finds what nobody acted on: Freight that may enter but was not picked up, soak times that have passed, promotions
whose run died, verifications that were never started. Everything it does is safe to do twice.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.events.filters import AutomationFilter, AutomationFilterName
from prefect.logging import get_run_logger

from blocks.errors import DrayageError
from flows.advance import Ready, announce_ready
from flows.auto_rollback import roll_back_failing
from flows.clean_up import begin_clean_ups
from flows.current_run import current_run, ended
from flows.health_watch import sweep_health
from flows.keep_queues import keep_queues
from flows.missing_verifications import start_missing_verifications
from flows.paused import note_paused
from flows.publish import publish_changed
from flows.recover import recover
from flows.start import automation_name, start_automatic
from flows.stop import stoppable
from flows.wake import wake_waiting
from flows.world import World, world

PATIENCE = timedelta(seconds=10)
"""How long an automation has to pick up what was announced before the sweep does."""

LEASE = timedelta(minutes=2)

AT_ONCE = 8
"""Promotions that are started at the same time."""

PAGE = 200
"""Automations read at once, Prefect's own limit."""

MOST_DOUBLES = 5


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
            looking = asyncio.create_task(announce_ready(here.ledger, None))
            try:
                done = await _put_back(here, client, owner, now)
                # What was put back may open a Stage: then what was seen meanwhile does not count.
                ready = await announce_ready(here.ledger, None) if done else await looking
            finally:
                looking.cancel()
            done += await start_overdue(here, client, ready, now)
            await publish_changed(here)
    finally:
        await here.ledger.leases.drop("sweep", owner)
    return ended("Swept", "; ".join(done)[:2000] or "nothing was left undone")


async def _put_back(here: World, client: PrefectClient, owner: str, now: datetime) -> list[str]:
    """Let go on what was lost, and begin what is due. Returns a sentence for each."""
    done = await recover(here, client, now)
    done += await wake_waiting(here, client)
    done += await keep_queues(here, client, now)
    done += await begin_clean_ups(here, client, now)
    done += await start_missing_verifications(here, client, now)
    done += await sweep_health(here, owner)
    done += await roll_back_failing(here, client, now)
    await note_paused(here, client, now)
    return done


async def start_overdue(here: World, client: PrefectClient, ready: Sequence[Ready], now: datetime) -> list[str]:
    """Start promotions that their automations had time for and did not start, unless those are switched off.

    What goes wrong with one hinders no other. Returns a sentence for each that was started.
    """
    if here.settings.automations:
        overdue = [each for each in ready if now - each.since >= PATIENCE]
        off = await switched_off(client, [automation_name(each.project, each.stage) for each in overdue])
        ready = [each for each in overdue if automation_name(each.project, each.stage) not in off]
    gate, bucket = asyncio.Semaphore(AT_ONCE), str(int(now.timestamp()) // 300)

    async def start(each: Ready) -> list[str]:
        async with gate:
            try:
                await start_automatic(client, each.project, each.stage, each.freight.name, bucket)
            except (DrayageError, httpx.HTTPError) as error:
                get_run_logger().error("cannot start %s ← %s: %s", each.stage, each.freight.alias, error)
                return []
        return [f"started {each.stage} ← {each.freight.alias}"]

    return [sentence for done in await asyncio.gather(*map(start, ready)) for sentence in done]


async def switched_off(client: PrefectClient, names: Sequence[str]) -> set[str]:
    """Which automations a person switched off; off means off for the sweep too."""
    off: set[str] = set()
    for start in range(0, len(names), PAGE):
        wanted = AutomationFilter(name=AutomationFilterName(any_=list(names[start : start + PAGE])))
        # A name may have doubles until the Stage is applied again.
        for offset in range(0, MOST_DOUBLES * PAGE, PAGE):
            found = await client.read_automations(automations=wanted, limit=PAGE, offset=offset)
            off |= {each.name for each in found if not each.enabled}
            if len(found) < PAGE:
                break
    return off
