"""Compiles what reaches into values: members, optional chains and slices."""

from typing import Any

from flows.expression.access import cut, fetch
from flows.expression.errors import ExpressionError, Fault
from flows.expression.frame import Frame
from flows.expression.runs import NOTHING, Compile, Run, located
from flows.expression.syntax import Chain, Literal, Member, Slice
from flows.expression.values import is_nil

_END = 1 << 62
"""A bound that lies behind whatever is cut."""


def member(node: Member, compile_: Compile) -> Run:
    """Compile `x.name` and `x[key]`; in an optional one a nil x ends the chain."""
    target, key, at, optional = compile_(node.target), compile_(node.key), node.at, node.optional
    hint = f" (reading {str(node.key.value)[:60]!r})" if isinstance(node.key, Literal) else ""

    def run(frame: Frame) -> Any:
        value = target(frame)
        if value is NOTHING or (optional and is_nil(value)):
            return NOTHING
        try:
            return fetch(value, key(frame))
        except Fault as fault:
            raise ExpressionError(f"{fault}{hint}", at) from None

    return run


def chain(node: Chain, compile_: Compile) -> Run:
    """Compile the end of an optional chain."""
    body = compile_(node.body)

    def run(frame: Frame) -> Any:
        value = body(frame)
        return None if value is NOTHING else value

    return run


def slice_(node: Slice, compile_: Compile) -> Run:
    """Compile `x[start:stop]`."""
    target = compile_(node.target)
    start = compile_(node.start) if node.start else _first
    stop = compile_(node.stop) if node.stop else _all

    def run(frame: Frame) -> Any:
        part = cut(target(frame), start(frame), stop(frame))
        frame.budget.write(len(part))
        return part

    return located(run, node.at)


def _first(_frame: Frame) -> int:
    return 0


def _all(_frame: Frame) -> int:
    return _END
