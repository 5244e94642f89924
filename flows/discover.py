"""Discover: look at every Warehouse that is due, all at once, and turn what is new into Freight."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from blocks.errors import NotFound
from blocks.ledger.records import Definition, FreightRecord, WarehouseStatus
from flows.advance import announce_ready
from flows.announce import event
from flows.current_run import current_run
from flows.freight.alias import suggest
from flows.freight.describe import one_line
from flows.publish import try_post
from flows.stop import stoppable
from flows.warehouse.discovery import Sources, discover_warehouse, due, healthy, record_found
from flows.world import World, world

AT_ONCE = 50
"""Warehouses that are looked at concurrently in one run."""

CLAIM = timedelta(minutes=5)
"""How long one run may keep a Warehouse to itself; a killed run's claim lapses then."""


def _run_name() -> str:
    given = flow_run.parameters or {}
    place = "/".join(part for part in (given.get("project"), given.get("warehouse")) if part)
    return f"discover {place or 'what is due'}"


@flow(name="discover", flow_run_name=_run_name)
@stoppable
async def discover(project: str = "", warehouse: str = "") -> list[str]:
    """Discover what is due, or one Warehouse at once. Returns the aliases of new Freight.

    Args:
        project: Only this project; empty for all.
        warehouse: Only this Warehouse, due or not; empty for all that are due.
    """
    here, owner = await world(), current_run().owner
    wanted = await _wanted(here, project, warehouse)
    gate = asyncio.Semaphore(AT_ONCE)
    fresh = await asyncio.gather(*(_discover(here, each, status, owner, gate) for each, status in wanted))
    for name in sorted({each.project for each, _ in wanted}):
        await announce_ready(here.ledger, name)
    return [each.alias for each in fresh if each]


async def _wanted(here: World, project: str, warehouse: str) -> list[tuple[Definition, WarehouseStatus]]:
    """Find the Warehouses to look at. Raises NotFound when one is named that does not exist."""
    definitions = await here.ledger.definitions.list("Warehouse", project or None)
    statuses = await here.ledger.warehouses.statuses(project or None)
    known = [(each, statuses.get((each.project, each.name), _unseen(each))) for each in definitions]
    if not warehouse:
        now = datetime.now(UTC)
        return [(each, status) for each, status in known if due(each, status, now)]
    named = [(each, status) for each, status in known if each.name == warehouse]
    if not named:
        names = ", ".join(sorted(each.name for each in definitions)) or "none"
        raise NotFound(f"project {project!r} has no Warehouse {warehouse!r}; it has: {names}")
    return named


def _unseen(definition: Definition) -> WarehouseStatus:
    return WarehouseStatus(definition.project, definition.name)


async def _discover(
    here: World, definition: Definition, status: WarehouseStatus, owner: str, gate: asyncio.Semaphore
) -> FreightRecord | None:
    project, name = definition.project, definition.name
    async with gate:
        now = datetime.now(UTC)
        if not await here.ledger.warehouses.claim(project, name, owner, now + CLAIM, now):
            return None
        try:
            sources = Sources(here.registry, here.git, here.ledger.cache, here.credentials(project))
            found = await discover_warehouse(definition, status, sources, now)
            fresh = await record_found(here.ledger, found, suggest(random.SystemRandom()), now)
        finally:
            await here.ledger.warehouses.release(project, name, owner)
    _log(definition, found.status, fresh)
    if fresh:
        await try_post([_created(fresh, now)])
    return fresh


def _log(definition: Definition, status: WarehouseStatus, fresh: FreightRecord | None) -> None:
    where = f"{definition.project}/{definition.name}"
    if not healthy(status):
        get_run_logger().warning("%s: %s", where, status.conditions[0]["message"])
    elif fresh:
        get_run_logger().info("%s: new Freight %s (%s)", where, fresh.alias, one_line(fresh.content))


def _created(freight: FreightRecord, now: datetime) -> dict[str, Any]:
    payload = {"freight": freight.name, "alias": freight.alias, "versions": one_line(freight.content)}
    resource = f"drayage.freight.{freight.project}.{freight.name}"
    key = f"{freight.project}/{freight.name}"
    return event("freight.created", resource, payload, key=key, project=freight.project, at=now)
