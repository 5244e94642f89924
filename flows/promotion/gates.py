"""What stands between a Freight and a Stage now: every gate with its sentence, all at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from blocks.ledger.records import FreightRecord, PromotionRecord, Standing, VerificationRecord
from flows.stage.availability import Available, available
from flows.stage.candidate import held_origins, intent
from flows.stage.outlook import Outlook
from flows.stage.pipeline import StageDefinition

Answer = Literal["open", "waits", "blocks"]


@dataclass(frozen=True)
class Gate:
    """One gate: open, one at which a Promotion would wait, or one that blocks it. The sentence says why."""

    name: str
    answer: Answer
    sentence: str


@dataclass(frozen=True)
class Entering:
    """A Freight before a Stage. `promotion` is the name of the Promotion that brings it, empty when none does yet."""

    outlook: Outlook
    stage: StageDefinition
    freight: FreightRecord
    standing: Standing
    verification: VerificationRecord | None = None
    promotion: str = ""

    def gates(self, now: datetime) -> list[Gate]:
        """Ask every gate."""
        return [*self._steps(), self._availability(now), *self._queue(), *self._approval(), *self._auto_promotion(now)]

    def _steps(self) -> Iterator[Gate]:
        if self.stage.control_flow:
            said = f"Stage {self.stage.name!r} has no promotion steps: it only passes Freight on downstream"
            yield Gate("steps", "blocks", said)

    def _availability(self, now: datetime) -> Gate:
        project, spec = self.outlook.pipeline.project, self.stage.spec
        verdict = available(project, self.stage.name, spec, self.freight, self.standing, now)
        if isinstance(verdict, Available):
            return Gate("availability", "open", verdict.why)
        return Gate("availability", "blocks", verdict.sentence)

    def _queue(self) -> Iterator[Gate]:
        others = self.outlook.promotions.get(self.stage.name, [])
        ahead = [each for each in others if not each.phase.terminal and self._before(each)]
        for each in ahead:
            yield Gate("queue", "waits", f"Promotion {each.name} of this Stage is {each.phase}")
        if self.verification and not self.verification.phase.terminal:
            said = f"verification {self.verification.id} of Stage {self.stage.name!r} is under way"
            yield Gate("queue", "waits", said)
        elif not ahead:
            yield Gate("queue", "open", f"nothing else is on its way to {self.stage.name!r}")

    def _before(self, other: PromotionRecord) -> bool:
        return not self.promotion or other.name < self.promotion

    def _approval(self) -> Iterator[Gate]:
        approval = self.outlook.pipeline.approval(self.stage.name)
        if approval:
            people = "one person" if approval.min_approvals == 1 else f"{approval.min_approvals} people"
            yield Gate("approval", "waits", f"{people} must approve within {approval.timeout}")

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


def blocked(gates: list[Gate]) -> bool:
    """Whether any gate blocks."""
    return any(gate.answer == "blocks" for gate in gates)
