"""Going back by itself: what a Stage's policy says after a failure, made into a Promotion."""

import logging
from datetime import datetime

from blocks.errors import Refused
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import CONTROLLER, AuditEvent, Phase, PromotionRecord
from flows.promotion.admission import Declined, Wish, admit
from flows.stage.history import read_history
from flows.stage.model import AutoRollback
from flows.stage.pipeline import Pipeline
from flows.stage.rollback import GoBack, Remain, automatic, overtaken

log = logging.getLogger("drayage")


def wanted(pipeline: Pipeline, stage: str) -> AutoRollback | None:
    """When a Stage goes back by itself; never when it is gone, or takes nothing."""
    known = pipeline.stages.get(stage)
    return pipeline.rollback(stage) if known and not known.control_flow else None


async def make_rollback(
    ledger: Ledger, pipeline: Pipeline, stage: str, now: datetime, ulid: str
) -> tuple[PromotionRecord, str] | None:
    """Make the rollback that a Stage wants now, or find the one that was made and not started, and say why.

    None when it wants none, and when what it is about is somebody else's by now.
    """
    policy = wanted(pipeline, stage)
    if policy is None:
        return None
    back = automatic(await read_history(ledger, pipeline.project, stage), policy, now)
    if not isinstance(back, GoBack):
        await _tell_staying(ledger, pipeline.project, stage, back, now)
        return None
    wish = Wish(
        pipeline.project, stage, CONTROLLER, back.freight, reason=back.why, automatic=True, rollback=back.undoes
    )
    try:
        record = await admit(ledger, wish, now, ulid)
    except Refused as error:
        log.warning("%s/%s does not go back although %s: %s", pipeline.project, stage, back.why, error)
        return None
    return None if isinstance(record, Declined) else (record, back.why)


async def _tell_staying(ledger: Ledger, project: str, stage: str, back: Remain, now: datetime) -> None:
    """Write down, once, that a failure is not taken back although the Stage's policy names it."""
    if back.answers:
        data = {"stage": stage, "undoes": back.answers, "reason": back.sentence}
        message = f"Stage {stage!r} does not go back by itself: {back.sentence}"
        event = AuditEvent(project, "RollbackSkipped", f"Stage/{stage}", CONTROLLER, message, now, data)
        await ledger.audit.record_news(event)


async def abort_overtaken(ledger: Ledger, record: PromotionRecord, now: datetime) -> PromotionRecord:
    """Abort a rollback that was made by itself, when the Stage was mended before it could begin; else return it."""
    if not record.rollback or record.phase is not Phase.PENDING:
        return record
    sentence = overtaken(record, await read_history(ledger, record.project, record.stage))
    if not sentence:
        return record
    return await ledger.promotions.abort(record.project, record.name, CONTROLLER, sentence, now)
