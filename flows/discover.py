"""Discover: look at every Warehouse that is due, all at once, and turn what is new into Freight."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.runtime import flow_run

from blocks.errors import NotFound
from blocks.ledger.records import Definition
from flows.advance import announce_ready
from flows.announcer import Announcer
from flows.current_run import current_run, ended
from flows.look_at import Look, Looking, look_at
from flows.stop import stoppable
from flows.warehouse.conditions import troubled
from flows.warehouse.discovery import Seen, due, unseen
from flows.world import World, world

AT_ONCE = 50
"""Warehouses that are looked at concurrently in one run."""

NAMED = 20
"""Warehouses and Freight that the state of a run names."""


def _run_name() -> str:
    given = flow_run.parameters or {}
    place = "/".join(part for part in (given.get("project"), given.get("warehouse")) if part)
    return f"discover {place or 'what is due'}"


@flow(name="discover", flow_run_name=_run_name)
@stoppable
async def discover(project: str = "", warehouse: str = "") -> Any:
    """Discover what is due, or one Warehouse at once. Returns the aliases of new Freight.

    Args:
        project: Only this project; empty for all.
        warehouse: Only this Warehouse, due or not; empty for all that are due.
    """
    here, asked_at = await world(), datetime.now(UTC)
    wanted = await _wanted(here, project, warehouse, asked_at)
    looking = Looking(here, current_run().owner, asked_at if warehouse else None)
    announcer = Announcer(lambda name: announce_ready(here.ledger, name))
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(definition: Definition) -> Look | None:
        async with gate:
            look = await look_at(looking, definition)
        if look and look.fresh:
            await announcer.announce(definition.project)
        return look

    looks = [look for look in await asyncio.gather(*map(one, wanted)) if look]
    return ended("Discovered", summary(looks), [look.fresh.alias for look in looks if look.fresh])


async def _wanted(here: World, project: str, warehouse: str, now: datetime) -> list[Definition]:
    """Find the Warehouses to look at, those in trouble last. Raises NotFound when one is named that does not exist."""
    definitions = await here.ledger.definitions.list("Warehouse", project or None)
    statuses = await here.ledger.warehouses.statuses(project or None)
    known: list[Seen] = [(each, statuses.get((each.project, each.name), unseen(each))) for each in definitions]
    chosen = [(each, status) for each, status in known if (each.name == warehouse or not warehouse)]
    if warehouse and not chosen:
        names = ", ".join(sorted(each.name for each in definitions)) or "none"
        raise NotFound(f"project {project!r} has no Warehouse {warehouse!r}; it has: {names}")
    return [
        each
        for each, status in sorted(chosen, key=lambda seen: troubled(seen[1]))
        if warehouse or due(each, status, now)
    ]


def summary(looks: list[Look]) -> str:
    """Say how many Warehouses were looked at, what new Freight there is, and which Warehouses are not well."""
    fresh = [look.fresh.alias for look in looks if look.fresh]
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
