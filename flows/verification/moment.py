"""Instants of range queries, written as expressions."""

from datetime import UTC, datetime

from blocks.errors import Invalid
from flows.expression.evaluation import evaluate


def moment(expression: str, now: datetime) -> datetime:
    """Evaluate an expression such as `now() - duration("1h")` to an instant. Raises Invalid for anything else."""
    try:
        milliseconds = evaluate(f"({expression}).UnixMilli()", {}, clock=lambda: now)
    except Invalid as error:
        raise Invalid(f"{expression!r} is no instant: {error} Write one such as now() - duration('1h')") from None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
