"""Automatic rollback: a Stage whose policy says so goes back to the Freight that was verified there last.

It is looked for right after a failure, and by each sweep, which finds what was killed in between. The ledger takes at
most one such Promotion for each failure, so that it does no harm when both come to it.
"""

import logging
from collections import defaultdict
from datetime import UTC, datetime

from prefect.client.orchestration import PrefectClient, get_client
from ulid import ULID

from blocks.errors import DrayageError
from blocks.ledger.records import PromotionRecord
from flows.promotion.going_back import abort_overtaken, make_rollback, wanted
from flows.publish import tell
from flows.stage.pipeline import Pipeline, read_pipeline, read_pipelines
from flows.stage.rollback import LATEST
from flows.start import start_promotion
from flows.world import World

log = logging.getLogger("drayage")


async def roll_back_failing(here: World, client: PrefectClient, now: datetime) -> list[str]:
    """Look wherever something failed lately. Returns a sentence for each rollback; one outage hinders no other."""
    failing: defaultdict[str, list[str]] = defaultdict(list)
    for project, stage in await here.ledger.rollbacks.failing(now - LATEST):
        failing[project].append(stage)
    done: list[str] = []
    pipelines = await read_pipelines(here.ledger, failing)
    for project, stages in failing.items():
        for stage in stages:
            try:
                done += await _roll_back(here, client, pipelines[project], stage)
            except DrayageError as error:
                log.warning("cannot roll back %s/%s, the next sweep tries again: %s", project, stage, error)
    return done


async def roll_back_if_wanted(here: World, project: str, stage: str) -> None:
    """Look in one Stage, right after something failed there. What goes wrong is logged; the sweep tries again."""
    try:
        pipeline = await read_pipeline(here.ledger, project)
        if wanted(pipeline, stage):
            async with get_client() as client:
                for sentence in await _roll_back(here, client, pipeline, stage):
                    log.info("%s", sentence)
    except Exception as error:
        log.warning("cannot roll back %s/%s, the sweep will: %s", project, stage, error)


async def give_up_overtaken(here: World, record: PromotionRecord, now: datetime) -> PromotionRecord:
    """Abort a rollback that was made by itself, when the Stage was mended before it could begin."""
    found = await abort_overtaken(here.ledger, record, now)
    if found is not record:
        await tell(found, "promotion.aborted")
    return found


async def _roll_back(here: World, client: PrefectClient, pipeline: Pipeline, stage: str) -> list[str]:
    """Make the rollback that a Stage wants, and start its run."""
    made = await make_rollback(here.ledger, pipeline, stage, datetime.now(UTC), str(ULID()))
    if made is None:
        return []
    record, why = made
    run = await start_promotion(client, record)
    await here.ledger.promotions.attach_run(record.project, record.name, str(run.id))
    await tell(record, "promotion.created")
    return [f"{stage} goes back: {why}"]
