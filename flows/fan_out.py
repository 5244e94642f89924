"""Fan out: a request brings Freight to every target of its Stage, a few at once, each in a run of its own.

The request's own run only begins them, waits and adds up. What it knows is in the ledger, so it may be killed at any
moment: whoever goes on finds what was begun.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import httpx
from prefect.client.orchestration import get_client
from prefect.logging import get_run_logger

from blocks.ledger.promotion_requests import TargetPromotion
from blocks.ledger.records import Phase, PromotionRecord, StepRun
from flows.current_run import CurrentRun
from flows.promotion.engine import Away, Outcome
from flows.promotion.request import Begin, End, Wait, next_move
from flows.promotion.result import HEALTH_CHECKS
from flows.publish import tell
from flows.stage.model import TargetLimits
from flows.stage.pipeline import read_pipeline
from flows.stage.targets import limits_for
from flows.start import start_promotion
from flows.world import World

TARGETS = "targets"
"""The kind of what a request waits for: that of `open` Promotions one has ended."""

POLL = 1.0
STAY = 10.0
"""Seconds without a change after which the run leaves its worker; who ends wakes it."""


class AwayForTargets(Away):
    """The request waits for targets that take long."""

    def __init__(self, wait: Wait) -> None:
        """Keep for whom."""
        run = StepRun(0, TARGETS, TARGETS, message=wait.sentence)
        super().__init__(0.0, run, {"kind": TARGETS, "open": list(wait.names)}, None)
        self.message = wait.sentence


async def fan_out(here: World, record: PromotionRecord, run: CurrentRun) -> Outcome:
    """Begin and await the Promotions of a request's targets. The request must be Running and owned by this run.

    Raises Away when nothing ends for a while, Conflict when the request was taken over, or aborted.
    """
    patience = min(STAY, here.settings.leave_after_seconds) if run.deployed else math.inf
    limits = await read_limits(here, record)
    seen: list[TargetPromotion] = []
    since = time.monotonic()
    while True:
        known = await here.ledger.promotions.of_requests(record.project, [record.name])
        if known != seen:
            seen, since = known, time.monotonic()
        match next_move(record, known, limits):
            case Begin(targets):
                for target in targets:
                    await _begin(here, record, run, target)
            case End(phase, sentence):
                return await outcome_of(here, record, phase, sentence)
            case Wait() as wait:
                if time.monotonic() - since >= patience:
                    raise AwayForTargets(wait)
                await asyncio.sleep(POLL)


async def read_limits(here: World, record: PromotionRecord) -> TargetLimits:
    """How the request's Stage goes about its targets now."""
    pipeline = await read_pipeline(here.ledger, record.project)
    return limits_for(pipeline.stage_policies, record.stage, pipeline.stage(record.stage).labels)


async def _begin(here: World, record: PromotionRecord, run: CurrentRun, target: str) -> None:
    """Make the Promotion of a target and start its run. The sweep starts it when Prefect cannot be reached."""
    promotions, now = here.ledger.promotions, datetime.now(UTC)
    made = await promotions.begin_target(record.project, record.name, run.owner, target, now)
    get_run_logger().info("target %s begins: %s", target, made.name)
    with suppress(httpx.HTTPError):
        async with get_client() as client:
            started = await start_promotion(client, made)
        await promotions.attach_run(made.project, made.name, str(started.id))
    await tell(made, "promotion.created")


async def outcome_of(here: World, record: PromotionRecord, phase: Phase, sentence: str) -> Outcome:
    """What the request has come to; the Stage is as healthy as what all its targets registered."""
    checks = await here.ledger.promotions.targets_health_checks(record.project, record.name)
    return Outcome(phase, sentence, [StepRun(0, TARGETS, TARGETS, output={HEALTH_CHECKS: checks})])


async def ended_targets(here: World, requests: Sequence[PromotionRecord]) -> list[PromotionRecord]:
    """Those of waiting requests for which a target has come to an end since they left."""
    found = []
    for project in sorted({each.project for each in requests}):
        mine = [each for each in requests if each.project == project]
        known = await here.ledger.promotions.of_requests(project, [each.name for each in mine])
        left = {each.name for each in known if not each.phase.terminal}
        found += [each for each in mine if not left.issuperset(each.waiting_for["wake_when"].get("open") or [""])]
    return found
