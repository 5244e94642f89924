"""What stands between a Freight and a Stage now: every gate with its sentence, all at once.

This is where it is decided, for whoever asks: when a Promotion is asked for, before it begins, in previews and lists.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from blocks.ledger.records import FreightRecord, Phase, PromotionRecord, Standing, VerificationRecord
from flows.stage.availability import Available, available
from flows.stage.candidate import held_origins, intent
from flows.stage.outlook import Outlook
from flows.stage.pipeline import StageDefinition

Answer = Literal["open", "waits", "blocks"]

TURN = "turn"
"""What a Promotion that has come to its Stage waits for, as a kind of `wake_when`."""

QUEUE = "queue"
APPROVAL = "approval"


@dataclass(frozen=True)
class Gate:
    """One gate: open, one at which a Promotion would wait, or one that blocks it. The sentence says why.

    `until` is when time alone opens it, None when that takes something else.
    """

    name: str
    answer: Answer
    sentence: str
    until: datetime | None = None


@dataclass(frozen=True)
class Entering:
    """A Freight before a Stage. `promotion` is the name of the Promotion that brings it, empty when none does yet.

    Who breaks the glass (`break_glass`) passes over verification and soak upstream, freezes, windows and those that
    wait in the queue; never over where the Freight comes from, a Promotion or verification at work, a paused work
    queue, or people who must approve.
    `paused` says that the Stage's work queue was paused, empty when it is not known to be.
    """

    outlook: Outlook
    stage: StageDefinition
    freight: FreightRecord
    standing: Standing
    verification: VerificationRecord | None = None
    promotion: str = ""
    break_glass: bool = False
    paused: str = ""

    def gates(self, now: datetime) -> list[Gate]:
        """Ask every gate."""
        return [
            *self._steps(),
            self._availability(now),
            *self._stops(now),
            *self._queue(),
            *self._approval(),
            *self._auto_promotion(now),
        ]

    def _steps(self) -> Iterator[Gate]:
        if self.stage.control_flow:
            said = f"Stage {self.stage.name!r} has no promotion steps: it only passes Freight on downstream"
            yield Gate("steps", "blocks", said)

    def _availability(self, now: datetime) -> Gate:
        project, spec = self.outlook.pipeline.project, self.stage.spec
        verdict = available(project, self.stage.name, spec, self.freight, self.standing, now)
        if isinstance(verdict, Available):
            return Gate("availability", "open", verdict.why)
        theirs = self.freight.project == project and spec.request(self.freight.origin)
        return self._or_broken(Gate("availability", "blocks", verdict.sentence, verdict.until), bool(theirs))

    def _stops(self, now: datetime) -> Iterator[Gate]:
        for stop in self.outlook.stops(self.stage, now):
            yield self._or_broken(Gate(stop.name, "waits", stop.sentence, stop.until))
        if self.paused:
            yield Gate("paused", "waits", self.paused)

    def _or_broken(self, gate: Gate, breakable: bool = True) -> Gate:
        """The gate as it is, or passed over by who breaks the glass."""
        if self.break_glass and breakable:
            return Gate(gate.name, "open", f"passed over by breaking the glass: {gate.sentence}")
        return gate

    def _queue(self) -> Iterator[Gate]:
        if later := self.superseding():
            yield Gate(QUEUE, "blocks", f"superseded by Promotion {later.name}: only the latest counts here")
        ahead = [each for each in self._others() if self._before(each)]
        for each in ahead:
            yield Gate(QUEUE, "waits", _waits_for(each))
        if self.verification and not self.verification.phase.terminal:
            said = f"verification {self.verification.id} of Stage {self.stage.name!r} is under way"
            yield Gate(QUEUE, "waits", said)
        elif not ahead:
            yield Gate(QUEUE, "open", f"nothing else is on its way to {self.stage.name!r}")

    def _others(self) -> list[PromotionRecord]:
        known = self.outlook.promotions.get(self.stage.name, [])
        return [each for each in known if not each.phase.terminal and not each.target and each.name != self.promotion]

    def _before(self, other: PromotionRecord) -> bool:
        """Whether another one of the Stage goes first: it is at work, or came to wait here earlier."""
        if other.phase is Phase.RUNNING:
            return True
        if self.break_glass or (self.promotion and other.name > self.promotion):
            return False
        if self.outlook.pipeline.queue(self.stage.name) == "Latest" and other.origin == self.freight.origin:
            return False
        return in_line(other) or not self.outlook.pipeline.approval(self.stage.name)

    def superseding(self) -> PromotionRecord | None:
        """The Promotion that was asked for later and takes this one's place, where only the latest counts."""
        if not self.promotion or self.outlook.pipeline.queue(self.stage.name) != "Latest":
            return None
        if any(each.name == self.promotion and each.phase is Phase.RUNNING for each in self._of_stage()):
            return None
        later = [each for each in self._others() if each.name > self.promotion and each.origin == self.freight.origin]
        return max(later, key=lambda each: each.name, default=None)

    def _of_stage(self) -> Sequence[PromotionRecord]:
        return self.outlook.promotions.get(self.stage.name, [])

    def _approval(self) -> Iterator[Gate]:
        approval = self.outlook.pipeline.approval(self.stage.name)
        if approval:
            people = "one person" if approval.min_approvals == 1 else f"{approval.min_approvals} people"
            yield Gate(APPROVAL, "waits", f"{people} must approve within {approval.timeout}")

    def _auto_promotion(self, now: datetime) -> Iterator[Gate]:
        """Say what a Promotion by a person means for auto-promotion; it never hinders that person."""
        outlook, situation, alias = self.outlook, self.outlook.situation(self.stage), self.freight.alias
        origin = self.freight.origin
        if situation.current.get(origin) == self.freight.name:
            yield Gate("current", "open", f"{alias} is in {self.stage.name!r} already")
        match intent(situation, outlook.pipeline.policies, self.freight, outlook.known, now):
            case "hold":
                said = f"a person's choice of {alias} holds {self.stage.name!r}: nothing newer follows by itself"
                yield Gate("auto-promotion", "open", said)
            case "resume" if origin in held_origins(situation):
                yield Gate("auto-promotion", "open", f"{alias} is the candidate: the hold ends")


def in_line(record: PromotionRecord) -> bool:
    """Whether a pending Promotion has come to its Stage and waits for its turn."""
    return (record.waiting_for.get("wake_when") or {}).get("kind") == TURN


def blocked(gates: Sequence[Gate]) -> bool:
    """Whether any gate blocks."""
    return any(gate.answer == "blocks" for gate in gates)


def refusal(gates: Sequence[Gate]) -> str:
    """Why Freight may not enter: the sentences of all that block, empty when nothing does."""
    return "; ".join(gate.sentence for gate in gates if gate.answer == "blocks")


def before_turn(gates: Sequence[Gate]) -> list[Gate]:
    """The gates at which a Promotion waits that people have approved."""
    return [gate for gate in gates if gate.answer == "waits" and gate.name != APPROVAL]


def _waits_for(other: PromotionRecord) -> str:
    said = other.waiting_for.get("message")
    return f"Promotion {other.name} of this Stage is {other.phase}" + (f": {said}" if said else "")
