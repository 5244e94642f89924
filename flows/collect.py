"""Collect: take away old Freight and Promotions that nobody needs any more (Kargo: garbage collection)."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.logging import get_run_logger

from flows.current_run import current_run, ended
from flows.freight.collector import Collecting, collect_old
from flows.freight.retention import Goes, Limits
from flows.lease import held
from flows.stop import stoppable
from flows.warehouse.image_repository import index_names
from flows.world import World, world


@flow(name="collect", flow_run_name="collect")
@stoppable
async def collect(project: str = "") -> Any:
    """Take away what is old and needed by nobody. Returns how many Freight and Promotions went.

    Args:
        project: Only this project; empty for all.
    """
    here, owner = await world(), current_run().owner
    seconds = here.settings.lease_seconds

    async def claim(until: datetime) -> bool:
        return await here.ledger.leases.take("collect", owner, until, datetime.now(UTC))

    if not await claim(datetime.now(UTC) + timedelta(seconds=seconds)):
        return ended("Skipped", "another run collects")
    try:
        async with held(claim, seconds):
            gone = await _collect(here, project)
            await _forget_unwatched(here)
            await here.ledger.verifications.forget_measurements(datetime.now(UTC))
    finally:
        await here.ledger.leases.drop("collect", owner)
    return ended("Collected", f"{gone['Freight']} Freight and {gone['Promotion']} Promotions are gone", dict(gone))


async def _collect(here: World, project: str) -> Counter[str]:
    gone: Counter[str] = Counter()
    async for each in collect_old(collecting(here), project):
        if isinstance(each.fate, Goes):
            gone[each.kind] += 1
            get_run_logger().debug("%s %s/%s: %s", each.kind, each.project, each.place, each.fate.sentence)
    return gone


async def _forget_unwatched(here: World) -> None:
    """Let the index of registries go where no Warehouse looks any more."""
    watched = [name for each in await here.ledger.definitions.list("Warehouse") for name in index_names(each.spec)]
    before = datetime.now(UTC) - timedelta(hours=here.settings.retain_hours)
    await here.ledger.index.forget_others(watched, before)


def collecting(here: World, *, dry_run: bool = False) -> Collecting:
    """Set a collection up as the settings say, from now."""
    age, settings = timedelta(hours=here.settings.retain_hours), here.settings
    freight, promotions = Limits(settings.retain_freight, age), Limits(settings.retain_promotions, age)
    return Collecting(here.ledger, freight, promotions, datetime.now(UTC), dry_run)
