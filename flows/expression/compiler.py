"""Turns a syntax tree into Python closures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flows.expression import compiled_calls, compiled_loops, compiled_members, compiled_operators
from flows.expression.errors import ExpressionError, Fault
from flows.expression.frame import Frame
from flows.expression.names import LOOPS
from flows.expression.runs import Run, boolean, located
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
from flows.expression.values import known, type_name


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled expression and how many slots it needs."""

    run: Run
    slots: int


def compile_tree(tree: Node) -> Program:
    """Compile a tree; raise ExpressionError for what can be seen to be wrong already."""
    compiler = _Compiler()
    run = compiler.compile(tree)
    return Program(run, compiler.slots)


class _Compiler:
    """One compilation; knows which slot holds which variable."""

    def __init__(self) -> None:
        self.slots = 0
        self._variables: dict[str, int] = {}
        self._pointers: list[dict[str, int]] = []
        self._by_kind: dict[type[Node], Callable[[Any], Run]] = {
            Literal: self._literal,
            Name: self._name,
            Pointer: self._pointer,
            Unary: lambda node: compiled_operators.unary(node, self.compile),
            Binary: lambda node: compiled_operators.binary(node, self.compile),
            Member: lambda node: compiled_members.member(node, self.compile),
            Chain: lambda node: compiled_members.chain(node, self.compile),
            Slice: lambda node: compiled_members.slice_(node, self.compile),
            Call: lambda node: compiled_calls.call(node, self.compile),
            Builtin: self._builtin,
            Let: self._let,
            Sequence: self._sequence,
            Conditional: self._conditional,
            ArrayLiteral: self._array,
            MapLiteral: self._map,
        }

    def compile(self, node: Node) -> Run:
        """Compile one node."""
        return self._by_kind[node.__class__](node)

    def _slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    def _literal(self, node: Literal) -> Run:
        value = node.value
        return lambda frame: value

    def _name(self, node: Name) -> Run:
        name = node.name
        if name in self._variables:
            slot = self._variables[name]
            return lambda frame: frame.slots[slot]
        if name == "$env":
            return lambda frame: frame.env.get("$env", frame.env)
        return lambda frame: known(frame.env.get(name))

    def _pointer(self, node: Pointer) -> Run:
        if not self._pointers:
            raise ExpressionError("# is used outside a predicate", node.at)
        if node.name not in self._pointers[-1]:
            raise ExpressionError(f"#{node.name} is unknown here", node.at)
        slot = self._pointers[-1][node.name]
        return lambda frame: frame.slots[slot]

    def _let(self, node: Let) -> Run:
        value, slot, outer = self.compile(node.value), self._slot(), self._variables
        self._variables = {**outer, node.name: slot}
        body = self.compile(node.body)
        self._variables = outer

        def run(frame: Frame) -> Any:
            frame.slots[slot] = value(frame)
            return body(frame)

        return run

    def _sequence(self, node: Sequence) -> Run:
        *first, last = map(self.compile, node.parts)

        def run(frame: Frame) -> Any:
            for part in first:
                part(frame)
            return last(frame)

        return run

    def _conditional(self, node: Conditional) -> Run:
        condition, at = self.compile(node.condition), node.condition.at
        then, otherwise = self.compile(node.then), self.compile(node.otherwise)
        return lambda frame: then(frame) if boolean(condition(frame), at) else otherwise(frame)

    def _builtin(self, node: Builtin) -> Run:
        if node.name not in LOOPS:
            return compiled_calls.builtin(node, self.compile)
        slots = {"": self._slot(), "index": self._slot(), "acc": self._slot()}
        return compiled_loops.loop(node, self._predicate(node, slots), slots, self.compile)

    def _predicate(self, node: Builtin, slots: dict[str, int]) -> Run | None:
        predicate = node.arguments[1] if len(node.arguments) > 1 else None
        if not isinstance(predicate, Predicate):
            return None
        self._pointers.append({name: slots[name] for name in compiled_loops.POINTERS.get(node.name, ("",))})
        body = self.compile(predicate.body)
        self._pointers.pop()
        return body

    def _array(self, node: ArrayLiteral) -> Run:
        items = [self.compile(item) for item in node.items]

        def run(frame: Frame) -> list[Any]:
            frame.budget.grow(len(items))
            return [item(frame) for item in items]

        return located(run, node.at)

    def _map(self, node: MapLiteral) -> Run:
        pairs = [(self.compile(key), self.compile(value)) for key, value in node.pairs]

        def run(frame: Frame) -> dict[str, Any]:
            frame.budget.grow(len(pairs))
            made: dict[str, Any] = {}
            for key, value in pairs:
                name = key(frame)
                if name.__class__ is not str:
                    raise Fault(f"a map's key is a string, not {type_name(name)}")
                made.setdefault(name, value(frame))
            return made

        return located(run, node.at)
