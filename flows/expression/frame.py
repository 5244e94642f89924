"""What one evaluation carries: the variables, the clock and the budget."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flows.expression.limits import Budget

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


class Frame:
    """The state of one evaluation; `slots` holds `let` variables and what predicates are asked about."""

    __slots__ = ("budget", "clock", "env", "slots")

    def __init__(self, env: dict[str, Any], slots: int, clock: Clock, budget: Budget) -> None:
        """Start with empty slots."""
        self.env = env
        self.slots: list[Any] = [None] * slots
        self.clock = clock
        self.budget = budget
