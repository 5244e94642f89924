"""Evaluates one bare expression."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flows.expression.compiler import Program, compile_tree
from flows.expression.errors import ExpressionError
from flows.expression.frame import Clock, Frame, system_clock
from flows.expression.limits import Budget
from flows.expression.parser import parse
from flows.expression.syntax import Node


@lru_cache(maxsize=1024)
def parsed(source: str) -> Node:
    """Parse an expression once."""
    return parse(source)


@lru_cache(maxsize=1024)
def _compiled(source: str) -> Program:
    return compile_tree(parsed(source))


def evaluate(source: str, env: Mapping[str, Any], *, strict: bool = False, clock: Clock = system_clock) -> Any:
    """Evaluate an expression over variables and functions and return its value.

    An unknown name is nil; with `strict` it is an error, and variables have the static type of
    their value. `clock` answers `now()`. Raises ExpressionError for whatever is wrong with the
    expression or exceeds a limit; errors of our own raised by functions in `env` pass unchanged.
    """
    return run(source, env if isinstance(env, dict) else dict(env), clock, Budget())


def run(source: str, env: dict[str, Any], clock: Clock, budget: Budget) -> Any:
    """Evaluate an expression within a budget that may be shared with others."""
    try:
        program = _compiled(source)
        return program.run(Frame(env, program.slots, clock, budget))
    except RecursionError:
        raise ExpressionError("it is nested too deeply") from None
