"""Built-ins on numbers."""

import math
import statistics
from collections.abc import Callable, Iterable
from typing import Any

from flows.expression.calendar_names import NAMED
from flows.expression.errors import Fault
from flows.expression.frame import Frame
from flows.expression.numbers_text import parse_float, parse_int, wrap
from flows.expression.operators import less, negate, truncate
from flows.expression.times import Duration
from flows.expression.values import ARRAYS, INTEGERS, NUMBERS, Byte, type_name

MAX_NESTING = 200
_SEVERAL = ARRAYS | {bytes}


def _number(name: str, value: Any) -> Any:
    if value.__class__ not in NUMBERS:
        raise Fault(f"{name} takes a number, not {type_name(value)}")
    return value


def absolute(_frame: Frame, value: Any) -> Any:
    """A number without its sign."""
    number = _number("abs", value)
    return negate(number) if number < 0 else number


def rounding(name: str, rule: Callable[[float], int]) -> Callable[[Frame, Any], float]:
    """Make a rounding function; it gives a float."""

    def run(_frame: Frame, value: Any) -> float:
        number = float(_number(name, value))
        return math.copysign(float(rule(number)), number) if math.isfinite(number) else number

    return run


def half_away(value: float) -> int:
    """Round half away from zero."""
    whole = math.trunc(value)
    return whole + (1 if value > 0 else -1) if abs(value - whole) >= 0.5 else whole


def to_int(_frame: Frame, value: Any) -> int:
    """A number cut towards zero, or a decimal text, as a 64-bit integer."""
    if value.__class__ is str:
        parsed = parse_int(value)
        if parsed is None:
            raise Fault("int is given a string that is no integer")
        return parsed
    if value.__class__ is Duration:
        return int(value.nanoseconds)
    if value.__class__ in NAMED:
        return int(value)
    return truncate(_number("int", value))


def to_float(_frame: Frame, value: Any) -> float:
    """A number or a text as a float."""
    if value.__class__ is str:
        parsed = parse_float(value)
        if parsed is None:
            raise Fault("float is given a string that is no number")
        return parsed
    return float(_number("float", value))


def extreme(name: str, replaces: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    """Make max or min: over its arguments and the arrays among them; of a single value that is no array, it."""

    def run(frame: Frame, *values: Any) -> Any:
        if len(values) == 1 and values[0].__class__ not in _SEVERAL:
            return values[0]
        if all(value.__class__ is Duration for value in values):
            return max(values, key=_nanoseconds) if name == "max" else min(values, key=_nanoseconds)
        best = None
        for number in _flat(frame, name, values):
            if best is None or replaces(best, number):
                best = number
        return best

    return run


def mean(frame: Frame, *values: Any) -> float:
    """The mean of all numbers given and in arrays given; 0 of none."""
    total, count = 0.0, 0
    for count, number in enumerate(_flat(frame, "mean", values), 1):  # noqa: B007 - the last count is used
        total += number  # not sum(), which from Python 3.12 on rounds better than Go
    return total / count if count else 0.0


def median(frame: Frame, *values: Any) -> float:
    """The median of all numbers given and in arrays given; 0 of none."""
    numbers = [float(number) for number in _flat(frame, "median", values)]
    return statistics.median(numbers) if numbers else 0.0


def _flat(frame: Frame, name: str, values: Iterable[Any], depth: int = 0) -> Iterable[Any]:
    if depth > MAX_NESTING:
        raise Fault(f"{name} is given arrays nested too deeply")
    for value in values:
        frame.budget.step()
        if value.__class__ in _SEVERAL:
            yield from _flat(frame, name, map(Byte, value) if value.__class__ is bytes else value, depth + 1)
        elif value.__class__ is Duration and name in ("mean", "median"):
            yield value.nanoseconds
        else:
            yield _number(name, value)


def _nanoseconds(span: Duration) -> int:
    return span.nanoseconds


def _integer(name: str, value: Any) -> int:
    if value.__class__ not in INTEGERS:
        raise Fault(f"{name} takes integers, not {type_name(value)}")
    return int(value)


def bits(name: str, rule: Callable[[int, int], int]) -> Callable[[Frame, Any, Any], int]:
    """Make a function on two 64-bit integers."""
    return lambda _frame, left, right: wrap(rule(_integer(name, left), _integer(name, right)))


def shift(name: str, rule: Callable[[int, int], int]) -> Callable[[Frame, Any, Any], int]:
    """Make a shift; a negative count is an error, from 64 on nothing but the sign is left."""

    def run(_frame: Frame, value: Any, count: Any) -> int:
        number, places = _integer(name, value), _integer(name, count)
        if places < 0:
            raise Fault(f"{name} takes no negative count")
        return wrap(rule(number, min(places, 64)))

    return run


TABLE: dict[str, tuple[Callable[..., Any], int, int]] = {
    "abs": (absolute, 1, 1),
    "ceil": (rounding("ceil", math.ceil), 1, 1),
    "floor": (rounding("floor", math.floor), 1, 1),
    "round": (rounding("round", half_away), 1, 1),
    "int": (to_int, 1, 1),
    "float": (to_float, 1, 1),
    "max": (extreme("max", less), 1, 1000),
    "min": (extreme("min", lambda best, other: less(other, best)), 1, 1000),
    "mean": (mean, 1, 1000),
    "median": (median, 1, 1000),
    "bitand": (bits("bitand", lambda left, right: left & right), 2, 2),
    "bitor": (bits("bitor", lambda left, right: left | right), 2, 2),
    "bitxor": (bits("bitxor", lambda left, right: left ^ right), 2, 2),
    "bitnand": (bits("bitnand", lambda left, right: left & ~right), 2, 2),
    "bitshl": (shift("bitshl", lambda value, places: value << places), 2, 2),
    "bitshr": (shift("bitshr", lambda value, places: value >> places), 2, 2),
    "bitushr": (shift("bitushr", lambda value, places: (value & ((1 << 64) - 1)) >> places), 2, 2),
    "bitnot": (lambda _frame, value: ~_integer("bitnot", value), 1, 1),
}
"""Name: function, least and most arguments."""
