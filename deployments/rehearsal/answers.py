"""What people in a scenario answer to the forms of steps."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from blocks.ledger.ledger import Ledger
from blocks.ledger.records import PromotionRecord
from flows.promotion.identity import Identity
from flows.promotion.result import Answer


@dataclass(frozen=True)
class People:
    """What was said to one step of one promotion."""

    ledger: Ledger
    record: PromotionRecord
    said: list[Answer]

    @property
    def proves(self) -> bool:
        """Nobody's identity is proven in a scenario."""
        return False

    async def answers(self) -> list[Answer]:
        """Return all of it, oldest first."""
        return self.said

    async def note(self, verb: str, actor: str, message: str, at: datetime, identity: Identity | None = None) -> None:
        """Write to the audit trail."""
        await self.ledger.promotions.note(self.record.project, self.record.name, verb, actor, message, at)


@dataclass
class Answers:
    """Answers by promotion and the step's index."""

    _said: dict[tuple[str, int], list[Answer]] = field(default_factory=dict)

    def add(self, promotion: str, step: int, values: dict[str, Any], at: datetime) -> None:
        """Keep an answer."""
        self._said.setdefault((promotion, step), []).append(Answer(values, at))

    def forget(self, promotion: str) -> None:
        """A run that begins anew is asked anew."""
        self._said = {key: said for key, said in self._said.items() if key[0] != promotion}

    def of(self, ledger: Ledger, record: PromotionRecord, step: int) -> People:
        """Return what one step is given."""
        return People(ledger, record, list(self._said.get((record.name, step), [])))
