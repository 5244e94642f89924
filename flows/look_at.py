"""Looking at one Warehouse within a run of `discover`: claim it, discover, record, tell. Its troubles stay its own."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.logging import get_run_logger

from blocks.errors import DrayageError
from blocks.ledger.records import Definition, FreightRecord, WarehouseStatus
from flows.announce import event
from flows.freight.alias import suggest
from flows.freight.describe import one_line
from flows.lease import Renew, held
from flows.publish import try_post
from flows.warehouse.asking import Sources
from flows.warehouse.conditions import healthy
from flows.warehouse.discovery import Found, Seen, discover_warehouse, due, record_found
from flows.warehouse.remedy import internal_error, traced
from flows.world import World

TURN = timedelta(minutes=5)
"""How long somebody who asks for one Warehouse waits for another's look at it to end."""

POLL = 0.25


@dataclass(frozen=True)
class Looking:
    """One run's way of looking. `asked_at` is set when it was asked for one Warehouse, due or not."""

    here: World
    owner: str
    asked_at: datetime | None = None

    def wants(self, definition: Definition, status: WarehouseStatus, now: datetime) -> bool:
        """Whether to look still: somebody else may have looked since."""
        if self.asked_at and (status.discovered_at is None or status.discovered_at < self.asked_at):
            return True
        return due(definition, status, now)


@dataclass(frozen=True)
class Look:
    """What came of looking at one Warehouse; `problem` is empty when it is well."""

    where: str
    fresh: FreightRecord | None = None
    problem: str = ""


async def look_at(looking: Looking, definition: Definition) -> Look | None:
    """Look at a Warehouse and tell of new Freight. None when another run looks at it, or just did."""
    where = f"{definition.project}/{definition.name}"
    try:
        look = await _look(looking, definition, where)
    except DrayageError as error:
        look = Look(where, problem=str(error))
    except Exception as error:
        _log_fault(where, error)
        look = Look(where, problem=internal_error(error))
    if look and look.problem:
        get_run_logger().warning("%s: %s", where, look.problem)
    return look


async def _look(looking: Looking, definition: Definition, where: str) -> Look | None:
    here = looking.here
    async with _claimed(looking, definition) as mine:
        now = datetime.now(UTC)
        seen = await _reread(here, definition) if mine else None
        if seen is None or not looking.wants(*seen, now):
            return None
        credentials = here.credentials(definition.project)
        sources = Sources(here.registry, here.git, here.ledger.cache, credentials, here.charts)
        found = await discover_warehouse(*seen, sources, now)
        fresh = await record_found(here.ledger, found, suggest(random.SystemRandom()), now)
    if fresh:
        get_run_logger().info("%s: new Freight %s (%s)", where, fresh.alias, one_line(fresh.content))
        await try_post([_created(fresh, now)])
    return Look(where, fresh, _problem(where, found))


@asynccontextmanager
async def _claimed(looking: Looking, definition: Definition) -> AsyncIterator[bool]:
    """Keep the Warehouse to this run; yields False when another has it. A killed run's claim lapses by itself."""
    warehouses, seconds = looking.here.ledger.warehouses, looking.here.settings.lease_seconds

    async def claim(until: datetime) -> bool:
        return await warehouses.claim(definition.project, definition.name, looking.owner, until, datetime.now(UTC))

    if not await _turn(looking, claim, timedelta(seconds=seconds)):
        yield False
        return
    try:
        async with held(claim, seconds):
            yield True
    finally:
        await warehouses.release(definition.project, definition.name, looking.owner)


async def _turn(looking: Looking, claim: Renew, lease: timedelta) -> bool:
    """Claim at once, or, when the Warehouse was asked for by name, as soon as it is free."""
    while not await claim(datetime.now(UTC) + lease):
        if looking.asked_at is None or datetime.now(UTC) - looking.asked_at > TURN:
            return False
        await asyncio.sleep(POLL)
    return True


async def _reread(here: World, definition: Definition) -> Seen | None:
    """Read what the Warehouse is now: it may have been changed, deleted or looked at while we waited."""
    current = await here.ledger.definitions.get("Warehouse", definition.project, definition.name)
    return (current, await here.ledger.warehouses.status(current.project, current.name)) if current else None


def _problem(where: str, found: Found) -> str:
    if found.fault:
        _log_fault(where, found.fault)
    return "" if healthy(found.status) else str(found.status.conditions[0]["message"])


def _log_fault(where: str, fault: Exception) -> None:
    get_run_logger().warning("%s: a fault of Drayage itself, without its message:\n%s", where, traced(fault))


def _created(freight: FreightRecord, now: datetime) -> dict[str, Any]:
    payload = {"freight": freight.name, "alias": freight.alias, "versions": one_line(freight.content)}
    resource = f"drayage.freight.{freight.project}.{freight.name}"
    key = f"{freight.project}/{freight.name}"
    return event("freight.created", resource, payload, key=key, project=freight.project, at=now)
