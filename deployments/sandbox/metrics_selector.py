"""Instant vector selectors of PromQL: a metric's name and label matchers, and nothing more."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
STRING = r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'"
MATCHER = re.compile(rf"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*({STRING})\s*(?:,|$)")
QUERY = re.compile(rf"\s*({NAME})?\s*(?:\{{(.*)\}})?\s*", re.DOTALL)

OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "!=": lambda value, wanted: value != wanted,
    "=~": lambda value, wanted: re.fullmatch(wanted, value) is not None,
    "!~": lambda value, wanted: re.fullmatch(wanted, value) is None,
}


class BadQuery(Exception):
    """The query is no selector, or matches everything."""


@dataclass(frozen=True)
class Selector:
    """Matchers as label, operator and value; the metric's name is the label `__name__`."""

    matchers: tuple[tuple[str, str, str], ...]

    def accepts(self, labels: Mapping[str, str]) -> bool:
        """Say whether a series is meant; an absent label is an empty one."""
        return all(OPERATORS[operator](labels.get(label, ""), wanted) for label, operator, wanted in self.matchers)


def parse(query: str) -> Selector:
    """Read `name{label="value",...}`; `BadQuery` says what else it is."""
    match = QUERY.fullmatch(query)
    if match is None or not query.strip():
        raise BadQuery(f"parse error: {query!r} is no instant vector selector, the only queries of the sandbox")
    matchers = [("__name__", "=", match[1])] if match[1] else []
    matchers += _matchers(match[2] or "")
    if all(operator in ("!=", "!~") or not wanted for _, operator, wanted in matchers):
        raise BadQuery("parse error: vector selector must contain at least one non-empty matcher")
    return Selector(tuple(matchers))


def _matchers(text: str) -> list[tuple[str, str, str]]:
    found, place = [], 0
    while text[place:].strip():
        match = MATCHER.match(text, place)
        if match is None:
            raise BadQuery(f"parse error: unexpected {text[place:].strip()[:40]!r} in label matching")
        found.append((match[1], match[2], _unquoted(match[3], match[2])))
        place = match.end()
    return found


def _unquoted(text: str, operator: str) -> str:
    value = re.sub(r"\\(.)", r"\1", text[1:-1])
    try:
        re.compile(value if "~" in operator else "")
    except re.error as error:
        raise BadQuery(f"parse error: {value!r} is no regular expression: {error}") from None
    return value
