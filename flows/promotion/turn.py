"""Whose turn it is: a Promotion takes its Stage when every gate is open, or hears what it waits for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from blocks.ledger.ledger import Ledger
from blocks.ledger.promotion_claims import Busy, Outdated, Started
from blocks.ledger.records import Phase, PromotionRecord
from flows.promotion.admission import entering_of
from flows.promotion.decided import of_promotion
from flows.promotion.gates import QUEUE, TURN, Gate, before_turn, refusal
from flows.stage.outlook import Outlook, read_outlook
from flows.stage.stops import WINDOW

AGAIN_SECONDS = 2.0
"""After this long a run that found its Stage busy asks again. The work queue's limit makes that rare."""

AGAIN_LATER_SECONDS = 30.0
"""The same when the promotion that has the Stage waits for something that takes long, away from its worker."""

STOPPED_SECONDS = 600.0
"""The same at most when the Stage is stopped by a window or a freeze; the sweep wakes it when that ends sooner."""


@dataclass(frozen=True)
class NotYet:
    """Why it is not this promotion's turn, in sentences, and after how many seconds to ask again."""

    sentence: str
    seconds: float = AGAIN_SECONDS
    until: datetime | None = None
    state: str = "AwaitingStage"
    stopped: bool = False


Claimant = tuple[str, timedelta]
"""Who takes the Stage, and for how long before they must say that they are still there."""


async def ask_for_turn(
    ledger: Ledger, record: PromotionRecord, claimant: Claimant, now: datetime
) -> PromotionRecord | NotYet:
    """Take the Stage once, or say what is before it.

    Returns the record Running and the claimant's, or terminal when it may not begin, or go on, any more.
    """
    outlook = await read_outlook(ledger, record.project, also=[record.freight])
    verification = await ledger.verifications.latest(record.project, record.stage)
    entering = entering_of(outlook, record, verification)
    if record.phase is Phase.PENDING and (later := entering.superseding()):
        await ledger.promotions.supersede(record.project, record.stage, record.origin, later.name, now)
        return await ledger.promotions.get(record.project, record.name) or record
    gates = entering.gates(now)
    if record.phase is Phase.PENDING or refusal(gates):
        await ledger.gates.note([of_promotion(record, entering, gates)], now)
    if sentence := refusal(gates):
        sentence = f"{entering.freight.alias} may no longer enter: {sentence}"
        return await _give_up(ledger, record, claimant, sentence, now)
    if record.phase is Phase.PENDING and (waits := before_turn(gates)):
        return not_yet(waits, outlook.promotions.get(record.stage, []), now)
    return await _take(ledger, record, claimant, outlook, now)


async def _take(
    ledger: Ledger, record: PromotionRecord, claimant: Claimant, outlook: Outlook, now: datetime
) -> PromotionRecord | NotYet:
    """Take the Stage, unless another promotion was faster, or somebody froze it a moment ago."""
    owner, lease = claimant
    collection = {o: v.freight for o, v in outlook.currents.get(record.stage, {}).items()} | {
        record.origin: record.freight
    }
    answer = await ledger.promotions.start(
        record.project, record.name, owner, now + lease, collection, now, outlook.freezes
    )
    match answer:
        case Started():
            return answer.record
        case Busy():
            return NotYet(f"Promotion {answer.by} is running")
        case Outdated():
            return NotYet("a freeze began or ended at this moment, so the gates are asked again")
    return await ledger.promotions.get(record.project, record.name) or record


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


async def stand_in_line(ledger: Ledger, record: PromotionRecord, answer: NotYet) -> None:
    """Write down what the promotion waits for, for people to see and for the sweep to wake it."""
    until = answer.until.isoformat() if answer.until else ""
    waiting_for = {"message": answer.sentence, "until": until, "wake_when": {"kind": TURN, "stopped": answer.stopped}}
    await ledger.promotions.ask(record.project, record.name, waiting_for)


async def _give_up(
    ledger: Ledger, record: PromotionRecord, claimant: Claimant, sentence: str, now: datetime
) -> PromotionRecord:
    """End a Promotion whose Freight may not enter any more (Kargo: even when it has begun)."""
    owner, lease = claimant
    if record.phase is Phase.RUNNING:
        await ledger.promotions.start(record.project, record.name, owner, now + lease, record.collection, now)
    return await ledger.promotions.finish(record.project, record.name, owner, Phase.ERRORED, sentence, now)
