"""Compiles operators."""

from collections.abc import Callable
from typing import Any

from flows.expression import operators
from flows.expression.errors import ExpressionError, Fault
from flows.expression.frame import Frame
from flows.expression.operators import truncate
from flows.expression.runs import Compile, Run, boolean, located
from flows.expression.syntax import ArrayLiteral, Binary, Literal, Node, Unary
from flows.expression.truth import AND, OR, truth
from flows.expression.values import is_nil, type_name

_SIMPLE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operators.less,
    "<=": operators.at_most,
    ">": lambda left, right: operators.less(right, left, ">"),
    ">=": lambda left, right: operators.at_most(right, left, ">="),
    "+": operators.add,
    "-": operators.subtract,
    "*": operators.multiply,
    "/": operators.divide,
    "%": operators.modulo,
    "**": operators.power,
    "^": operators.power,
    "contains": operators.text_test("contains", lambda left, right: right in left),
    "startsWith": operators.text_test("startsWith", str.startswith),
    "endsWith": operators.text_test("endsWith", str.endswith),
}


def unary(node: Unary, compile_: Compile) -> Run:
    """Compile `operator operand`; a plus sign does nothing."""
    operand, at = compile_(node.operand), node.at
    if node.operator == "+":
        return operand
    if node.operator == "-":
        return located(lambda frame: operators.negate(operand(frame)), at)
    return lambda frame: not boolean(operand(frame), at)


def binary(node: Binary, compile_: Compile) -> Run:
    """Compile `left operator right`."""
    if node.operator in (*AND, *OR):
        return _logic(node, compile_)
    if node.operator == "in" and isinstance(node.right, Binary) and node.right.operator == "..":
        return _in_range(node, node.right, compile_)
    if node.operator == "matches" and isinstance(node.right, Literal):
        _check_pattern(node.right.value, node.at)
    left, right = compile_(node.left), compile_(node.right)
    if node.operator == "??":
        return _otherwise(left, right)
    if node.operator == "in" and _are_texts(node.right):
        left = located(_text_or_nil(left), node.at)
    return located(_SPECIAL.get(node.operator, _simple)(left, right, node.operator), node.at)


def _logic(node: Binary, compile_: Compile) -> Run:
    """Compile and / or; where the text alone decides one side, the other is not even asked for its type."""
    decisive, at = node.operator in OR, node.at
    sides = truth(node.left), truth(node.right)
    if decisive in sides:
        return lambda frame: decisive
    if None not in sides:
        return lambda frame: not decisive
    if sides != (None, None):
        return compile_(node.left if sides[0] is None else node.right)
    left, right = compile_(node.left), compile_(node.right)
    return lambda frame: decisive if boolean(left(frame), at) is decisive else right(frame)


def _otherwise(left: Run, right: Run) -> Run:
    def run(frame: Frame) -> Any:
        value = left(frame)
        return right(frame) if is_nil(value) else value

    return run


def _in_range(node: Binary, bounds: Binary, compile_: Compile) -> Run:
    """Compile `x in a..b` without making the range."""
    needle, first, last = compile_(node.left), compile_(bounds.left), compile_(bounds.right)

    def run(frame: Frame) -> bool:
        return operators.in_range(needle(frame), truncate(first(frame)), truncate(last(frame)))

    return located(run, node.at)


def _are_texts(node: Node) -> bool:
    """Whether a node is an array that is written out, of texts alone: the reference makes a set of it."""
    return (
        isinstance(node, ArrayLiteral)
        and bool(node.items)
        and all(isinstance(item, Literal) and item.value.__class__ is str for item in node.items)
    )


def _text_or_nil(needle: Run) -> Run:
    def run(frame: Frame) -> Any:
        value = needle(frame)
        if value is not None and value.__class__ is not str:
            raise Fault(f"{type_name(value)} cannot be looked for among texts")
        return value

    return run


def _check_pattern(pattern: object, at: int) -> None:
    try:
        operators.regular(str(pattern))
    except Fault as fault:
        raise ExpressionError(str(fault), at) from None


def _simple(left: Run, right: Run, operator: str) -> Run:
    operate = _SIMPLE[operator]
    return lambda frame: operate(left(frame), right(frame))


def _sum(left: Run, right: Run, _operator: str) -> Run:
    def run(frame: Frame) -> Any:
        value = operators.add(left(frame), right(frame))
        if value.__class__ is str:
            frame.budget.write(len(value))
        return value

    return run


def _equality(left: Run, right: Run, operator: str) -> Run:
    same = operator == "=="
    return lambda frame: operators.equal(left(frame), right(frame), frame.budget) is same


def _membership(left: Run, right: Run, _operator: str) -> Run:
    return lambda frame: operators.contains(left(frame), right(frame), frame.budget)


def _range(left: Run, right: Run, _operator: str) -> Run:
    def run(frame: Frame) -> list[int]:
        first, last = truncate(left(frame)), truncate(right(frame))
        frame.budget.grow(max(0, last - first + 1))
        return list(range(first, last + 1))

    return run


def _matches(left: Run, right: Run, _operator: str) -> Run:
    def run(frame: Frame) -> bool:
        value = left(frame)
        if value.__class__ in (str, bytes):
            frame.budget.write(len(value))
        return operators.matches(value, right(frame))

    return run


_SPECIAL = {
    "+": _sum,
    "==": _equality,
    "!=": _equality,
    "in": _membership,
    "..": _range,
    "matches": _matches,
}
