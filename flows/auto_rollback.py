"""Automatic rollback: a Stage whose policy says so goes back to the Freight that was verified there last.

It is looked for right after a failure, and by each sweep, which finds what was killed in between. The ledger takes at
most one such Promotion for each failure, so that it does no harm when both come to it.
"""

import logging
from collections import defaultdict
from datetime import UTC, datetime

from prefect.client.orchestration import PrefectClient, get_client
from ulid import ULID

from blocks.errors import DrayageError, Refused
from blocks.ledger.records import CONTROLLER, Phase, PromotionRecord
from flows.promotion.admission import Declined, Wish, admit
from flows.publish import tell
from flows.stage.history import read_history
from flows.stage.model import AutoRollback
from flows.stage.pipeline import Pipeline, read_pipeline, read_pipelines
from flows.stage.rollback import LATEST, GoBack, automatic, overtaken
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
        if _wanted(pipeline, stage):
            async with get_client() as client:
                for sentence in await _roll_back(here, client, pipeline, stage):
                    log.info("%s", sentence)
    except Exception as error:
        log.warning("cannot roll back %s/%s, the sweep will: %s", project, stage, error)


async def give_up_overtaken(here: World, record: PromotionRecord, now: datetime) -> PromotionRecord:
    """Abort a rollback that was made by itself, when the Stage was mended before it could begin."""
    if not record.rollback or record.phase is not Phase.PENDING:
        return record
    sentence = overtaken(record, await read_history(here.ledger, record.project, record.stage))
    if not sentence:
        return record
    aborted = await here.ledger.promotions.abort(record.project, record.name, CONTROLLER, sentence, now)
    await tell(aborted, "promotion.aborted")
    return aborted


def _wanted(pipeline: Pipeline, stage: str) -> AutoRollback | None:
    """When a Stage goes back by itself; never when it is gone, or takes nothing."""
    known = pipeline.stages.get(stage)
    return pipeline.rollback(stage) if known and not known.control_flow else None


async def _roll_back(here: World, client: PrefectClient, pipeline: Pipeline, stage: str) -> list[str]:
    """Make the rollback that a Stage wants, and start its run."""
    wanted = _wanted(pipeline, stage)
    if wanted is None:
        return []
    now = datetime.now(UTC)
    verdict = automatic(await read_history(here.ledger, pipeline.project, stage), wanted, now)
    if not isinstance(verdict, GoBack):
        return []
    record = await _make(here, pipeline.project, stage, verdict, now)
    if record is None:
        return []
    run = await start_promotion(client, record)
    await here.ledger.promotions.attach_run(record.project, record.name, str(run.id))
    await tell(record, "promotion.created")
    return [f"{stage} goes back: {verdict.why}"]


async def _make(here: World, project: str, stage: str, back: GoBack, now: datetime) -> PromotionRecord | None:
    """Make the Promotion, or find the one that was made and not started; None when it is somebody else's by now."""
    wish = Wish(project, stage, CONTROLLER, back.freight, reason=back.why, automatic=True, rollback=back.undoes)
    try:
        record = await admit(here.ledger, wish, now, str(ULID()))
    except Refused as error:
        log.warning("%s/%s does not go back although %s: %s", project, stage, back.why, error)
        return None
    return None if isinstance(record, Declined) else record
