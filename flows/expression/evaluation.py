"""Evaluates one bare expression."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flows.expression.checker import Scope, check
from flows.expression.compiler import Program, compile_tree
from flows.expression.errors import ExpressionError
from flows.expression.frame import Clock, Frame, system_clock
from flows.expression.limits import MAX_CACHED, MAX_DEPTH, Budget
from flows.expression.parser import parse
from flows.expression.signatures import TYPED
from flows.expression.static_types import type_of
from flows.expression.syntax import Node


def evaluate(source: str, env: Mapping[str, Any], *, strict: bool = False, clock: Clock = system_clock) -> Any:
    """Evaluate an expression over variables and functions and return its value.

    Variables are plain values: None, bool, int, float, str, bytes, datetime, list, dict with string
    keys, and functions. An unknown name is nil; with `strict` it is an error, and variables have
    the static type of their value. `clock` answers `now()`. Raises ExpressionError for whatever is
    wrong with the expression or exceeds a limit; errors of our own raised by functions in `env`
    pass unchanged.
    """
    variables = env if isinstance(env, dict) else dict(env)
    if strict:
        scope = Scope({name: type_of(value) for name, value in variables.items()}, strict=True)
        return run_strictly(source, variables, scope, clock)
    return run(source, variables, clock, Budget())


def run(source: str, env: dict[str, Any], clock: Clock, budget: Budget, *, templated: bool = False) -> Any:
    """Evaluate an expression within a budget that may be shared with others."""
    checked = _checked if len(source) <= MAX_CACHED else _checked.__wrapped__
    try:
        return _value(checked(source, templated), env, clock, budget)
    except RecursionError:
        raise ExpressionError("it is nested too deeply") from None


def run_strictly(source: str, env: dict[str, Any], scope: Scope, clock: Clock = system_clock) -> Any:
    """Check an expression against the types of all that it may name, then evaluate it."""
    try:
        tree, program = _compiled(source) if len(source) <= MAX_CACHED else _compiled.__wrapped__(source)
        check(tree, scope)
        return _value(program, env, clock, Budget())
    except RecursionError:
        raise ExpressionError("it is nested too deeply") from None


@lru_cache(maxsize=1024)
def _checked(source: str, templated: bool) -> Program:
    """Compile an expression whose variables may be anything; templates know the types of our functions."""
    tree, program = _compiled(source) if len(source) <= MAX_CACHED else _compiled.__wrapped__(source)
    check(tree, Scope(functions=TYPED if templated else {}))
    return program


@lru_cache(maxsize=1024)
def _compiled(source: str) -> tuple[Node, Program]:
    tree = parse(source)
    return tree, compile_tree(tree)


def _value(program: Program, env: dict[str, Any], clock: Clock, budget: Budget) -> Any:
    value = program.run(Frame(env, program.slots, clock, budget))
    if budget.elements > MAX_DEPTH and _is_too_deep(value):
        raise ExpressionError("its value is nested too deeply")
    return value


def _is_too_deep(value: Any) -> bool:
    """Look level by level; a value can only be deep when as many elements were made."""
    level = [value]
    for _ in range(2 * MAX_DEPTH):
        level = [item for outer in level if isinstance(outer, (list, dict)) for item in _inside(outer)]
        if not level:
            return False
    return True


def _inside(outer: Any) -> Any:
    return [item for item in (outer.values() if isinstance(outer, dict) else outer) if isinstance(item, (list, dict))]
