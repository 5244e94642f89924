"""Arranges a flat list of operands and operators into a tree, by precedence climbing."""

from collections.abc import Callable
from dataclasses import dataclass

from flows.expression.errors import ExpressionError
from flows.expression.limits import MAX_DEPTH
from flows.expression.syntax import Binary, Node, Unary

UNARY = {"not": 50, "!": 50, "-": 90, "+": 90}
BINARY = {
    "|": 0,
    **dict.fromkeys(("or", "||"), 10),
    **dict.fromkeys(("and", "&&"), 15),
    **dict.fromkeys(("==", "!=", "<", ">", ">=", "<="), 20),
    **dict.fromkeys(("in", "matches", "contains", "startsWith", "endsWith"), 20),
    "..": 25,
    **dict.fromkeys(("+", "-"), 30),
    **dict.fromkeys(("*", "/", "%"), 60),
    **dict.fromkeys(("**", "^"), 100),
    "??": 500,
}
RIGHT = {"**", "^"}
COMPARISONS = {"<", ">", "<=", ">="}

Make = Callable[..., Node]


@dataclass(slots=True)
class Operand:
    """A value with the prefix operators before it, outermost first, as (operator, column)."""

    prefixes: list[tuple[str, int]]
    node: Node


@dataclass(slots=True)
class Operator:
    """An infix operator; for a pipe `call` turns the left side into the call it feeds."""

    name: str
    at: int
    negated: bool = False
    call: Callable[[Node], Node] | None = None


class Climb:
    """One pass over the operands and operators of a level; `make` builds (and counts) nodes."""

    def __init__(self, operands: list[Operand], operators: list[Operator], make: Make) -> None:
        """Start at the first operand."""
        self._operands = iter(operands)
        self._operand = next(self._operands)
        self._operators = operators
        self._position = 0
        self._make = make
        self._nesting = 0

    def tree(self, least: int = 0, skip: int = 0) -> Node:
        """Take operators that bind at least as tightly as `least`, ignoring `skip` prefixes of the operand."""
        self._enter()
        left, previous = self._primary(skip), ""
        while (operator := self._peek(least)) is not None:
            if previous == "??" and operator.name not in ("??", "|"):
                raise ExpressionError(f"?? and {operator.name} cannot be mixed without parentheses", operator.at)
            left = self._take(operator, left)
            previous = operator.name
        self._nesting -= 1
        return left

    def _enter(self) -> None:
        self._nesting += 1
        if self._nesting > MAX_DEPTH:
            raise ExpressionError("it is nested too deeply")

    def _primary(self, skip: int) -> Node:
        operand = self._operand
        if skip < len(operand.prefixes):
            name, at = operand.prefixes[skip]
            inner = self.tree(UNARY[name], skip + 1)
            return self._make(Unary, name, inner, at=at)
        self._operand = next(self._operands, operand)
        return operand.node

    def _peek(self, least: int) -> Operator | None:
        if self._position >= len(self._operators):
            return None
        operator = self._operators[self._position]
        return operator if BINARY[operator.name] >= least else None

    def _take(self, operator: Operator, left: Node) -> Node:
        self._position += 1
        if operator.call is not None:
            return operator.call(left)
        if operator.name in COMPARISONS:
            return self._comparison(operator, left)
        binding = BINARY[operator.name]
        right = self.tree(binding if operator.name in RIGHT else binding + 1)
        node = self._make(Binary, operator.name, left, right, at=operator.at)
        return self._make(Unary, "not", node, at=operator.at) if operator.negated else node

    def _comparison(self, operator: Operator, left: Node) -> Node:
        """Read `a < b < c` as `a < b && b < c`."""
        chain: Node | None = None
        current: Operator | None = operator
        while current is not None:
            right = self.tree(BINARY[current.name] + 1)
            node = self._make(Binary, current.name, left, right, at=current.at)
            chain = node if chain is None else self._make(Binary, "&&", chain, node, at=current.at)
            left = right
            current = self._peek(BINARY["<"])
            if current is not None and current.name not in COMPARISONS:
                return chain
            self._position += current is not None
        assert chain is not None
        return chain
