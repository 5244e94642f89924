"""Turns a syntax tree into Python closures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from blocks.errors import DrayageError
from flows.expression import builtin_collections, builtin_numbers, builtin_text, builtin_times, loops, operators
from flows.expression.access import cut, fetch
from flows.expression.errors import ExpressionError, Fault
from flows.expression.frame import Frame
from flows.expression.operators import truncate
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
from flows.expression.values import is_nil, known, type_name

Run = Callable[[Frame], Any]

FUNCTIONS = {
    **builtin_collections.TABLE,
    **builtin_numbers.TABLE,
    **builtin_text.TABLE,
    **builtin_times.TABLE,
}
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


class _Nothing:
    """What an optional chain carries to its end after it met nil."""


_NOTHING = _Nothing()


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
            Unary: self._unary,
            Binary: self._binary,
            Member: self._member,
            Chain: self._chain,
            Slice: self._slice,
            Call: self._call,
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
            return lambda frame: frame.env
        return lambda frame: known(frame.env.get(name))

    def _pointer(self, node: Pointer) -> Run:
        if not self._pointers:
            raise ExpressionError("# is used outside a predicate", node.at)
        if node.name not in self._pointers[-1]:
            raise ExpressionError(f"#{node.name} is unknown here", node.at)
        slot = self._pointers[-1][node.name]
        return lambda frame: frame.slots[slot]

    def _let(self, node: Let) -> Run:
        value, slot = self.compile(node.value), self._slot()
        outer = self._variables
        self._variables = {**outer, node.name: slot}
        body = self.compile(node.body)
        self._variables = outer

        def run(frame: Frame) -> Any:
            frame.slots[slot] = value(frame)
            return body(frame)

        return run

    def _sequence(self, node: Sequence) -> Run:
        parts = [self.compile(part) for part in node.parts]
        first, last = parts[:-1], parts[-1]

        def run(frame: Frame) -> Any:
            for part in first:
                part(frame)
            return last(frame)

        return run

    def _conditional(self, node: Conditional) -> Run:
        condition, at = self.compile(node.condition), node.condition.at
        then, otherwise = self.compile(node.then), self.compile(node.otherwise)
        return lambda frame: then(frame) if _boolean(condition(frame), at) else otherwise(frame)

    def _unary(self, node: Unary) -> Run:
        operand, at = self.compile(node.operand), node.at
        if node.operator in ("!", "not"):
            return lambda frame: not _boolean(operand(frame), at)
        if node.operator == "+":
            return operand

        def run(frame: Frame) -> Any:
            try:
                return operators.negate(operand(frame))
            except Fault as fault:
                raise ExpressionError(str(fault), at) from None

        return run

    def _binary(self, node: Binary) -> Run:
        special = {
            "and": self._and,
            "&&": self._and,
            "or": self._or,
            "||": self._or,
            "??": self._otherwise,
            "==": self._equality,
            "!=": self._equality,
            "in": self._in,
            "..": self._range,
            "matches": self._matches,
        }
        if node.operator in special:
            return special[node.operator](node)
        left, right, at = self.compile(node.left), self.compile(node.right), node.at
        return _guarded(_SIMPLE[node.operator], left, right, at, grows=node.operator == "+")

    def _and(self, node: Binary) -> Run:
        left, right, at = self.compile(node.left), self.compile(node.right), node.at
        return lambda frame: right(frame) if _boolean(left(frame), at) else False

    def _or(self, node: Binary) -> Run:
        left, right, at = self.compile(node.left), self.compile(node.right), node.at
        return lambda frame: True if _boolean(left(frame), at) else right(frame)

    def _otherwise(self, node: Binary) -> Run:
        left, right = self.compile(node.left), self.compile(node.right)

        def run(frame: Frame) -> Any:
            value = left(frame)
            return right(frame) if is_nil(value) else value

        return run

    def _in(self, node: Binary) -> Run:
        if isinstance(node.right, Binary) and node.right.operator == "..":
            return self._in_range(node, node.right)
        left, right, at = self.compile(node.left), self.compile(node.right), node.at

        def run(frame: Frame) -> bool:
            try:
                return operators.contains(left(frame), right(frame), frame.budget)
            except Fault as fault:
                raise ExpressionError(str(fault), at) from None

        return run

    def _equality(self, node: Binary) -> Run:
        left, right, at, same = self.compile(node.left), self.compile(node.right), node.at, node.operator == "=="

        def run(frame: Frame) -> bool:
            try:
                return operators.equal(left(frame), right(frame), frame.budget) is same
            except Fault as fault:
                raise ExpressionError(str(fault), at) from None

        return run

    def _in_range(self, node: Binary, bounds: Binary) -> Run:
        needle, at = self.compile(node.left), node.at
        first, last = self.compile(bounds.left), self.compile(bounds.right)

        def run(frame: Frame) -> bool:
            try:
                return operators.in_range(needle(frame), truncate(first(frame)), truncate(last(frame)))
            except Fault as fault:
                raise ExpressionError(str(fault), at) from None

        return run

    def _range(self, node: Binary) -> Run:
        left, right, at = self.compile(node.left), self.compile(node.right), node.at

        def run(frame: Frame) -> list[int]:
            try:
                first, last = truncate(left(frame)), truncate(right(frame))
                frame.budget.grow(max(0, last - first + 1))
            except Fault as fault:
                raise ExpressionError(str(fault), at) from None
            return list(range(first, last + 1))

        return run

    def _matches(self, node: Binary) -> Run:
        left, right, at = self.compile(node.left), self.compile(node.right), node.at
        if isinstance(node.right, Literal) and isinstance(node.right.value, str):
            _at_place(at, operators.regular, node.right.value)

        def run(frame: Frame) -> bool:
            try:
                value = left(frame)
                if value.__class__ in (str, bytes):
                    frame.budget.write(len(value))
                return operators.matches(value, right(frame))
            except Fault as fault:
                raise ExpressionError(str(fault), at) from None

        return run

    def _member(self, node: Member) -> Run:
        target, key, at, optional = self.compile(node.target), self.compile(node.key), node.at, node.optional
        hint = f" (reading {str(node.key.value)[:60]!r})" if isinstance(node.key, Literal) else ""

        def run(frame: Frame) -> Any:
            value = target(frame)
            if value is _NOTHING or (optional and is_nil(value)):
                return _NOTHING
            try:
                return fetch(value, key(frame))
            except Fault as fault:
                raise ExpressionError(f"{fault}{hint}", at) from None

        return run

    def _chain(self, node: Chain) -> Run:
        body = self.compile(node.body)

        def run(frame: Frame) -> Any:
            value = body(frame)
            return None if value is _NOTHING else value

        return run

    def _slice(self, node: Slice) -> Run:
        target, at = self.compile(node.target), node.at
        start = self.compile(node.start) if node.start else _none
        stop = self.compile(node.stop) if node.stop else _none

        def run(frame: Frame) -> Any:
            try:
                part = cut(target(frame), start(frame), stop(frame))
                frame.budget.write(len(part))
            except Fault as fault:
                raise ExpressionError(str(fault), at) from None
            return part

        return run

    def _call(self, node: Call) -> Run:
        callee, at = self.compile(node.callee), node.at
        name = node.callee.name if isinstance(node.callee, Name) else "the method"
        arguments = [self.compile(argument) for argument in node.arguments]

        def run(frame: Frame) -> Any:
            function = callee(frame)
            if function is _NOTHING:
                return _NOTHING
            if function is None:
                raise ExpressionError(f"there is no function {name}", at)
            if not callable(function):
                raise ExpressionError(f"{name} is no function but {type_name(function)}", at)
            frame.budget.look_at_clock()
            return known(_called(function, name, [argument(frame) for argument in arguments], at))

        return run

    def _builtin(self, node: Builtin) -> Run:
        if node.name not in FUNCTIONS:
            return self._loop(node)
        function, least, most = FUNCTIONS[node.name]
        if not least <= len(node.arguments) <= most:
            count = str(least) if least == most else f"{least} to {most}"
            raise ExpressionError(f"{node.name} takes {count} arguments, not {len(node.arguments)}", node.at)
        arguments, at = [self.compile(argument) for argument in node.arguments], node.at

        def run(frame: Frame) -> Any:
            values = [argument(frame) for argument in arguments]
            try:
                frame.budget.step()
                return function(frame, *values)
            except Fault as fault:
                raise ExpressionError(str(fault), at) from None

        return run

    def _loop(self, node: Builtin) -> Run:
        collection, at = self.compile(node.arguments[0]), node.at
        slots = {"": self._slot(), "index": self._slot(), "acc": self._slot()}
        body = self._predicate(node, slots) if len(node.arguments) > 1 else None
        more = [self.compile(argument) for argument in node.arguments[2:]]
        item, index, accumulator = slots.values()

        def asked(frame: Frame) -> loops.Ask:
            def ask(place: int, element: Any) -> Any:
                frame.budget.step()
                if body is None:
                    return element
                frame.slots[item], frame.slots[index] = element, place
                return body(frame)

            return ask

        def fold(frame: Frame, items: Any) -> Any:
            ask = asked(frame)

            def step(place: int, element: Any, so_far: Any) -> Any:
                frame.slots[accumulator] = so_far
                return ask(place, element)

            return loops.reduce(items, step, [value(frame) for value in more])

        def run(frame: Frame) -> Any:
            try:
                items = loops.elements(collection(frame))
                if node.name == "reduce":
                    return fold(frame, items)
                return loops.RUN[node.name](frame, items, asked(frame), *(value(frame) for value in more))
            except Fault as fault:
                raise ExpressionError(str(fault), at) from None

        return run

    def _predicate(self, node: Builtin, slots: dict[str, int]) -> Run:
        predicate = node.arguments[1]
        assert isinstance(predicate, Predicate)
        allowed = {"map": ("", "index"), "reduce": ("", "index", "acc")}.get(node.name, ("",))
        self._pointers.append({name: slots[name] for name in allowed})
        body = self.compile(predicate.body)
        self._pointers.pop()
        return body

    def _array(self, node: ArrayLiteral) -> Run:
        items = [self.compile(item) for item in node.items]

        def run(frame: Frame) -> list[Any]:
            _at_place(node.at, frame.budget.grow, len(items))
            return [item(frame) for item in items]

        return run

    def _map(self, node: MapLiteral) -> Run:
        pairs = [(self.compile(key), self.compile(value)) for key, value in node.pairs]

        def run(frame: Frame) -> dict[str, Any]:
            _at_place(node.at, frame.budget.grow, len(pairs))
            made: dict[str, Any] = {}
            for key, value in pairs:
                name = key(frame)
                if name.__class__ is not str:
                    raise ExpressionError(f"a map's key is a string, not {type_name(name)}", node.at)
                made.setdefault(name, value(frame))
            return made

        return run


def _none(_frame: Frame) -> None:
    return None


def _at_place(at: int, function: Callable[[Any], Any], argument: Any) -> Any:
    try:
        return function(argument)
    except Fault as fault:
        raise ExpressionError(str(fault), at) from None


def _boolean(value: Any, at: int) -> bool:
    if value.__class__ is not bool:
        raise ExpressionError(f"a boolean is needed, not {type_name(value)}", at)
    return bool(value)


def _guarded(operate: Callable[[Any, Any], Any], left: Run, right: Run, at: int, *, grows: bool) -> Run:
    def run(frame: Frame) -> Any:
        try:
            value = operate(left(frame), right(frame))
            if grows and value.__class__ is str:
                frame.budget.write(len(value))
        except Fault as fault:
            raise ExpressionError(str(fault), at) from None
        return value

    return run


def _called(function: Callable[..., Any], name: str, arguments: list[Any], at: int) -> Any:
    """Call a function from outside; our own errors pass, so that what may succeed later is still retried."""
    try:
        return function(*arguments)
    except Fault as fault:
        raise ExpressionError(str(fault), at) from None
    except DrayageError:
        raise
    except TypeError:
        raise ExpressionError(f"{name} cannot be called with these {len(arguments)} arguments", at) from None
    except Exception as error:
        raise ExpressionError(f"{name} fails with {type(error).__name__}", at) from error
