"""Advance: who may go on, and telling so. The event starts the Stage's automation; the sweep repeats it.

One project or all of them: the ledger is asked the same few questions.
"""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import httpx
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.logging import get_run_logger

from blocks.ledger.ledger import Ledger
from blocks.ledger.passings import Passing
from blocks.ledger.records import FreightRecord
from flows.announce import event, post, stage_resource
from flows.openings import be_there, openings
from flows.promotion.decided import Verdict, of_verdicts
from flows.stage.candidate import Promote
from flows.stage.outlook import Outlook
from flows.stage.outlooks import Outlooks, read_outlooks
from flows.stop import stoppable
from flows.world import world

log = logging.getLogger("drayage")

ANNOUNCED = "announced"

MOST_NAMED = 20
"""Sentences about Stages that cannot be read that are logged at once."""


@dataclass(frozen=True)
class Ready:
    """Freight that a Stage would take by itself now."""

    project: str
    stage: str
    freight: FreightRecord
    why: str
    since: datetime


@flow(name="advance", flow_run_name="advance {project}")
@stoppable
async def advance(project: str) -> int:
    """Announce to every Stage of a project the Freight it may take. Returns how many were announced."""
    ready = await announce_ready((await world()).ledger, project)
    for each in ready:
        get_run_logger().info("%s may enter %s: %s", each.freight.alias, each.stage, each.why)
    return len(ready)


async def announce_ready(ledger: Ledger, project: str | None, stages: list[str] | None = None) -> list[Ready]:
    """Find what may enter by itself in one project or all, in the given Stages or all, and post an event for each.

    When Prefect does not take the events that is logged: what is announced is remembered, and the sweep acts on it.
    """
    now = datetime.now(UTC)
    outlooks = await all_passed_through(ledger, now, project)
    _name_unreadable(outlooks)
    decided = [(outlook, verdicts(outlook, now, stages)) for outlook in outlooks.values()]
    await ledger.gates.note([each for outlook, found in decided for each in of_verdicts(outlook, found)], now)
    ready = await _since(ledger, [each for outlook, found in decided for each in _ready(outlook, found, now)])
    if ready:
        await _announce(ready, now)
    await be_there(openings(outlooks, now))
    return ready


def _name_unreadable(outlooks: Outlooks) -> None:
    """Name the Stages that stand still because this version cannot read them; all others go on."""
    said = dict.fromkeys(each for outlook in outlooks.values() for each in outlook.pipeline.unreadable.values())
    for sentence in list(said)[:MOST_NAMED]:
        log.error("nothing is promoted by it: %s", sentence)


async def _announce(ready: list[Ready], now: datetime) -> None:
    try:
        async with get_client() as client:
            await post(client, [_available(each, now) for each in ready])
    except httpx.HTTPError as error:
        log.warning("cannot announce to %d Stages, the sweep will: %s", len(ready), type(error).__name__)


async def _since(ledger: Ledger, ready: list[Ready]) -> list[Ready]:
    """Remember when each was first announced, so that the sweep knows what nobody acted on."""
    if not ready:
        return []
    known = await ledger.cache.get(ANNOUNCED, [_key(each) for each in ready])
    fresh = {_key(each): each.since.isoformat() for each in ready if _key(each) not in known}
    await ledger.cache.put(ANNOUNCED, fresh)
    known |= fresh
    return [replace(each, since=datetime.fromisoformat(known[_key(each)])) for each in ready]


def _key(ready: Ready) -> str:
    return f"{ready.project}/{ready.stage}/{ready.freight.name}"


def verdicts(outlook: Outlook, now: datetime, stages: list[str] | None = None) -> list[Verdict]:
    """Decide for every Stage what enters by itself now."""
    return [
        (stage, verdict)
        for name, stage in outlook.pipeline.stages.items()
        if not stage.control_flow and (stages is None or name in stages)
        for verdict in outlook.auto_promotion(stage, now).verdicts
    ]


def find_ready(outlook: Outlook, now: datetime, stages: list[str] | None = None) -> list[Ready]:
    """Find what enters by itself now."""
    return _ready(outlook, verdicts(outlook, now, stages), now)


def _ready(outlook: Outlook, found: list[Verdict], now: datetime) -> list[Ready]:
    return [
        Ready(outlook.pipeline.project, stage.name, verdict.freight, verdict.why, now)
        for stage, verdict in found
        if isinstance(verdict, Promote)
    ]


async def passed_through(ledger: Ledger, project: str, now: datetime) -> Outlook:
    """Read a project, letting Freight through control-flow Stages until none moves any more."""
    return (await all_passed_through(ledger, now, project))[project]


async def all_passed_through(ledger: Ledger, now: datetime, project: str | None = None) -> Outlooks:
    """Read one project or all, letting Freight through control-flow Stages until none moves any more."""
    outlooks = await read_outlooks(ledger, now, project)
    for _ in range(max(map(_control_flow, outlooks.values()), default=0)):
        passing = [each for outlook in outlooks.values() for each in _passing(outlook, now)]
        if not passing:
            break
        await ledger.stages.pass_through(passing, now)
        outlooks = await read_outlooks(ledger, now, project)
    return outlooks


def _control_flow(outlook: Outlook) -> int:
    return sum(stage.control_flow for stage in outlook.pipeline.stages.values())


def _passing(outlook: Outlook, now: datetime) -> list[Passing]:
    """What the control-flow Stages let through now and have not yet."""
    return [
        Passing(each.project, stage.name, each.name, each.origin)
        for stage in outlook.pipeline.stages.values()
        if stage.control_flow
        for each in outlook.passable(stage, now)
    ]


def _available(ready: Ready, now: datetime) -> dict[str, object]:
    payload = {"freight": ready.freight.name, "alias": ready.freight.alias, "why": ready.why}
    resource = stage_resource(ready.project, ready.stage)
    # Told again after five minutes it counts anew: an automation delivers at most once.
    key = f"{_key(ready)}/{int(now.timestamp()) // 300}"
    return event("freight.available", resource, payload, key=key, project=ready.project, at=now)
