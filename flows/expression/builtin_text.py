"""Built-ins on strings."""

import base64
import binascii
from collections.abc import Callable
from functools import partial
from typing import Any

from flows.expression import go_json
from flows.expression.errors import Fault
from flows.expression.frame import Frame
from flows.expression.go_format import text_of
from flows.expression.limits import MAX_ELEMENTS, Budget
from flows.expression.operators import truncate
from flows.expression.values import ARRAYS, NilArray, type_name

_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"


def _text(budget: Budget, name: str, value: Any) -> str:
    if value.__class__ is not str:
        raise Fault(f"{name} takes a string, not {type_name(value)}")
    budget.write(len(value))
    return str(value)


def on_text(name: str, rule: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function whose arguments are all strings."""
    return lambda frame, *values: rule(*(_text(frame.budget, name, value) for value in values))


def splitting(name: str, *, keep: bool) -> Callable[..., Any]:
    """Make split or splitAfter: at most `count` parts, all when it is negative, none when it is 0."""

    def run(frame: Frame, value: Any, separator: Any, count: Any = -1) -> list[str]:
        text, mark = _text(frame.budget, name, value), _text(frame.budget, name, separator)
        most = truncate(count)
        parts = _split(text, mark, most)
        frame.budget.grow(len(parts))
        return [part + mark for part in parts[:-1]] + parts[-1:] if keep and parts else parts

    return run


def _split(text: str, mark: str, most: int) -> list[str]:
    if most == 0:
        return NilArray()
    if mark:
        return text.split(mark, most - 1 if most > 0 else -1)
    return list(text) if most < 0 or most >= len(text) else [*text[: most - 1], text[most - 1 :]]


def replace(frame: Frame, value: Any, old: Any, new: Any, count: Any = -1) -> str:
    """Replace the first `count` occurrences, or all."""
    text, before, after = (_text(frame.budget, "replace", part) for part in (value, old, new))
    times = text.count(before) if before else len(text) + 1
    limit = truncate(count)
    frame.budget.write(len(text) + max(0, len(after) - len(before)) * (times if limit < 0 else min(times, limit)))
    return text.replace(before, after, -1 if limit < 0 else limit)


def repeat(frame: Frame, value: Any, count: Any) -> str:
    """The text so many times over."""
    text, times = _text(frame.budget, "repeat", value), truncate(count)
    if times < 0:
        raise Fault("repeat takes no negative count")
    if times > MAX_ELEMENTS:
        raise Fault(f"repeat takes a count up to {MAX_ELEMENTS}")
    frame.budget.grow(len(text) * times)
    return text * times


def join(frame: Frame, items: Any, glue: Any = "") -> str:
    """The strings of an array with `glue` between."""
    if items.__class__ not in ARRAYS:
        raise Fault(f"join takes an array, not {type_name(items)}")
    mark = _text(frame.budget, "join", glue)
    for item in items:
        frame.budget.write(len(_text(frame.budget, "join", item)) + len(mark))
    return _bounded(mark.join(items), frame.budget)


def _bounded(text: str, budget: Budget) -> str:
    budget.write(len(text))
    return text


def _byte_position(text: str, position: int) -> int:
    return position if position < 0 or text.isascii() else len(text[:position].encode(errors="replace"))


def index_of(text: str, part: str) -> int:
    """The byte at which the first occurrence begins, or -1."""
    return _byte_position(text, text.find(part))


def last_index_of(text: str, part: str) -> int:
    """The byte at which the last occurrence begins, or -1."""
    return _byte_position(text, text.rfind(part))


def from_base64(text: str) -> str:
    """Decode standard base64; line breaks are skipped."""
    try:
        raw = base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        raise Fault("fromBase64 is given a string that is no base64") from None
    return raw.decode(errors="replace")


def to_json(frame: Frame, value: Any) -> str:
    """A value as JSON, two spaces deep."""
    return _bounded(go_json.dump(value, frame.budget, indent="  "), frame.budget)


def from_json(frame: Frame, value: Any) -> Any:
    """What a JSON text holds, its numbers floats."""
    text = _text(frame.budget, "fromJSON", value)
    frame.budget.grow(text.count(",") + text.count("{") + text.count("["))
    return go_json.load(text)


TABLE: dict[str, tuple[Callable[..., Any], int, int]] = {
    "string": (lambda frame, value: _bounded(text_of(value, frame.budget), frame.budget), 1, 1),
    "trim": (on_text("trim", lambda text, cut=_SPACE: text.strip(cut) if cut else text), 1, 2),
    "trimPrefix": (on_text("trimPrefix", lambda text, prefix=" ": text.removeprefix(prefix)), 1, 2),
    "trimSuffix": (on_text("trimSuffix", lambda text, suffix=" ": text.removesuffix(suffix)), 1, 2),
    "upper": (on_text("upper", lambda text: _each(text, str.upper)), 1, 1),
    "lower": (on_text("lower", lambda text: _each(text, str.lower)), 1, 1),
    "split": (splitting("split", keep=False), 2, 3),
    "splitAfter": (splitting("splitAfter", keep=True), 2, 3),
    "replace": (replace, 3, 4),
    "repeat": (repeat, 2, 2),
    "join": (join, 1, 2),
    "indexOf": (on_text("indexOf", index_of), 2, 2),
    "lastIndexOf": (on_text("lastIndexOf", last_index_of), 2, 2),
    "hasPrefix": (on_text("hasPrefix", str.startswith), 2, 2),
    "hasSuffix": (on_text("hasSuffix", str.endswith), 2, 2),
    "toJSON": (to_json, 1, 1),
    "fromJSON": (from_json, 1, 1),
    "toBase64": (on_text("toBase64", lambda text: base64.b64encode(text.encode(errors="replace")).decode()), 1, 1),
    "fromBase64": (on_text("fromBase64", from_base64), 1, 1),
}
"""Name: function, least and most arguments."""


def _each(text: str, case: Callable[[str], str]) -> str:
    """Change case character by character, one for one."""
    if text.isascii():
        return case(text)
    return "".join(map(partial(_changed, case), text))


def _changed(case: Callable[[str], str], character: str) -> str:
    changed = case(character)
    if len(changed) == 1:
        return changed
    if case is str.lower:
        return changed[0]
    titled = character.title()
    return titled if len(titled) == 1 else character
