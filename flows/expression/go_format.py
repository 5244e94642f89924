"""Any value as text, the way Go's %v writes it."""

from typing import Any

from flows.expression.calendar_names import NAMED
from flows.expression.durations import format_duration
from flows.expression.errors import Fault
from flows.expression.layouts import format_time
from flows.expression.limits import Budget
from flows.expression.numbers_text import format_float
from flows.expression.times import Duration, Location, Time
from flows.expression.values import ARRAYS, AnyMap, method

GO_TIME = "2006-01-02 15:04:05.999999999 -0700 MST"
"""The layout in which Go writes a time when none is given."""


def text_of(value: Any, budget: Budget) -> str:
    """Write a value: strings bare, arrays in brackets, maps with sorted keys, nil as `<nil>`."""
    kind = value.__class__
    budget.step()
    if kind is str:
        budget.write(len(value))
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is float:
        return format_float(value)
    if isinstance(value, int) and kind not in NAMED:
        return str(int(value))
    if kind in ARRAYS or kind is bytes:
        return f"[{' '.join(text_of(item, budget) for item in value)}]"
    if kind in (dict, AnyMap):
        entries = (f"{text_of(key, budget)}:{text_of(item, budget)}" for key, item in _sorted(value))
        return f"map[{' '.join(entries)}]"
    return _named(value)


def _sorted(value: Any) -> list[tuple[Any, Any]]:
    return sorted(value.items(), key=lambda entry: (entry[0].__class__.__name__, entry[0]))


def _named(value: Any) -> str:
    if value is None:
        return "<nil>"
    if value.__class__ is Time:
        return format_time(value, GO_TIME)
    if value.__class__ is Duration:
        return format_duration(value)
    if value.__class__ is Location:
        return str(value.name)
    written = method(value, "String")
    if written is None:
        raise Fault("a function cannot be written as text")
    return str(written())
