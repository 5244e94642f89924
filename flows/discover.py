"""Discover: look at every Warehouse that is due, all at once, and turn what is new into Freight."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from blocks.errors import NotFound
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Definition
from flows.advance import announce_ready
from flows.announcer import Announcer
from flows.current_run import current_run, ended
from flows.lanes import Lanes
from flows.look_at import Look, Looking, look_at
from flows.report_budgets import report_budgets
from flows.stop import stoppable
from flows.warehouse.conditions import troubled
from flows.warehouse.discovery import Seen, unseen
from flows.warehouse.occasion import occasion
from flows.warehouse.schedule import pending
from flows.world import World, world

AT_ONCE = 50
"""Warehouses that are looked at concurrently in one run, those that take long not counted."""

SLOW_AT_ONCE, PATIENCE = 200, 10.0
"""Looks that take longer than so many seconds make room for others, and how many may do so."""

NAMED = 20
"""Warehouses and Freight that the state of a run names."""


def _run_name() -> str:
    given = flow_run.parameters or {}
    place = "/".join(part for part in (given.get("project"), given.get("warehouse")) if part)
    return f"discover {place or ('what was asked for' if given.get('refresh') else 'what is due')}"


@flow(name="discover", flow_run_name=_run_name)
@stoppable
async def discover(project: str = "", warehouse: str = "", refresh: str = "") -> Any:
    """Discover what is due, or one Warehouse at once. Returns the aliases of new Freight.

    Args:
        project: Only this project; empty for all.
        warehouse: Only this Warehouse, and all of it, due or not; empty for all that are due.
        refresh: The token of a refresh: only what people and webhooks asked for is looked at.
    """
    here, now = await world(), datetime.now(UTC)
    wanted = await _wanted(here, project, warehouse, refresh, now)
    asked_at = now if warehouse and not refresh else None
    looking = Looking(here, current_run().owner, asked_at, patient=bool(warehouse or refresh))
    announcer = Announcer(lambda name: announce_ready(here.ledger, name))
    lanes = Lanes(AT_ONCE, SLOW_AT_ONCE, PATIENCE)

    async def one(definition: Definition) -> Look | None:
        async with lanes.turn():
            look = await look_at(looking, definition)
        if look and look.fresh:
            await announcer.announce(definition.project)
        return look

    looks = [look for look in await asyncio.gather(*map(one, wanted)) if look]
    await report_budgets(here)
    return ended("Discovered", summary(looks), [fresh.alias for look in looks for fresh in look.fresh])


async def _wanted(here: World, project: str, warehouse: str, refresh: str, now: datetime) -> list[Definition]:
    """Find the Warehouses to look at. Raises NotFound when one is named that does not exist."""
    known = await (_one(here, project, warehouse) if warehouse else _all(here, project))
    if refresh:
        return [each for each, status in known if pending(status)]
    if warehouse:
        return [each for each, _ in known]
    minimum = timedelta(seconds=here.settings.minimum_interval_seconds)
    return [each for each, status in sorted(known, key=_order) if occasion(each, status, now, minimum)]


def _order(seen: Seen) -> tuple[bool, bool]:
    """What was asked for comes first, what was in trouble last time comes last."""
    _, status = seen
    return not pending(status), troubled(status)


async def _one(here: World, project: str, warehouse: str) -> list[Seen]:
    found = await here.ledger.definitions.get("Warehouse", project, warehouse)
    if found is None:
        raise await no_warehouse(here.ledger, project, warehouse)
    return [(found, await here.ledger.warehouses.status(project, warehouse))]


async def _all(here: World, project: str) -> list[Seen]:
    definitions = await here.ledger.definitions.list("Warehouse", project or None)
    statuses = await here.ledger.warehouses.statuses(project or None, discovered=False)
    return [(each, statuses.get((each.project, each.name), unseen(each))) for each in definitions]


async def no_warehouse(ledger: Ledger, project: str, warehouse: str) -> NotFound:
    """Say that there is no such Warehouse, and which there are."""
    known = await ledger.definitions.list("Warehouse", project)
    names = ", ".join(each.name for each in known) or "none"
    return NotFound(f"project {project!r} has no Warehouse {warehouse!r}; it has: {names}")


def summary(looks: list[Look]) -> str:
    """Say how many Warehouses were looked at, what new Freight there is, and which Warehouses are not well."""
    fresh = [each.alias for look in looks for each in look.fresh]
    troubled = [look.where for look in looks if look.problem]
    parts = [
        f"looked at {len(looks)} Warehouse{'' if len(looks) == 1 else 's'}",
        f"{len(fresh)} new Freight{_named(fresh)}",
        f"{len(troubled)} unhealthy{_named(troubled)}",
    ]
    return ", ".join(parts)


def _named(names: list[str]) -> str:
    more = ["…"] if len(names) > NAMED else []
    return f" ({', '.join([*names[:NAMED], *more])})" if names else ""
