"""Evaluates one bare expression."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flows.expression.calendar_names import NAMED
from flows.expression.checker import Scope, check
from flows.expression.compiler import Program, compile_tree
from flows.expression.errors import ExpressionError
from flows.expression.frame import Clock, Frame, system_clock
from flows.expression.limits import MAX_CACHED, MAX_DEPTH, MAX_ELEMENTS, Budget
from flows.expression.parser import parse
from flows.expression.signatures import TYPED
from flows.expression.static_types import type_of
from flows.expression.syntax import Node
from flows.expression.values import ARRAYS, MAPS

_CONTAINERS = ARRAYS | MAPS
_FEW = 20  # elements made without a look at how they hang together
_MOST = 5 * MAX_ELEMENTS


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


def validate(source: str) -> None:
    """Parse an expression and check its types without running it; raise ExpressionError when it can never work."""
    try:
        _checked(source, False)
    except RecursionError:
        raise ExpressionError("it is nested too deeply") from None


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
    before = budget.elements
    value = program.run(Frame(env, program.slots, clock, budget))
    if budget.elements - before > _FEW:
        _size(value, {}, 0)
    return int(value) if isinstance(value, NAMED) else value


def _size(value: Any, sizes: dict[int, int], depth: int) -> int:
    """Count a value's elements as if none were shared; raise ExpressionError when it is too large or too deep.

    An array may hold the same array twice, and that again: small here, endless where it is written.
    """
    if value.__class__ not in _CONTAINERS:
        return 1
    if id(value) not in sizes:
        if depth > MAX_DEPTH:
            raise ExpressionError("its value is nested too deeply")
        inside = value.values() if value.__class__ in MAPS else value
        sizes[id(value)] = 1 + sum(_size(item, sizes, depth + 1) for item in inside)
        if sizes[id(value)] > _MOST:
            raise ExpressionError(f"its value has more than {_MOST} elements")
    return sizes[id(value)]
