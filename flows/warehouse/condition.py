"""Bare expressions that must come out true: commit filters and Freight creation criteria."""

from collections.abc import Mapping
from typing import Any

from blocks.errors import Invalid
from flows.expression import evaluate

TRUE = ("1", "t", "T", "true", "TRUE", "True")
FALSE = ("0", "f", "F", "false", "FALSE", "False")


def holds(expression: str, env: Mapping[str, Any]) -> bool:
    """Evaluate an expression to true or false.

    Texts and numbers that read as a boolean in Go (`"t"`, `0`) are taken as one. Raises Invalid when the
    expression fails or yields anything else.
    """
    value = evaluate(expression, dict(env))
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if text not in TRUE + FALSE:
        raise Invalid(f"expression {expression!r} must yield true or false, but yields a {type(value).__name__}")
    return text in TRUE
