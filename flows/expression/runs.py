"""What compiled parts of an expression are, and what they share."""

from collections.abc import Callable
from typing import Any

from flows.expression.errors import ExpressionError, Fault
from flows.expression.frame import Frame
from flows.expression.syntax import Node
from flows.expression.values import type_name

Run = Callable[[Frame], Any]
"""A compiled part: runs in a frame and gives a value."""
Compile = Callable[[Node], Run]


class Nothing:
    """What an optional chain carries to its end after it met nil."""


NOTHING = Nothing()


def located(run: Run, at: int) -> Run:
    """Give the failures of a part, but not those of the parts in it, their column."""

    def guarded(frame: Frame) -> Any:
        try:
            return run(frame)
        except Fault as fault:
            raise ExpressionError(str(fault), at) from None

    return guarded


def boolean(value: Any, at: int) -> bool:
    """Take a boolean, or raise ExpressionError."""
    if value.__class__ is not bool:
        raise ExpressionError(f"a boolean is needed, not {type_name(value)}", at)
    return bool(value)
