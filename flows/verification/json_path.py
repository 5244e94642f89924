"""What a JSON path in Kubernetes' notation, `{$.data.ok}`, finds in a document."""

import re
from functools import lru_cache
from typing import Any

from jsonpath_ng.ext.parser import parse

from blocks.errors import BadAnswer, Invalid

ESCAPED = re.compile(r"\.((?:[^.\[\]\\]|\\.)*\\\.(?:[^.\[\]\\]|\\.)*)")
"""A key with escaped dots in it: `.annotations\\.example\\.com`."""


def find(path: str, document: Any) -> Any:
    """Return the first value a path leads to. Raises Invalid for what is no path, BadAnswer when there is nothing."""
    try:
        found = next(iter(_compiled(path).find(document)), None)
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise BadAnswer(f"the answer does not fit the JSON path {path!r} ({type(error).__name__})") from None
    if found is None:
        raise BadAnswer(f"the answer has nothing at the JSON path {path!r}: look at the answer, and correct jsonPath")
    return found.value


@lru_cache(maxsize=256)
def _compiled(path: str) -> Any:
    inner = path.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1].strip()
    if not inner.startswith("$"):
        inner = f"${inner}" if inner.startswith((".", "[")) else f"$.{inner}"
    inner = ESCAPED.sub(lambda key: f"['{key[1].replace(chr(92), '')}']", inner)
    try:
        return parse("$" if inner in ("$", "$.") else inner)
    except Exception as error:
        raise Invalid(f"{path!r} is no JSON path ({type(error).__name__}): write one such as {{$.data.ok}}") from None


def as_floats(value: Any) -> Any:
    """Make every number of a JSON document a float, as conditions see them."""
    if isinstance(value, list):
        return [as_floats(item) for item in value]
    if isinstance(value, dict):
        return {key: as_floats(item) for key, item in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
