"""Where a Stage goes back to: by itself after a failure (Kargo: autoRollback), or because a person asks for it.

Stable is, for each Warehouse, the Freight that was verified in the Stage last (Kargo: stableFreight).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from blocks.ledger.records import CONTROLLER, Phase, PromotionRecord, VerificationPhase, VerificationRecord
from blocks.ledger.rollbacks import Stay
from flows.stage.model import AutoRollback

LATEST = timedelta(minutes=20)
"""Failures older than this are past (Kargo)."""


@dataclass(frozen=True)
class History:
    """What rollbacks of one Stage are decided from: stays and Promotions, newest first, and the last verification.

    Promotions for single targets are not among them; the requests they are a part of are.
    """

    stage: str
    stays: Sequence[Stay]
    promotions: Sequence[PromotionRecord]
    verification: VerificationRecord | None = None

    def stable(self, origin: str) -> Stay | None:
        """The last stay of Freight of an origin in which it was verified."""
        return next((each for each in self.stays if each.origin == origin and each.verified), None)

    @property
    def current(self) -> list[Stay]:
        """What the Stage runs, what came last first."""
        return sorted((each for each in self.stays if each.current), key=lambda each: each.entered_at, reverse=True)

    @property
    def last(self) -> PromotionRecord | None:
        """The Promotion that ended last of those that had begun."""
        begun = [each for each in self.promotions if each.started_at and each.finished_at]
        return max(begun, key=lambda each: (each.finished_at, each.name), default=None)


@dataclass(frozen=True)
class GoBack:
    """Promote this Freight. `undoes` names the Promotion, or the failed verification, that it takes back."""

    origin: str
    freight: str
    undoes: str
    why: str


@dataclass(frozen=True)
class Remain:
    """Nothing goes back, and why. `answers` names the failure that would be taken back if a rule did not forbid it."""

    sentence: str
    answers: str = ""


Verdict = GoBack | Remain
Failed = PromotionRecord | VerificationRecord


def automatic(history: History, wanted: AutoRollback, now: datetime) -> Verdict:
    """Decide where a Stage goes back to by itself. Of two failures the later one counts first."""
    if busy := next((each for each in history.promotions if not each.phase.terminal), None):
        return Remain(f"Promotion {busy.name} of '{history.stage}' is {busy.phase}, and what it comes to counts first")
    verdicts = [_judge(history, failed, now) for failed in _failures(history, wanted)]
    back = next((each for each in verdicts if isinstance(each, GoBack)), None)
    return back or next(iter(verdicts), Remain(f"nothing failed last in '{history.stage}' that its policy names"))


def by_hand(history: History, origin: str = "") -> Verdict:
    """Decide where a person who names no Freight takes a Stage back to; `origin` narrows it to one Warehouse.

    After a Promotion that had begun and did not succeed that is what was verified last; after such a rollback, where
    that was to go. Else it is what was verified before what the Stage runs, of the Warehouse whose Freight came last.
    """
    last = history.last
    if last and last.phase is not Phase.SUCCEEDED and origin in ("", last.origin):
        why = f"Promotion {last.name} ended {last.phase}"
        if last.rollback:
            return GoBack(last.origin, last.freight, key(last), why)
        return _back(_verified(history.stays, last.origin, last.freight), last.origin, key(last), why)
    stay = next((each for each in history.current if origin in ("", each.origin)), None)
    if stay is None:
        of = f" from Warehouse '{origin}'" if origin else ""
        return Remain(f"'{history.stage}' runs no Freight{of}, so there is nothing to go back from")
    why = f"back from {stay.alias} in '{history.stage}'"
    return _back(_verified(_before(history, stay), stay.origin, stay.freight), stay.origin, stay.promotion, why)


def undone(history: History, origin: str) -> str:
    """Name what a person takes back who goes back to a Freight of their choice."""
    last = history.last
    if last and last.phase is not Phase.SUCCEEDED and last.origin == origin:
        return key(last)
    return next((each.promotion for each in history.current if each.origin == origin), history.stage)


def overtaken(record: PromotionRecord, history: History) -> str:
    """Say why a rollback that was made by itself is not wanted any more before it begins, empty when it is."""
    if not record.rollback or record.actor != CONTROLLER or record.phase is not Phase.PENDING:
        return ""
    for each in history.promotions:
        if each.phase is Phase.SUCCEEDED and each.finished_at and each.finished_at > record.created_at:
            return f"Promotion {each.name} has succeeded since the failure that this was to take back"
    good = history.verification
    if (
        good
        and good.phase is VerificationPhase.SUCCESSFUL
        and (good.finished_at or good.started_at) > record.created_at
    ):
        return f"verification {good.id} has succeeded since the failure that this was to take back"
    return ""


def key(failed: Failed) -> str:
    """Name a failure; one of a Promotion that was retried is another one."""
    if isinstance(failed, VerificationRecord):
        return failed.id
    return f"{failed.name}/{failed.retries}" if failed.retries else failed.name


def _failures(history: History, wanted: AutoRollback) -> list[Failed]:
    """What failed in a way the policy names and nothing has followed, the later one first. An abort is no outcome."""
    ended = [each for each in history.promotions if each.phase.terminal and each.phase is not Phase.ABORTED]
    last = max(ended, key=_ended, default=None)
    found: list[Failed] = [last] if last and last.phase.value in wanted.on_promotion else []
    if history.verification and history.verification.phase.value in wanted.on_verification:
        found.append(history.verification)
    return sorted(found, key=_ended, reverse=True)


def _ended(failed: Failed) -> tuple[datetime, str]:
    return failed.finished_at or datetime.min.replace(tzinfo=UTC), key(failed)


def _judge(history: History, failed: Failed, now: datetime) -> Verdict:
    what = f"{'verification' if isinstance(failed, VerificationRecord) else 'Promotion'} {key(failed)}"
    if failed.finished_at is None or now - failed.finished_at > LATEST:
        return Remain(f"{what} failed more than {LATEST.seconds // 60} minutes ago")
    if answer := next((each for each in history.promotions if each.rollback == key(failed)), None):
        return Remain(f"{what} was answered by the rollback {answer.name}, which is {answer.phase}")
    why = f"{what} ended {failed.phase}"
    if isinstance(failed, VerificationRecord):
        return _after_verification(history, failed, why)
    if failed.rollback:
        return Remain(f"{what} was a rollback itself", key(failed))
    if failed.started_at is None:
        return Remain(f"{what} ended before it began, so there is nothing to take back")
    stable = history.stable(failed.origin)
    if stable and stable.freight == failed.freight:
        return Remain(f"{what} was of {stable.alias}, which was verified in '{history.stage}' last", key(failed))
    return _back(stable, failed.origin, key(failed), why)


def _after_verification(history: History, failed: VerificationRecord, why: str) -> Verdict:
    """Take back the Freight that deviated first; what a rollback brought stays (Kargo)."""
    current = {each.origin: each for each in history.current}
    if {origin: each.freight for origin, each in current.items()} != failed.collection:
        return Remain(f"'{history.stage}' runs something else by now than verification {failed.id} was about")
    deviating = [
        (since, stable)
        for origin, stay in current.items()
        if not stay.by_rollback and (stable := history.stable(origin)) and stable.freight != stay.freight
        for since in [min(each.entered_at for each in history.stays if _follows(history, each, stable))]
    ]
    if not deviating:
        return Remain(
            f"'{history.stage}' has no other Freight that was verified last and could be gone back to", failed.id
        )
    _, stable = min(deviating, key=lambda each: each[0])
    return _back(stable, stable.origin, key(failed), why)


def _follows(history: History, stay: Stay, stable: Stay) -> bool:
    return stay.origin == stable.origin and history.stays.index(stay) < history.stays.index(stable)


def _verified(stays: Sequence[Stay], origin: str, but: str) -> Stay | None:
    return next((each for each in stays if each.origin == origin and each.verified and each.freight != but), None)


def _before(history: History, stay: Stay) -> Sequence[Stay]:
    """The stays before one; before one that a rollback brought, those before the stay it went back to."""
    older = list(history.stays[history.stays.index(stay) + 1 :])
    if stay.by_rollback:
        same = (index for index, each in enumerate(older) if each.freight == stay.freight and not each.by_rollback)
        return older[next(same, -1) + 1 :]
    return older


def _back(stable: Stay | None, origin: str, undoes: str, why: str) -> Verdict:
    if stable is None:
        return Remain(f"{why}, but no other Freight from Warehouse '{origin}' was verified there before", undoes)
    return GoBack(origin, stable.freight, undoes, f"{why}; {stable.alias} was verified there before")
