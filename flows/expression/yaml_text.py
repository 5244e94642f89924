"""Values as YAML, the way yaml.v3 writes them: four spaces, sorted keys, strings quoted where they look otherwise."""

import math
import re
from typing import Any

from flows.expression.durations import format_duration
from flows.expression.errors import Fault
from flows.expression.layouts import RFC3339_NANO, format_time
from flows.expression.limits import Budget
from flows.expression.numbers_text import format_float
from flows.expression.times import Duration, Time
from flows.expression.values import ARRAYS, AnyMap, Struct, method, type_name

MAX_NESTING = 200
_STEP = 4
_OTHER_TYPE = re.compile(
    r"|~|null|Null|NULL"
    r"|y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF|true|True|TRUE|false|False|FALSE"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    r"|[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+|[0-9][0-9_]*)"
    r"|[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
    r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)?"
)
_NOT_PLAIN = re.compile(r"[#,\[\]{}&*!|>'\"%@`]|[?:-](?:[ \t]|$)|---|\.\.\.| ")
_INSIDE = re.compile(r":(?:[ \t]|$)|[ \t]#| $")
_SPECIAL = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
_SHORT = {"\0": "0", "\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r", "\x1b": "e"}
_SHORT |= {'"': '"', "\\": "\\", "\x85": "N", "\xa0": "_", "\u2028": "L", "\u2029": "P"}
_QUOTED = re.compile('[^\x20-\x7e\xa1-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]|["\\\\]')
_CHUNK = re.compile(r"[0-9]+|[^0-9]")


def dump(value: Any, budget: Budget) -> str:
    """Write a value as one YAML document, ending in a newline."""
    return "\n".join(_lines(value, 0, 0, budget)) + "\n"


def _lines(value: Any, indent: int, depth: int, budget: Budget) -> list[str]:
    """The lines of a value; the first is unindented, for it follows a key or a dash."""
    budget.step()
    if depth > MAX_NESTING:
        raise Fault("a value is nested too deeply for YAML")
    if value.__class__ is Struct:
        value = value.as_map()
    if value.__class__ in (dict, AnyMap) and len(value):
        return _map_lines(value, indent, depth, budget)
    if value.__class__ in ARRAYS and value:
        return _array_lines(value, indent, depth, budget)
    return [_scalar(value)]


def _map_lines(value: Any, indent: int, depth: int, budget: Budget) -> list[str]:
    lines: list[str] = []
    for key, item in sorted(value.items(), key=lambda entry: _natural(entry[0])):
        name = _string(key) if key.__class__ is str else _scalar(key)
        inner = _STEP * ((indent + _STEP) // _STEP)
        lines += _entry(f"{name}:", item, indent, inner, depth, budget)
    return _continued(lines, indent)


def _array_lines(value: Any, indent: int, depth: int, budget: Budget) -> list[str]:
    lines: list[str] = []
    for item in value:
        if _is_block(item):
            nested = _lines(item, indent + 2, depth + 1, budget)
            lines += [" " * indent + "- " + nested[0], *nested[1:]]
        else:
            lines += _entry("-", item, indent, indent + 2, depth, budget)
    return _continued(lines, indent)


def _entry(head: str, item: Any, indent: int, inner: int, depth: int, budget: Budget) -> list[str]:
    """A key or dash with what belongs to it, on the same line or below."""
    start = " " * indent + head
    budget.step(1 + (len(item) // 1000 if item.__class__ is str else 0))
    if _is_block(item):
        nested = _lines(item, inner, depth + 1, budget)
        return [start, " " * inner + nested[0], *nested[1:]]
    if item.__class__ is str and "\n" in item and not _SPECIAL.search(item) and " \n" not in item:
        return [f"{start} {_literal_head(item)}", *_literal_body(item, inner)]
    return [f"{start} {_scalar(item)}"]


def _continued(lines: list[str], indent: int) -> list[str]:
    return [lines[0][indent:], *lines[1:]]


def _is_block(value: Any) -> bool:
    return value.__class__ in (dict, AnyMap, Struct, *ARRAYS) and len(value) > 0


def _scalar(value: Any) -> str:
    kind = value.__class__
    if kind is str:
        return _top_string(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is float:
        return _float(value)
    if isinstance(value, int):
        return str(int(value))
    if kind is bytes:
        return f"[{', '.join(map(str, value))}]"
    return _other(value)


def _other(value: Any) -> str:
    if value is None:
        return "null"
    if value.__class__ in ARRAYS:
        return "[]"
    if value.__class__ in (dict, AnyMap):
        return "{}"
    if value.__class__ is Time:
        return format_time(value, RFC3339_NANO)
    if value.__class__ is Duration:
        return format_duration(value)
    written = method(value, "String")
    if written is None:
        raise Fault(f"{type_name(value)} cannot be YAML")
    return _string(str(written()))


def _float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    return format_float(value) if math.isfinite(value) else (".inf" if value > 0 else "-.inf")


def _top_string(value: str) -> str:
    if "\n" in value and not _SPECIAL.search(value) and " \n" not in value:
        return "\n".join([_literal_head(value), *_literal_body(value, _STEP)])
    return _string(value)


def _literal_head(value: str) -> str:
    hint = str(_STEP) if value[0] in " \n" else ""
    chomping = "-" if not value.endswith("\n") else ("+" if value.endswith("\n\n") or value == "\n" else "")
    return f"|{hint}{chomping}"


def _literal_body(value: str, indent: int) -> list[str]:
    body = value[:-1] if value.endswith("\n") else value
    return [" " * indent + line if line else "" for line in body.split("\n")]


def _string(value: str) -> str:
    """Plain where it reads back as itself, else quoted: doubly where it would be another type."""
    if _OTHER_TYPE.fullmatch(value) or "\n" in value or "\t" in value or _SPECIAL.search(value):
        return '"' + _QUOTED.sub(_escape, value) + '"'
    if _NOT_PLAIN.match(value) or _INSIDE.search(value):
        return "'" + value.replace("'", "''") + "'"
    return value


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    if character in _SHORT:
        return "\\" + _SHORT[character]
    code = ord(character)
    return f"\\x{code:02X}" if code < 0x100 else (f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}")


def _natural(key: Any) -> tuple[Any, ...]:
    """Order keys so that digits count as numbers: a2 before a10."""
    if key.__class__ is not str:
        return (0, isinstance(key, (int, float)), str(key))
    chunks = (_rank(chunk) for chunk in _CHUNK.findall(key))
    return (1, *chunks)


def _rank(chunk: str) -> tuple[int, int, str]:
    if chunk[0].isdecimal():
        return (1, int(chunk[:100]), chunk)
    return (2 if chunk.isalpha() else 0, 0, chunk)
