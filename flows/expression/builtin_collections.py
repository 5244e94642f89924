"""Built-ins on arrays and maps that take no predicate."""

from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from flows.expression.access import element, get
from flows.expression.errors import Fault
from flows.expression.frame import Frame
from flows.expression.limits import Budget
from flows.expression.operators import equal, less
from flows.expression.values import ARRAYS, INTEGERS, MAPS, AnyMap, Byte, NilArray, Struct, type_name

MAX_NESTING = 200
_INDEXED = ARRAYS | {str, bytes}


def _array(name: str, value: Any) -> Any:
    if value.__class__ is bytes:
        return [Byte(byte) for byte in value]
    if value.__class__ not in ARRAYS:
        raise Fault(f"{name} takes an array, not {type_name(value)}")
    return value


def _map(name: str, value: Any) -> Any:
    if value.__class__ not in MAPS and value.__class__ is not AnyMap:
        raise Fault(f"{name} takes a map, not {type_name(value)}")
    return value


def length(_frame: Frame, value: Any) -> int:
    """Elements, entries, bytes, or characters of a string."""
    if value.__class__ in ARRAYS or value.__class__ in (str, bytes, dict, Struct, AnyMap):
        return len(value)
    raise Fault(f"len is not possible on {type_name(value)}")


def at_end(index: int) -> Callable[[Frame, Any], Any]:
    """Make first or last: nil where there is no such element."""
    return lambda _frame, value: element(value, index)[1] if value.__class__ in _INDEXED else None


def take(frame: Frame, value: Any, count: Any) -> Any:
    """The first `count` elements, or all where there are fewer."""
    items = value if value.__class__ is bytes else _array("take", value)
    if count.__class__ not in INTEGERS or count < 0:
        raise Fault("take takes a count that is an integer, 0 or more")
    frame.budget.step(1 + min(count, len(items)) // 100)
    return items[:count]


def keys(frame: Frame, value: Any) -> list[Any]:
    """The keys of a map."""
    frame.budget.grow(len(_map("keys", value)))
    return [key for key, _ in value.items()]


def values(frame: Frame, value: Any) -> list[Any]:
    """The values of a map."""
    frame.budget.grow(len(_map("values", value)))
    return [item for _, item in value.items()]


def to_pairs(frame: Frame, value: Any) -> list[Any]:
    """A map as an array of [key, value]."""
    frame.budget.grow(2 * len(_map("toPairs", value)))
    return [[key, item] for key, item in value.items()]


def from_pairs(frame: Frame, value: Any) -> AnyMap:
    """A map of an array of [key, value]; keys may be any scalar."""
    made = AnyMap()
    for pair in _array("fromPairs", value):
        if len(_array("fromPairs", pair)) != 2:
            raise Fault("fromPairs takes pairs of a key and a value")
        frame.budget.grow(1)
        made[pair[0]] = pair[1]
    return made


def reverse(frame: Frame, value: Any) -> list[Any]:
    """The elements, last first."""
    items = _array("reverse", value)
    frame.budget.grow(len(items))
    return list(items[::-1])


def uniq(frame: Frame, value: Any) -> list[Any]:
    """The elements without repetitions, in the order of their first occurrence."""
    kept: list[Any] = []
    seen: set[tuple[bool, Any]] = set()
    for item in _array("uniq", value):
        if _add_hashed(item, seen) or (not _is_plain(item) and not _is_among(item, kept, frame.budget)):
            kept.append(item)
    frame.budget.grow(len(kept))
    return kept


def _is_plain(item: Any) -> bool:
    return isinstance(item, (str, int, float)) and item == item


def _add_hashed(item: Any, seen: set[tuple[bool, Any]]) -> bool:
    """Note a string, a number or a boolean, and say whether it is new; other values are not noted."""
    mark = item.__class__ is bool, item
    if not _is_plain(item) or mark in seen:
        return False
    seen.add(mark)
    return True


def _is_among(item: Any, kept: list[Any], budget: Budget) -> bool:
    budget.step(1 + len(kept))
    return any(equal(item, other, budget) for other in kept)


def concat(frame: Frame, *arrays: Any) -> list[Any]:
    """All elements of several arrays; of nothing but empty ones, an array that was never made."""
    several = [_array("concat", array) for array in arrays]
    frame.budget.grow(sum(map(len, several)))
    joined = [item for array in several for item in array]
    return joined or NilArray()


def flatten(frame: Frame, value: Any) -> list[Any]:
    """The elements of all arrays within, however deep."""
    flat: list[Any] = []
    _flatten_into(flat, _array("flatten", value), frame.budget, 0)
    return flat


def _flatten_into(flat: list[Any], items: Any, budget: Budget, depth: int) -> None:
    if depth > MAX_NESTING:
        raise Fault("flatten is given arrays nested too deeply")
    for item in items:
        if item.__class__ in ARRAYS:
            _flatten_into(flat, item, budget, depth + 1)
        else:
            budget.grow(1)
            flat.append(item)


def descending(order: Any) -> bool:
    """Read a sort order, `asc` or `desc`."""
    if order.__class__ is not str or order not in ("asc", "desc"):
        raise Fault('a sort order is "asc" or "desc"')
    return bool(order == "desc")


def sort(frame: Frame, value: Any, order: Any = "asc") -> list[Any]:
    """The elements in order, "asc" or "desc"; what is no array gives an array that was never made."""
    downwards = descending(order)
    if value.__class__ not in ARRAYS:
        return NilArray()
    return sorted_by(frame.budget, value, value, downwards=downwards)


def sorted_by(budget: Budget, items: Any, marks: Any, *, downwards: bool) -> list[Any]:
    """Sort items by marks of one kind that has an order; items with equal marks keep theirs."""

    def compare(left: int, right: int) -> int:
        budget.step()
        return sign * (less(marks[right], marks[left]) - less(marks[left], marks[right]))

    budget.grow(len(items))
    sign = -1 if downwards else 1
    places: list[int] = sorted(range(len(items)), key=cmp_to_key(compare))
    return [items[place] for place in places]


TABLE: dict[str, tuple[Callable[..., Any], int, int]] = {
    "len": (length, 1, 1),
    "type": (lambda _frame, value: type_name(value), 1, 1),
    "first": (at_end(0), 1, 1),
    "last": (at_end(-1), 1, 1),
    "get": (lambda _frame, target, key: get(target, key), 2, 2),
    "take": (take, 2, 2),
    "keys": (keys, 1, 1),
    "values": (values, 1, 1),
    "toPairs": (to_pairs, 1, 1),
    "fromPairs": (from_pairs, 1, 1),
    "reverse": (reverse, 1, 1),
    "uniq": (uniq, 1, 1),
    "concat": (concat, 1, 1000),
    "flatten": (flatten, 1, 1),
    "sort": (sort, 1, 2),
}
"""Name: function, least and most arguments."""
