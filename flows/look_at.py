"""Looking at one Warehouse within a run of `discover`: claim it, discover, record, tell. Its troubles stay its own."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from prefect.logging import get_run_logger

from blocks.budget import asking_for
from blocks.errors import DrayageError
from blocks.ledger.records import Definition, FreightRecord, WarehouseStatus
from flows.announce import freight_created
from flows.freight.alias import suggest
from flows.freight.describe import one_line
from flows.lease import Renew, held
from flows.publish import try_post
from flows.warehouse.asking import Sources
from flows.warehouse.budgets import asking
from flows.warehouse.discovery import Found, Seen, discover_warehouse, record_found
from flows.warehouse.occasion import Occasion, occasion
from flows.warehouse.remedy import internal_error, traced
from flows.world import World

TURN = timedelta(minutes=5)
"""How long somebody who asks for a look waits for another's look at the Warehouse to end."""

POLL, LONGEST_POLL = 0.25, 2.0

ROUNDS = 3
"""Looks in a row at one Warehouse that was asked for, or changed, while it was being looked at."""


@dataclass(frozen=True)
class Looking:
    """One run's way of looking.

    `asked_at` is set when it was asked for all of one Warehouse, due or not. `patient`: somebody waits for the
    looks, so they are had even if another run has to end its own first.
    """

    here: World
    owner: str
    asked_at: datetime | None = None
    patient: bool = False

    def occasion(self, definition: Definition, status: WarehouseStatus, now: datetime) -> Occasion | None:
        """Why to look still: somebody else may have looked since."""
        asked_at, minimum = self.asked_at, timedelta(seconds=self.here.settings.minimum_interval_seconds)
        asked = asked_at is not None and (status.discovered_at is None or status.discovered_at < asked_at)
        return occasion(definition, status, now, minimum, asked=asked)


@dataclass(frozen=True)
class Look:
    """What came of looking at one Warehouse; `problem` is empty when it is well."""

    where: str
    fresh: tuple[FreightRecord, ...] = ()
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
    """Look until there is no more occasion: a hint, or a change, that comes meanwhile need not wait for a next run."""
    look = None
    async with _claimed(looking, definition) as mine:
        for _ in range(ROUNDS if mine else 0):
            now = datetime.now(UTC)
            seen = await _reread(looking.here, definition)
            why = looking.occasion(*seen, now) if seen else None
            if seen is None or why is None:
                break
            with asking_for(where) as asked:
                found = await discover_warehouse(*seen, sources_of(looking.here, definition.project), now, why)
            found = replace(found, status=asking(found.status, seen[1], asked))
            if not await _still(looking.here, seen[0]):
                continue
            fresh = await record_found(looking.here.ledger, found, suggest(random.SystemRandom()), now)
            look = Look(where, (*(look.fresh if look else ()), *filter(None, [fresh])), _problem(where, found))
            await _tell(where, fresh, now)
    return look


def sources_of(here: World, project: str) -> Sources:
    """The ways outside for what a project's Warehouses watch."""
    return Sources(
        registry=here.registry,
        git=here.git,
        cache=here.ledger.cache,
        credentials=here.credentials(project),
        charts=here.charts,
        web=here.web,
        index=here.ledger.index,
        confirm_after=timedelta(seconds=here.settings.confirm_tags_seconds),
    )


async def _still(here: World, definition: Definition) -> bool:
    """Whether the Warehouse is what we looked at: if not, what we found is nobody's."""
    current = await here.ledger.definitions.get("Warehouse", definition.project, definition.name)
    return current is not None and current.generation == definition.generation


async def _tell(where: str, fresh: FreightRecord | None, now: datetime) -> None:
    if fresh:
        get_run_logger().info("%s: new Freight %s (%s)", where, fresh.alias, one_line(fresh.content))
        await try_post([freight_created(fresh, now)])


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
    """Claim at once, or, when somebody waits for it, as soon as it is free."""
    began, pause = datetime.now(UTC), POLL
    while not await claim(datetime.now(UTC) + lease):
        if not looking.patient or datetime.now(UTC) - began > TURN:
            return False
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_POLL)
    return True


async def _reread(here: World, definition: Definition) -> Seen | None:
    """Read what the Warehouse is now: it may have been changed, deleted or looked at while we waited."""
    current = await here.ledger.definitions.get("Warehouse", definition.project, definition.name)
    return (current, await here.ledger.warehouses.status(current.project, current.name)) if current else None


def _problem(where: str, found: Found) -> str:
    if found.fault:
        _log_fault(where, found.fault)
    return found.problem


def _log_fault(where: str, fault: Exception) -> None:
    get_run_logger().warning("%s: a fault of Drayage itself, without its message:\n%s", where, traced(fault))
