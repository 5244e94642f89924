"""The gate and the queue: a Promotion starts when its Freight may still enter and the Stage is free."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from blocks.ledger.promotion_claims import Busy, Started
from blocks.ledger.records import Phase, PromotionRecord
from flows.auto_rollback import give_up_overtaken
from flows.current_run import CurrentRun, come_back
from flows.promotion.admission import refused_entry
from flows.stage.outlook import read_outlook
from flows.world import World

AGAIN_SECONDS = 2.0
"""After this long a run that found its Stage busy asks again. The work queue's limit makes that rare."""

AGAIN_LATER_SECONDS = 30.0
"""The same when the promotion that has the Stage waits for something that takes long, away from its worker."""


@dataclass(frozen=True)
class NotYet:
    """Who has the Stage, in a sentence, and after how many seconds to ask again."""

    sentence: str
    seconds: float = AGAIN_SECONDS


async def wait_for_turn(here: World, record: PromotionRecord, run: CurrentRun) -> PromotionRecord:
    """Take the Stage for this run, or leave the worker and come back; a script's run waits where it is.

    Returns the record Running and owned by this run, or terminal when it may not start any more.
    """
    while isinstance(answer := await _ask_for_turn(here, record, run), NotYet):
        await come_back(run, answer.seconds, "AwaitingStage", answer.sentence)
    return answer


async def _ask_for_turn(here: World, record: PromotionRecord, run: CurrentRun) -> PromotionRecord | NotYet:
    """Take the Stage once, or say who has it."""
    now = datetime.now(UTC)
    if (record := await give_up_overtaken(here, record, now)).phase.terminal:
        return record
    outlook = await read_outlook(here.ledger, record.project, also=[record.freight])
    if sentence := refused_entry(outlook, record, now):
        return await _give_up(here, record, run, sentence)
    if record.phase is Phase.PENDING and (sentence := await _occupied(here, record)):
        return NotYet(sentence)
    lease = now + timedelta(seconds=here.settings.lease_seconds)
    collection = {o: v.freight for o, v in outlook.currents.get(record.stage, {}).items()} | {
        record.origin: record.freight
    }
    answer = await here.ledger.promotions.start(record.project, record.name, run.owner, lease, collection, now)
    match answer:
        case Started():
            return answer.record
        case Busy():
            return await _busy(here, record.project, answer.by)
    return await here.ledger.promotions.get(record.project, record.name) or record


async def _busy(here: World, project: str, by: str) -> NotYet:
    other = await here.ledger.promotions.get(project, by)
    if other and other.waiting_for:
        return NotYet(f"Promotion {by} waits: {other.waiting_for.get('message', '')}", AGAIN_LATER_SECONDS)
    return NotYet(f"Promotion {by} is running")


async def _occupied(here: World, record: PromotionRecord) -> str:
    """Say what keeps the Stage busy (Kargo: the next does not start while a verification is under way)."""
    verification = await here.ledger.verifications.latest(record.project, record.stage)
    if verification and not verification.phase.terminal:
        return f"verification {verification.id} of Stage {record.stage!r} is under way"
    return ""


async def _give_up(here: World, record: PromotionRecord, run: CurrentRun, sentence: str) -> PromotionRecord:
    """End a Promotion whose Freight may not enter any more (Kargo: even when it has begun)."""
    now = datetime.now(UTC)
    lease = now + timedelta(seconds=here.settings.lease_seconds)
    if record.phase is Phase.RUNNING:
        await here.ledger.promotions.start(record.project, record.name, run.owner, lease, record.collection, now)
    return await here.ledger.promotions.finish(record.project, record.name, run.owner, Phase.ERRORED, sentence, now)
