"""Evaluates one bare expression."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flows.expression.checker import Scope, check
from flows.expression.compiler import Program, compile_tree
from flows.expression.errors import ExpressionError
from flows.expression.frame import Clock, Frame, system_clock
from flows.expression.limits import Budget
from flows.expression.parser import parse
from flows.expression.signatures import TYPED
from flows.expression.static_types import type_of
from flows.expression.syntax import Node


@lru_cache(maxsize=1024)
def parsed(source: str) -> Node:
    """Parse an expression once."""
    return parse(source)


@lru_cache(maxsize=1024)
def compiled(source: str) -> Program:
    """Compile an expression once, its types unchecked."""
    return compile_tree(parsed(source))


@lru_cache(maxsize=1024)
def _checked(source: str, templated: bool) -> Program:
    """Compile an expression whose variables may be anything; templates know the types of our functions."""
    check(parsed(source), Scope(functions=TYPED if templated else {}))
    return compiled(source)


def evaluate(source: str, env: Mapping[str, Any], *, strict: bool = False, clock: Clock = system_clock) -> Any:
    """Evaluate an expression over variables and functions and return its value.

    An unknown name is nil; with `strict` it is an error, and variables have the static type of
    their value. `clock` answers `now()`. Raises ExpressionError for whatever is wrong with the
    expression or exceeds a limit; errors of our own raised by functions in `env` pass unchanged.
    """
    variables = env if isinstance(env, dict) else dict(env)
    if strict:
        scope = Scope({name: type_of(value) for name, value in variables.items()}, strict=True)
        return run_strictly(source, variables, scope, clock)
    return run(source, variables, clock, Budget())


def run(source: str, env: dict[str, Any], clock: Clock, budget: Budget, *, templated: bool = False) -> Any:
    """Evaluate an expression within a budget that may be shared with others."""
    try:
        program = _checked(source, templated)
        return program.run(Frame(env, program.slots, clock, budget))
    except RecursionError:
        raise ExpressionError("it is nested too deeply") from None


def run_strictly(source: str, env: dict[str, Any], scope: Scope, clock: Clock = system_clock) -> Any:
    """Check an expression against the types of all that it may name, then evaluate it."""
    try:
        check(parsed(source), scope)
        program = compiled(source)
        return program.run(Frame(env, program.slots, clock, Budget()))
    except RecursionError:
        raise ExpressionError("it is nested too deeply") from None
