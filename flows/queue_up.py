"""The gate and the queue: a Promotion starts when its Freight may still enter and the Stage is free."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from blocks.ledger.promotion_claims import Busy, Started
from blocks.ledger.records import Phase, PromotionRecord
from flows.auto_rollback import give_up_overtaken
from flows.current_run import CurrentRun, come_back
from flows.promotion.admission import entering_of
from flows.promotion.decided import of_promotion
from flows.promotion.gates import QUEUE, TURN, Gate, before_turn, refusal
from flows.stage.outlook import Outlook, read_outlook
from flows.stage.stops import WINDOW
from flows.world import World

AGAIN_SECONDS = 2.0
"""After this long a run that found its Stage busy asks again. The work queue's limit makes that rare."""

AGAIN_LATER_SECONDS = 30.0
"""The same when the promotion that has the Stage waits for something that takes long, away from its worker."""

STOPPED_SECONDS = 600.0
"""The same at most when the Stage is stopped by a window or a freeze; the sweep wakes it when that ends sooner."""

IN_PLACE_SECONDS = 10.0
"""The same for a script's run, which nobody can wake."""


@dataclass(frozen=True)
class NotYet:
    """Why it is not this promotion's turn, in sentences, and after how many seconds to ask again."""

    sentence: str
    seconds: float = AGAIN_SECONDS
    until: datetime | None = None
    state: str = "AwaitingStage"
    stopped: bool = False


async def wait_for_turn(here: World, record: PromotionRecord, run: CurrentRun) -> PromotionRecord:
    """Take the Stage for this run, or leave the worker and come back; a script's run waits where it is.

    Returns the record Running and owned by this run, or terminal when it may not start any more.
    """
    told = ""
    while isinstance(answer := await _ask_for_turn(here, record, run), NotYet):
        if answer.sentence != told:
            told = await _stand_in_line(here, record, answer)
        seconds = answer.seconds if run.deployed else min(answer.seconds, IN_PLACE_SECONDS)
        await come_back(run, seconds, answer.state, answer.sentence)
    return answer


async def _ask_for_turn(here: World, record: PromotionRecord, run: CurrentRun) -> PromotionRecord | NotYet:
    """Take the Stage once, or say what is before it."""
    now = datetime.now(UTC)
    if (record := await give_up_overtaken(here, record, now)).phase.terminal:
        return record
    outlook = await read_outlook(here.ledger, record.project, also=[record.freight])
    verification = await here.ledger.verifications.latest(record.project, record.stage)
    entering = entering_of(outlook, record, verification)
    if record.phase is Phase.PENDING and (later := entering.superseding()):
        await here.ledger.promotions.supersede(record.project, record.stage, record.origin, later.name, now)
        return await here.ledger.promotions.get(record.project, record.name) or record
    gates = entering.gates(now)
    if record.phase is Phase.PENDING or refusal(gates):
        await here.ledger.gates.note([of_promotion(record, entering, gates)], now)
    if sentence := refusal(gates):
        sentence = f"{entering.freight.alias} may no longer enter: {sentence}"
        return await _give_up(here, record, run, sentence)
    if record.phase is Phase.PENDING and (waits := before_turn(gates)):
        return not_yet(waits, outlook.promotions.get(record.stage, []), now)
    return await _take(here, record, run, outlook, now)


async def _take(
    here: World, record: PromotionRecord, run: CurrentRun, outlook: Outlook, now: datetime
) -> PromotionRecord | NotYet:
    """Take the Stage, unless another promotion was faster."""
    lease = now + timedelta(seconds=here.settings.lease_seconds)
    collection = {o: v.freight for o, v in outlook.currents.get(record.stage, {}).items()} | {
        record.origin: record.freight
    }
    answer = await here.ledger.promotions.start(record.project, record.name, run.owner, lease, collection, now)
    match answer:
        case Started():
            return answer.record
        case Busy():
            return NotYet(f"Promotion {answer.by} is running")
    return await here.ledger.promotions.get(record.project, record.name) or record


def not_yet(waits: Sequence[Gate], promotions: Sequence[PromotionRecord], now: datetime) -> NotYet:
    """Say what a promotion waits for, and when to ask again: at the time a window opens, soon when one is at work."""
    sentence = "; ".join(gate.sentence for gate in waits)
    stopped = [gate for gate in waits if gate.name != QUEUE]
    if stopped:
        known = [gate.until for gate in stopped if gate.until]
        until = max(known) if len(known) == len(stopped) else None
        seconds = min(STOPPED_SECONDS, max(0.1, (until - now).total_seconds())) if until else STOPPED_SECONDS
        return NotYet(sentence, seconds, until, "AwaitingWindow" if stopped[0].name == WINDOW else "Frozen", True)
    away = any(each.phase is Phase.RUNNING and each.waiting_for for each in promotions)
    return NotYet(sentence, AGAIN_LATER_SECONDS if away else AGAIN_SECONDS)


async def _stand_in_line(here: World, record: PromotionRecord, answer: NotYet) -> str:
    """Write down what the promotion waits for, for people to see and for the sweep to wake it. Returns the sentence."""
    until = answer.until.isoformat() if answer.until else ""
    waiting_for = {"message": answer.sentence, "until": until, "wake_when": {"kind": TURN, "stopped": answer.stopped}}
    await here.ledger.promotions.ask(record.project, record.name, waiting_for)
    return answer.sentence


async def _give_up(here: World, record: PromotionRecord, run: CurrentRun, sentence: str) -> PromotionRecord:
    """End a Promotion whose Freight may not enter any more (Kargo: even when it has begun)."""
    now = datetime.now(UTC)
    lease = now + timedelta(seconds=here.settings.lease_seconds)
    if record.phase is Phase.RUNNING:
        await here.ledger.promotions.start(record.project, record.name, run.owner, lease, record.collection, now)
    return await here.ledger.promotions.finish(record.project, record.name, run.owner, Phase.ERRORED, sentence, now)
