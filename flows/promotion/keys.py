"""Dotted keys of the update steps (Kargo: the path syntax of sjson), and values as commit messages show them."""

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from blocks.errors import Invalid

_GO_FLOAT = re.compile(
    r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf(?:inity)?|0x(?:_?[\da-f])+\.?(?:[\da-f_]*)p[-+]?\d+)|nan",
    re.ASCII | re.IGNORECASE,
)
_GO_BOOL = re.compile(r"[tTfF]|true|True|TRUE|false|False|FALSE")
_PART = re.compile(r":*((?:[^\\.:]|\\[.:])+)")


def split_key(key: str) -> list[str]:
    r"""Split at dots; `\.` and `\:` stand for themselves, a leading `:` in a part is dropped. Raises Invalid."""
    rest = key.strip()
    parts = []
    while match := _PART.match(rest):
        parts.append(re.sub(r"\\([.:])", r"\1", match[1]))
        rest = rest[match.end() :]
        if not rest:
            return parts
        if not rest.startswith("."):
            break
        rest = rest[1:]
    raise Invalid(rf"key {key!r} is not a path: separate parts with dots, write \. and \: for the characters")


def looks_typed(text: str) -> bool:
    """Whether a text would be read as a number, a boolean or JSON, so that it needs quotes to stay text."""
    return bool(_GO_FLOAT.fullmatch(text) or _GO_BOOL.fullmatch(text)) or _is_json(text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def number_text(value: float) -> str:
    """Write a number without an exponent, and without a point where it has no fraction."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return format(Decimal(repr(value)), "f") if isinstance(value, float) and math.isfinite(value) else repr(value)


def scalar_text(key: str, value: Any, quoted: Callable[[str], str]) -> str:
    """Write a scalar as JSON, TOML and HCL all do but for text, which `quoted` writes. Raises Invalid for no scalar."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, str):
        return quoted(value)
    raise Invalid(f"the value for key {key!r} is neither text, number nor boolean")


def updated_message(path: str, updates: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the `commitMessage` output of an update step, from keys and values as written; {} without updates."""
    if not updates:
        return {}
    return {"commitMessage": f"Updated {path}\n" + "".join(f"\n- {key}: {value}" for key, value in updates)}
