"""JSON as Go's encoding/json writes and reads it."""

import base64
import json
import math
import re
from typing import Any

from flows.expression.errors import Fault
from flows.expression.layouts import RFC3339_NANO, format_time
from flows.expression.limits import Budget
from flows.expression.numbers_text import format_float, parse_float
from flows.expression.times import Duration, Time
from flows.expression.values import ARRAYS, Struct, is_nil, method, type_name

_ESCAPED = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029\ud800-\udfff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
MAX_NESTING = 300
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def dump(value: Any, budget: Budget, *, indent: str = "") -> str:
    """Write a value as JSON: keys sorted, `<>&` escaped, bytes as base64, times as RFC 3339.

    With `indent`, one entry a line. Raises Fault for what JSON cannot hold (NaN, infinities,
    functions, maps whose keys are not strings) and when the budget is spent.
    """
    return _Writer(indent, budget).write(value, 0)


class _Writer:
    def __init__(self, indent: str, budget: Budget) -> None:
        self._indent = indent
        self._budget = budget

    def write(self, value: Any, depth: int) -> str:
        """One value, `depth` levels down."""
        kind = value.__class__
        self._budget.step()
        if depth > MAX_NESTING:
            raise Fault("a value is nested too deeply for JSON")
        if kind is str:
            return self._string(value)
        if kind is Struct:
            shown = value.as_map().items()
            entries = [f'"{key}":{self._gap}{self.write(item, depth + 1)}' for key, item in shown]
            return self._wrapped("{", entries, "}", depth)
        if kind is dict:
            entries = [f"{self._string(key)}:{self._gap}{self.write(value[key], depth + 1)}" for key in sorted(value)]
            return self._wrapped("{", entries, "}", depth)
        if kind in ARRAYS and not is_nil(value):
            return self._wrapped("[", [self.write(item, depth + 1) for item in value], "]", depth)
        return _scalar(value)

    @property
    def _gap(self) -> str:
        return " " if self._indent else ""

    def _wrapped(self, opening: str, entries: list[str], closing: str, depth: int) -> str:
        if not entries or not self._indent:
            return opening + ",".join(entries) + closing
        inner, outer = "\n" + self._indent * (depth + 1), "\n" + self._indent * depth
        return opening + inner + ("," + inner).join(entries) + outer + closing

    def _string(self, value: Any) -> str:
        if value.__class__ is not str:
            raise Fault("a map whose keys are not strings cannot be JSON")
        self._budget.write(len(value))
        return f'"{_ESCAPED.sub(_escape, value)}"'


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    if "\ud800" <= character <= "\udfff":
        return "\\ufffd"
    return _SHORT.get(character) or f"\\u{ord(character):04x}"


def _scalar(value: Any) -> str:
    kind = value.__class__
    if is_nil(value):
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is float:
        return _float(value)
    if isinstance(value, int):
        return str(int(value))
    if kind is Duration:
        return str(value.nanoseconds)
    if kind is Time:
        return f'"{format_time(value, RFC3339_NANO)}"'
    if kind is bytes:
        return f'"{base64.b64encode(value).decode()}"'
    written = method(value, "String")
    if written is None:
        raise Fault(f"{type_name(value)} cannot be JSON")
    return json.dumps(written())


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise Fault("a number that is infinite or not a number cannot be JSON")
    text = format_float(value, large=21, small=-6)
    return text.replace("e-0", "e-")


def load(text: str) -> Any:
    """Read JSON; every number becomes a float. Raises Fault when the text is no JSON."""
    try:
        value = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_refused, strict=True)
        return whole_characters(value) if _HALF.search(text) else value
    except (ValueError, RecursionError):
        raise Fault("a text is no JSON") from None


def whole_characters(value: Any) -> Any:
    """Put U+FFFD for every half of a surrogate pair that stands alone: nothing can write such text."""
    if value.__class__ is str:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if value.__class__ is list:
        return [whole_characters(item) for item in value]
    if value.__class__ is dict:
        return {whole_characters(key): whole_characters(item) for key, item in value.items()}
    return value


def _number(text: str) -> float:
    value = parse_float(text)
    if value is None:
        raise ValueError("out of range")
    return value


def _refused(_constant: str) -> float:
    raise ValueError("JSON has no such number")
