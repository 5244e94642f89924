"""Finds what is wrong with an expression's types before it runs.

Only what literals, built-ins and, in strict mode, the variables tell is known; everything else is
unknown and fits everywhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from flows.expression.errors import ExpressionError, Fault
from flows.expression.loop_types import gives_of
from flows.expression.names import BUILTINS
from flows.expression.operator_types import binary, unary
from flows.expression.signatures import METHODS, RULES, SIGNATURES, applied
from flows.expression.static_types import (
    ANY,
    ARRAY,
    BOOL,
    FUNCTION,
    INT,
    MAP,
    NIL,
    UNKNOWN,
    Signature,
    Type,
    array_of,
    assignable,
    same_shape,
    type_of,
)
from flows.expression.syntax import (
    ArrayLiteral,
    Binary,
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
    Unary,
)


@dataclass(frozen=True)
class Scope:
    """What the checker knows of names from outside."""

    variables: Mapping[str, Type] = field(default_factory=dict)
    functions: Mapping[str, tuple[Signature, ...]] = field(default_factory=dict)
    strict: bool = False


def check(tree: Node, scope: Scope) -> None:
    """Check a tree; raise ExpressionError at the first part that cannot work."""
    _Checker(scope).type(tree)


class _Checker:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._lets: dict[str, Type] = {}
        self._pointers: list[dict[str, Type]] = []
        self._by_kind: dict[type[Node], Callable[[Any], Type]] = {
            Literal: lambda node: type_of(node.value),
            Name: lambda node: self._name(node.name, builtins=True),
            Pointer: self._pointer,
            Unary: lambda node: unary(node.operator, self.type(node.operand)),
            Binary: self._binary,
            Member: self._member,
            Chain: lambda node: self.type(node.body),
            Slice: self._slice,
            Call: self._call,
            Builtin: self._builtin,
            Let: self._let,
            Sequence: lambda node: [self.type(part) for part in node.parts][-1],
            Conditional: self._conditional,
            ArrayLiteral: self._array,
            MapLiteral: self._map,
        }

    def type(self, node: Node) -> Type:
        """The type of a node; the innermost node that fails gives the column."""
        try:
            return self._by_kind[node.__class__](node)
        except Fault as fault:
            raise ExpressionError(str(fault), node.at or None) from None

    def _name(self, name: str, *, builtins: bool) -> Type:
        if name in self._lets:
            return self._lets[name]
        if name == "$env":
            return UNKNOWN
        if name in self._scope.variables:
            return self._scope.variables[name]
        if builtins and name in self._scope.functions:
            return Type("func", signatures=self._scope.functions[name])
        if builtins and name in BUILTINS:
            return FUNCTION
        if self._scope.strict:
            raise Fault(f"the name {name} is unknown")
        return UNKNOWN

    def _pointer(self, node: Pointer) -> Type:
        return self._pointers[-1].get(node.name, UNKNOWN) if self._pointers else UNKNOWN

    def _binary(self, node: Binary) -> Type:
        left, right = self.type(node.left), self.type(node.right)
        if node.operator == "%" and _is_zero(node.right) and left.is_integer:
            raise Fault("division by zero")
        return binary(node.operator, left, right)

    def _member(self, node: Member) -> Type:
        if isinstance(node.target, Name) and node.target.name == "$env":
            return self._of_env(node)
        target, key = self.type(node.target), self.type(node.key)
        if target.is_unknown:
            return UNKNOWN
        if target.kind == "map":
            _need(key.is_unknown or _is_key(key, target), f"{key.kind} cannot be the key of this map")
            return target.element or UNKNOWN
        if target.is_array:
            _need(key.is_unknown or key.is_integer, f"{key.kind} cannot be the index of an array")
            return target.element or UNKNOWN
        name = node.key.value if isinstance(node.key, Literal) else None
        found = METHODS.get(target.kind, {}).get(str(name))
        _need(found is not None, f"{target.kind} has no such member")
        return Type("func", found)

    def _of_env(self, node: Member) -> Type:
        if not isinstance(node.key, Literal) or not isinstance(node.key.value, str):
            return UNKNOWN
        if node.optional and node.key.value not in self._scope.variables:
            return UNKNOWN
        return self._name(node.key.value, builtins=False)

    def _slice(self, node: Slice) -> Type:
        target = self.type(node.target)
        if target.is_unknown:
            return UNKNOWN
        _need(target.is_array or target.kind == "string", f"{target.kind} cannot be sliced")
        for bound in (node.start, node.stop):
            type_ = self.type(bound) if bound else INT
            _need(type_.is_integer or type_.is_unknown, f"{type_.kind} cannot be the bound of a slice")
        return target

    def _call(self, node: Call) -> Type:
        callee = self.type(node.callee)
        if callee.is_unknown:
            return UNKNOWN
        _need(callee.kind == "func", f"{callee.kind} is no function")
        arguments = [self.type(argument) for argument in node.arguments]
        if callee.signatures:
            name = node.callee.name if isinstance(node.callee, Name) else "the function"
            return applied(name, callee.signatures, arguments)
        return callee.element or UNKNOWN

    def _let(self, node: Let) -> Type:
        taken = node.name in BUILTINS or node.name in self._scope.functions
        _need(not taken, f"{node.name} is a function and cannot be a variable")
        declared = node.name in self._lets or node.name in self._scope.variables
        _need(not declared, f"the variable {node.name} is declared already")
        outer = self._lets
        self._lets = {**outer, node.name: self.type(node.value)}
        found = self.type(node.body)
        self._lets = outer
        return found

    def _conditional(self, node: Conditional) -> Type:
        condition = self.type(node.condition)
        _need(condition == BOOL or condition.is_unknown, f"a condition is a boolean, not {condition.kind}")
        then, otherwise = self.type(node.then), self.type(node.otherwise)
        if then == NIL or otherwise == NIL:
            return otherwise if then == NIL else then
        if not assignable(then, otherwise):
            return UNKNOWN
        if then.kind == "array" and then.element != otherwise.element:
            return ARRAY
        return then

    def _array(self, node: ArrayLiteral) -> Type:
        types = [self.type(item) for item in node.items]
        if all(same_shape(left, right) for left, right in pairwise(types)):
            return array_of(types[-1] if types else UNKNOWN)
        return ARRAY

    def _map(self, node: MapLiteral) -> Type:
        for key, value in node.pairs:
            self.type(key)
            self.type(value)
        return MAP

    def _builtin(self, node: Builtin) -> Type:
        if node.name in self._scope.variables:
            raise Fault(f"the variable {node.name} is no function")
        if node.name == "get":
            return self._get(node)
        if node.name in SIGNATURES or node.name in RULES:
            arguments = [self.type(argument) for argument in node.arguments]
            _need(node.name != "sort" or NIL not in arguments[:1], "sort takes an array, not nil")
            if node.name in RULES:
                return RULES[node.name](node.name, arguments)
            return applied(node.name, SIGNATURES[node.name], arguments)
        return self._loop(node)

    def _get(self, node: Builtin) -> Type:
        _need(len(node.arguments) == 2, f"get takes 2 arguments, not {len(node.arguments)}")
        target, key = map(self.type, node.arguments)
        if target.is_unknown:
            return UNKNOWN
        _need(target.is_array or target.kind == "map", f"get is not possible on {target.kind}")
        fits = key.is_integer if target.is_array else _is_key(key, target)
        _need(fits or key.is_unknown, f"{key.kind} cannot be the key or index of get")
        return target.element or UNKNOWN

    def _loop(self, node: Builtin) -> Type:
        collection = self.type(node.arguments[0])
        _need(collection.is_array or collection.is_unknown, f"{node.name} takes an array, not {collection.kind}")
        element = (collection.element or UNKNOWN) if collection.is_array else UNKNOWN
        if len(node.arguments) == 1:
            return INT if node.name == "count" else element
        answer = self._asked(node.arguments[1], element)
        for argument in node.arguments[2:]:
            order = self.type(argument)
            _need(node.name == "reduce" or order.kind == "string" or order.is_unknown, "a sort order is a string")
        return gives_of(node.name, collection, element, answer)

    def _asked(self, predicate: Node, element: Type) -> Type:
        assert isinstance(predicate, Predicate)
        self._pointers.append({"": element, "index": INT, "acc": UNKNOWN})
        answer = self.type(predicate.body)
        self._pointers.pop()
        _need(answer != NIL, "a predicate gives a value, not nil")
        return answer


def _is_key(key: Type, target: Type) -> bool:
    return assignable(key, ANY) if target.form else key.kind == "string"


def _is_zero(node: Node) -> bool:
    return isinstance(node, Literal) and node.value.__class__ is int and node.value == 0


def _need(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Fault(otherwise)
