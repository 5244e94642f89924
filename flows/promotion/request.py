"""Promotion requests: which targets come next, and what the whole has come to (Kargo: PromotionRequest)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from blocks.ledger.promotion_requests import TargetPromotion
from blocks.ledger.records import Phase, PromotionRecord
from flows.stage.model import TargetLimits

NAMED = 5
"""Failed targets that a message names."""


@dataclass(frozen=True)
class Begin:
    """These targets may begin."""

    targets: tuple[str, ...]


@dataclass(frozen=True)
class Wait:
    """Promotions of targets are under way, by name."""

    names: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class End:
    """Nothing is under way any more, and nothing may begin."""

    phase: Phase
    sentence: str


def next_move(record: PromotionRecord, known: Sequence[TargetPromotion], limits: TargetLimits) -> Begin | Wait | End:
    """Decide what a running request does next: targets in order, a few at once, none any more after some failures.

    A retry of the request is a new round: failures of earlier ones are forgotten, successes are kept.
    """
    counted = {each.target: each for each in known if _counts(record, each)}
    failed = [each for each in counted.values() if _failed(each)]
    under_way = tuple(each.name for each in counted.values() if not each.phase.terminal)
    left = [each["name"] for each in record.targets or [] if each["name"] not in counted]
    free = limits.max_concurrent - len(under_way)
    if left and free > 0 and len(failed) < limits.max_failures:
        return Begin(tuple(left[:free]))
    if under_way:
        return Wait(under_way, _progress(record, known))
    return _end(record, failed, left, limits)


def summary(record: PromotionRecord, known: Sequence[TargetPromotion]) -> dict[str, int]:
    """Count a request's targets: `total`, and by the phase they are in, Pending where none began yet."""
    phases = {each.target: each.phase for each in known}
    counts = Counter(phases.get(each["name"], Phase.PENDING) for each in record.targets or [])
    return {"total": counts.total()} | {phase.lower(): counts[phase] for phase in Phase}


def _counts(record: PromotionRecord, each: TargetPromotion) -> bool:
    return not _failed(each) or each.retries >= record.retries


def _failed(each: TargetPromotion) -> bool:
    return each.phase.terminal and each.phase is not Phase.SUCCEEDED


def _progress(record: PromotionRecord, known: Sequence[TargetPromotion]) -> str:
    counts = summary(record, known)
    said = [f"{counts[phase.lower()]} {phase.lower()}" for phase in Phase if counts[phase.lower()]]
    return f"of {counts['total']} targets {', '.join(said)}"


def _end(record: PromotionRecord, failed: Sequence[TargetPromotion], left: Sequence[str], limits: TargetLimits) -> End:
    """A request succeeds when every target did; else it is the worst that happened to one of them."""
    total = len(record.targets or [])
    if not failed:
        return End(Phase.SUCCEEDED, f"all of {total} targets took it" if total else "the Stage selects no target")
    phase = Phase.ERRORED if any(each.phase is Phase.ERRORED for each in failed) else Phase.FAILED
    named = "; ".join(f"{each.target} {each.phase}: {each.message}".rstrip(": ") for each in failed[:NAMED])
    more = f"; and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    spared = f"; {len(left)} not begun, because maxFailures is {limits.max_failures}" if left else ""
    return End(phase, f"{len(failed)} of {total} targets did not take it ({named}{more}){spared}")
