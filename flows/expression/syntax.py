"""The syntax tree of an expression."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Node:
    """One part of an expression; `at` is the 1-based column, `depth` how deep the tree under it is."""

    at: int = field(default=0, kw_only=True)
    depth: int = field(default=1, kw_only=True)


@dataclass(slots=True)
class Literal(Node):
    """nil, a boolean, an integer, a float, a string or bytes."""

    value: object


@dataclass(slots=True)
class Name(Node):
    """A variable, or a function of the environment."""

    name: str


@dataclass(slots=True)
class Pointer(Node):
    """`#`, `#index`, `#acc`: what a predicate is asked about."""

    name: str


@dataclass(slots=True)
class Unary(Node):
    """`-x`, `+x`, `!x`."""

    operator: str
    operand: Node


@dataclass(slots=True)
class Binary(Node):
    """Two operands and an operator; comparison chains are already split."""

    operator: str
    left: Node
    right: Node


@dataclass(slots=True)
class Member(Node):
    """`x.name`, `x[key]`, and with `optional` `x?.name`, `x?.[key]`."""

    target: Node
    key: Node
    optional: bool


@dataclass(slots=True)
class Chain(Node):
    """The end of an optional chain: a nil met inside makes the whole chain nil."""

    body: Node


@dataclass(slots=True)
class Slice(Node):
    """`x[start:stop]`."""

    target: Node
    start: Node | None
    stop: Node | None


@dataclass(slots=True)
class Call(Node):
    """A call of an environment function or of a method."""

    callee: Node
    arguments: list[Node]


@dataclass(slots=True)
class Builtin(Node):
    """A call of a built-in function."""

    name: str
    arguments: list[Node]


@dataclass(slots=True)
class Predicate(Node):
    """The body a collection built-in runs for each element."""

    body: Node


@dataclass(slots=True)
class Let(Node):
    """`let name = value; body`."""

    name: str
    value: Node
    body: Node


@dataclass(slots=True)
class Sequence(Node):
    """`a; b; c`: the value is the last one's."""

    parts: list[Node]


@dataclass(slots=True)
class Conditional(Node):
    """`a ? b : c` and `if a { b } else { c }`."""

    condition: Node
    then: Node
    otherwise: Node


@dataclass(slots=True)
class ArrayLiteral(Node):
    """`[a, b]`."""

    items: list[Node]


@dataclass(slots=True)
class MapLiteral(Node):
    """`{a: 1}` as pairs of key and value expressions."""

    pairs: list[tuple[Node, Node]]
