"""Builds the syntax tree from what the grammar found, rule by rule."""

from collections.abc import Callable
from typing import Any

from lark import Token, Transformer_NonRecursive, v_args

from flows.expression import literals
from flows.expression.errors import ExpressionError, Fault
from flows.expression.limits import MAX_DEPTH, MAX_NODES
from flows.expression.names import BUILTINS, LOOPS
from flows.expression.precedence import Climb, Operand, Operator
from flows.expression.syntax import (
    ArrayLiteral,
    Builtin,
    Call,
    Chain,
    Conditional,
    Let,
    Literal,
    MapLiteral,
    Member,
    Name,
    Node,
    Pointer,
    Predicate,
    Sequence,
    Slice,
)

_CONSTANTS = {"true": True, "false": False, "nil": None}


def column(token: Any) -> int:
    """The 1-based column of a token."""
    return (token.start_pos or 0) + 1 if isinstance(token, Token) else 0


def _depth(value: Any) -> int:
    if isinstance(value, Node):
        return value.depth
    if isinstance(value, (list, tuple)):
        return max(map(_depth, value), default=0)
    return 0


@v_args(inline=True)
class Builder(Transformer_NonRecursive[Token, Any]):
    """Turns the parsed rules into nodes, from the leaves up; each method is named by its rule."""

    def __init__(self) -> None:
        super().__init__()
        self._nodes = 0

    def _make(self, kind: Callable[..., Node], *parts: Any, at: int = 0) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ExpressionError(f"it has more than {MAX_NODES} parts")
        depth = 1 + _depth(parts)
        if depth > MAX_DEPTH:
            raise ExpressionError("it is nested too deeply", at or None)
        return kind(*parts, at=at, depth=depth)

    def _literal(self, read: Callable[[str], object], token: Token) -> Node:
        try:
            return self._make(Literal, read(str(token)), at=column(token))
        except Fault as fault:
            raise ExpressionError(str(fault), column(token)) from None

    # Sequences and choices

    def start(self, node: Node) -> Node:
        return node

    def longer_chain(self, first: Node, rest: Any) -> list[Node]:
        """Collect the parts of a sequence, last first."""
        parts = rest if isinstance(rest, list) else [rest]
        parts.append(first)
        return parts

    def sequence(self, chain: Any) -> Node:
        return chain if isinstance(chain, Node) else self._make(Sequence, chain[::-1])

    def let(self, name: Token, value: Node, body: Node) -> Node:
        return self._make(Let, str(name), value, body, at=column(name))

    def ternary(self, condition: Node, then: Node, otherwise: Node) -> Node:
        return self._make(Conditional, condition, then, otherwise, at=condition.at)

    def elvis(self, condition: Node, otherwise: Node) -> Node:
        return self._make(Conditional, condition, condition, otherwise, at=condition.at)

    def if_else(self, condition: Node, then: Node, otherwise: Node) -> Node:
        return self._make(Conditional, condition, then, otherwise, at=condition.at)

    # Operators

    def folded(self, level: tuple[list[Operand], list[Operator]]) -> Node:
        return Climb(*level, self._make).tree()

    def first_operand(self, operand: Operand) -> tuple[list[Operand], list[Operator]]:
        return [operand], []

    def next_operand(
        self, level: tuple[list[Operand], list[Operator]], operator: Operator, operand: Operand
    ) -> tuple[list[Operand], list[Operator]]:
        level[0].append(operand)
        level[1].append(operator)
        return level

    def pipe(
        self, level: tuple[list[Operand], list[Operator]], call: Callable[[Node], Node]
    ) -> tuple[list[Operand], list[Operator]]:
        level[1].append(Operator("|", 0, call=call))
        return level

    def operator(self, token: Token) -> Operator:
        return Operator(str(token), column(token))

    def negated_operator(self, _not: Token, token: Token) -> Operator:
        return Operator(str(token), column(token), negated=True)

    def operand(self, *parts: Any) -> Operand:
        return Operand([(str(token), column(token)) for token in parts[:-1]], parts[-1])

    def prefix(self, token: Token) -> Token:
        return token

    # Members, indexes and slices

    def property(self, token: Token) -> Token:
        return token

    def _member(self, target: Node, token: Token, optional: bool, arguments: list[Node] | None = None) -> Node:
        _refuse_constant(target, column(token))
        in_chain = isinstance(target, Chain)
        key = self._make(Literal, str(token), at=column(token))
        node = self._make(Member, target.body if isinstance(target, Chain) else target, key, optional, at=column(token))
        if arguments is not None:
            node = self._make(Call, node, arguments, at=column(token))
        return self._make(Chain, node, at=column(token)) if in_chain or optional else node

    def member(self, target: Node, _dot: Token, token: Token) -> Node:
        return self._member(target, token, optional=False)

    def method(self, target: Node, _dot: Token, token: Token, arguments: list[Node]) -> Node:
        return self._member(target, token, optional=False, arguments=arguments)

    def optional_member(self, target: Node, _dot: Token, token: Token) -> Node:
        return self._member(target, token, optional=True)

    def optional_method(self, target: Node, _dot: Token, token: Token, arguments: list[Node]) -> Node:
        return self._member(target, token, optional=True, arguments=arguments)

    def implicit_member(self, dot: Token, token: Token) -> Node:
        return self._member(self._make(Pointer, "", at=column(dot)), token, optional=False)

    def implicit_method(self, dot: Token, token: Token, arguments: list[Node]) -> Node:
        return self._member(self._make(Pointer, "", at=column(dot)), token, optional=False, arguments=arguments)

    def index(self, target: Node, square: Token, key: Node) -> Node:
        _refuse_constant(target, column(square))
        return self._make(Member, target, key, False, at=column(square))

    def optional_index(self, target: Node, _dot: Token, square: Token, key: Node) -> Node:
        _refuse_constant(target, column(square))
        return self._make(Chain, self._make(Member, target, key, True, at=column(square)))

    def slice(self, target: Node, square: Token, bounds: tuple[Node | None, Node | None]) -> Node:
        _refuse_constant(target, column(square))
        return self._make(Slice, target, *bounds, at=column(square))

    def optional_slice(self, target: Node, _dot: Token, square: Token, bounds: tuple[Node | None, Node | None]) -> Node:
        return self.slice(target, square, bounds)

    def both_bounds(self, start: Node, stop: Node) -> tuple[Node, Node]:
        return start, stop

    def lower_bound(self, start: Node) -> tuple[Node, None]:
        return start, None

    def upper_bound(self, stop: Node) -> tuple[None, Node]:
        return None, stop

    def no_bounds(self) -> tuple[None, None]:
        return None, None

    # Calls

    def call(self, name: Token, arguments: list[Node]) -> Node:
        if name in BUILTINS:
            return self._make(Builtin, str(name), arguments, at=column(name))
        return self._make(Call, self._make(Name, str(name), at=column(name)), arguments, at=column(name))

    def loop_call(self, name: Token, arguments: list[Node]) -> Node:
        least, most = LOOPS[name]
        if not least <= len(arguments) <= most:
            raise ExpressionError(f"{name} takes {least} to {most} arguments, not {len(arguments)}", column(name))
        return self._make(Builtin, str(name), arguments, at=column(name))

    def piped_call(self, name: Token, arguments: list[Node]) -> Callable[[Node], Node]:
        return lambda left: self.call(name, [left, *arguments])

    def piped_loop_call(self, name: Token, arguments: list[Node]) -> Callable[[Node], Node]:
        return lambda left: self.loop_call(name, [left, *arguments])

    def arguments(self, items: list[Node] | None = None) -> list[Node]:
        return items or []

    def items(self, *nodes: Node) -> list[Node]:
        return list(nodes)

    def loop(self, *nodes: Node) -> list[Node]:
        return list(nodes)

    def piped_loop(self, *nodes: Node) -> list[Node]:
        return list(nodes)

    def predicate(self, *parts: Any) -> Node:
        return self._make(Predicate, parts[-1], at=parts[-1].at)

    # Values

    def number(self, token: Token) -> Node:
        return self._literal(literals.number, token)

    def string(self, token: Token) -> Node:
        return self._literal(literals.string, token)

    def raw_string(self, token: Token) -> Node:
        return self._literal(literals.raw_string, token)

    def bytes_literal(self, token: Token) -> Node:
        return self._literal(literals.bytes_literal, token)

    def name(self, token: Token) -> Node:
        if token in _CONSTANTS:
            return self._make(Literal, _CONSTANTS[token], at=column(token))
        return self._make(Name, str(token), at=column(token))

    def pointer(self, mark: Token, name: Token | None = None) -> Node:
        return self._make(Pointer, str(name or ""), at=column(mark))

    def array(self, square: Token, items: list[Node] | None = None) -> Node:
        return self._make(ArrayLiteral, items or [], at=column(square))

    def map_literal(self, brace: Token, pairs: list[tuple[Node, Node]] | None = None) -> Node:
        return self._make(MapLiteral, pairs or [], at=column(brace))

    def pairs(self, *pairs: tuple[Node, Node]) -> list[tuple[Node, Node]]:
        return list(pairs)

    def pair(self, key: Node, value: Node) -> tuple[Node, Node]:
        return key, value

    def key(self, token: Token) -> Node:
        if token.type in ("STRING", "RAW_STRING"):
            return self._literal(literals.string if token.type == "STRING" else literals.raw_string, token)
        return self._make(Literal, str(token), at=column(token))


def _refuse_constant(target: Node, at: int) -> None:
    """Numbers, booleans and nil have neither members nor elements."""
    if isinstance(target, Literal) and not isinstance(target.value, (str, bytes)):
        raise ExpressionError("a number, a boolean or nil has no members", at)
