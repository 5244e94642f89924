"""Built-ins that run a predicate for each element of an array."""

from collections.abc import Callable, Iterator
from typing import Any

from flows.expression.builtin_collections import descending, sorted_by
from flows.expression.errors import Fault
from flows.expression.frame import Frame
from flows.expression.operators import add
from flows.expression.times import Duration
from flows.expression.values import ARRAYS, NUMBERS, AnyMap, Byte, NilArray, type_name

Ask = Callable[[int, Any], Any]
"""Run the predicate for an index and an element."""


def elements(value: Any) -> Any:
    """The elements a predicate is run for; of a string or bytes, the bytes."""
    if value.__class__ in ARRAYS:
        return value
    if value.__class__ in (str, bytes):
        return [Byte(byte) for byte in (value.encode(errors="replace") if value.__class__ is str else value)]
    raise Fault(f"an array is needed, not {type_name(value)}")


def _holding(items: Any, ask: Ask, *, backwards: bool = False) -> Iterator[tuple[int, Any]]:
    """Yield index and element where the predicate holds."""
    places = range(len(items) - 1, -1, -1) if backwards else range(len(items))
    for place in places:
        verdict = ask(place, items[place])
        if verdict.__class__ is not bool:
            raise Fault(f"a predicate gives a boolean, not {type_name(verdict)}")
        if verdict:
            yield place, items[place]


def _failing(items: Any, ask: Ask) -> Iterator[tuple[int, Any]]:
    def negated(place: int, item: Any) -> Any:
        verdict = ask(place, item)
        return (not verdict) if verdict.__class__ is bool else verdict

    return _holding(items, negated)


def _has(found: Iterator[tuple[int, Any]]) -> bool:
    return next(found, None) is not None


def _filter(frame: Frame, items: Any, ask: Ask) -> list[Any]:
    kept = [item for _, item in _holding(items, ask)]
    frame.budget.grow(len(kept))
    return kept


def _map(frame: Frame, items: Any, ask: Ask) -> list[Any]:
    frame.budget.grow(len(items))
    return [ask(place, item) for place, item in enumerate(items)]


def _count(_frame: Frame, items: Any, ask: Ask) -> int:
    return sum(1 for _ in _holding(items, ask))


def _sum(_frame: Frame, items: Any, ask: Ask) -> Any:
    total: Any = 0
    for place, item in enumerate(items):
        value = ask(place, item)
        if value.__class__ not in NUMBERS and value.__class__ is not Duration:
            raise Fault(f"sum takes numbers, not {type_name(value)}")
        total = value if place == 0 and value.__class__ is not Byte else add(total, value)
    return total


def _group(frame: Frame, items: Any, ask: Ask) -> AnyMap:
    groups = AnyMap(NilArray)
    frame.budget.grow(len(items))
    for place, item in enumerate(items):
        key = ask(place, item)
        if key not in groups:
            groups[key] = []
        groups[key].append(item)
    return groups


def _sort(frame: Frame, items: Any, ask: Ask, order: Any = "asc") -> list[Any]:
    downwards = descending(order)
    marks = [ask(place, item) for place, item in enumerate(items)]
    return sorted_by(frame.budget, items, marks, downwards=downwards)


def _found(place: int, *, backwards: bool) -> Callable[[Frame, Any, Ask], Any]:
    """Make a finder that gives the index (place 0) or the element (place 1)."""
    return lambda _frame, items, ask: next(_holding(items, ask, backwards=backwards), (None, None))[place]


RUN: dict[str, Callable[..., Any]] = {
    "all": lambda _frame, items, ask: not _has(_failing(items, ask)),
    "none": lambda _frame, items, ask: not _has(_holding(items, ask)),
    "any": lambda _frame, items, ask: _has(_holding(items, ask)),
    "one": lambda _frame, items, ask: sum(1 for _ in _holding(items, ask)) == 1,
    "filter": _filter,
    "map": _map,
    "count": _count,
    "sum": _sum,
    "find": _found(1, backwards=False),
    "findIndex": _found(0, backwards=False),
    "findLast": _found(1, backwards=True),
    "findLastIndex": _found(0, backwards=True),
    "groupBy": _group,
    "sortBy": _sort,
}
"""What each loop does with the elements; `reduce`, which has an accumulator, is not among them."""


def reduce(items: Any, step: Callable[[int, Any, Any], Any], initial: list[Any]) -> Any:
    """Fold the elements into one value, from `initial` (one value) or, where that is empty, from the first element."""
    if not items and not initial:
        raise Fault("reduce of an empty array needs an initial value")
    accumulator = initial[0] if initial else items[0]
    for place in range(0 if initial else 1, len(items)):
        accumulator = step(place, items[place], accumulator)
    return accumulator
