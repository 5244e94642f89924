"""The index of a chart repository, reduced while it is read to which versions each chart has.

A popular repository's index is tens of megabytes that say much about each version. They are read as a stream of
events, so that memory grows with the number of versions only. JSON is read as the YAML it is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice

import yaml

from blocks.errors import BadAnswer, Invalid, NotFound

MAX_EVENTS = 10_000_000
"""Keys, values, lists and maps of one index; 100 MiB as Helm writes them are two thirds of that."""
MAX_VERSIONS = 250_000
"""Versions of all charts of one index."""
MAX_DEPTH = 64
"""How deep maps and lists may lie in one another."""
LONGEST = 256
"""Characters of a chart's name or version; Helm allows 250 for a name."""
COMPARED = 5_000
"""Names of charts that a misspelt one is compared with."""

_HALVES = re.compile(
    rb"(?<!\\)((?:\\\\){0,9}+)(?:\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|\\ud[89a-f][0-9a-f]{2})", re.IGNORECASE
)
"""Escapes of JSON for the two halves of one character, or one half alone, behind escaped backslashes."""
MAX_HALVES = 100_000
"""Such escapes of one index; more of them are no index."""
_OPENING = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSING = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


@dataclass(frozen=True)
class Index:
    """What one repository has: versions by chart, as written and in the order of the index."""

    charts: Mapping[str, tuple[str, ...]]

    @property
    def size(self) -> int:
        """How many charts and versions there are."""
        return len(self.charts) + sum(map(len, self.charts.values()))

    def versions(self, name: str, where: str) -> tuple[str, ...]:
        """Return the versions of one chart. Raises NotFound with names that are alike when there is no such chart."""
        if name in self.charts:
            return self.charts[name]
        similar = get_close_matches(name, islice(self.charts, COMPARED), n=3, cutoff=0.5)
        has = f"it has {', '.join(map(repr, similar))}" if similar else f"it has {len(self.charts)} others"
        raise NotFound(f"{where} has no chart {name!r}, {has}: check the subscription's 'name'")


def read_index(body: bytes, where: str) -> Index:
    """Read an index, YAML or JSON. Blocks for about a second per 10 MB: call it in a thread.

    `where` is its address, for messages. Raises BadAnswer when it is no index, Invalid when it is too large.
    """
    if _begins(body, b"<"):
        raise _no_index(where, "it is a web page")
    try:
        return Index(_Reader(_as_yaml(body), where).read())
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise _no_index(where, f"{error.problem}{line}") from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise _no_index(where, getattr(error, "reason", "") or "it is no YAML") from None


def _no_index(where: str, problem: str) -> BadAnswer:
    return BadAnswer(f"{where} is no index of a chart repository: {problem}")


def _as_yaml(body: bytes) -> bytes:
    """JSON writes a character beyond 16 bits as two escapes, one for each half, which YAML has not."""
    return _HALVES.sub(_whole, body, MAX_HALVES) if _begins(body, b"{") else body


def _begins(body: bytes, sign: bytes) -> bool:
    return body[:LONGEST].lstrip().startswith(sign)


def _whole(halves: re.Match[bytes]) -> bytes:
    before, high, low = halves.groups()
    return before + (bytes.fromhex((high + low).decode()).decode("utf-16-be").encode() if high else b"?")


class _Reader:
    """Goes through the events of one document, once."""

    def __init__(self, body: bytes, where: str) -> None:
        self._where = where
        self._events: Iterator[yaml.Event] = islice(yaml.parse(body, Loader=yaml.CSafeLoader), MAX_EVENTS)
        self._left = MAX_VERSIONS

    def read(self) -> dict[str, tuple[str, ...]]:
        charts: dict[str, tuple[str, ...]] | None = None
        self._next()  # the stream begins
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise _no_index(self._where, "it is empty")
        if not isinstance(self._next(), yaml.MappingStartEvent):
            raise _no_index(self._where, "it is no map")
        for key, value in self._pairs():
            if key == "entries":
                charts = self._entries(value)
            else:
                self._skip(value)
        if charts is None:
            raise _no_index(self._where, "it has no 'entries'")
        self._next()  # what follows at once is no garbage
        return charts

    def _entries(self, value: yaml.Event) -> dict[str, tuple[str, ...]]:
        if _is_null(value):
            return {}
        if not isinstance(value, yaml.MappingStartEvent):
            raise _no_index(self._where, "its 'entries' are no map")
        charts: dict[str, tuple[str, ...]] = {}
        for name, listed in self._pairs():
            versions = self._versions(listed)
            if name and versions is not None:
                charts[name] = versions
        return charts

    def _versions(self, value: yaml.Event) -> tuple[str, ...] | None:
        """The versions of one chart; entries without one are left out. None when there is no list of them."""
        if _is_null(value):
            return ()
        if not isinstance(value, yaml.SequenceStartEvent):
            self._skip(value)
            return None
        found = tuple(filter(None, map(self._version, self._items())))
        self._left -= len(found)
        if self._left < 0:
            raise Invalid(f"{self._where} has more than {MAX_VERSIONS} versions, the limit")
        return found

    def _version(self, value: yaml.Event) -> str | None:
        if not isinstance(value, yaml.MappingStartEvent):
            self._skip(value)
            return None
        version = None
        for key, held in self._pairs():
            if key == "version":
                version = _text(held)
            self._skip(held)
        return version

    def _pairs(self) -> Iterator[tuple[str | None, yaml.Event]]:
        """The rest of a map: keys, None for what is no text, with the event their value begins with."""
        for key in self._items():
            text = _text(key)
            self._skip(key)
            yield text, self._next()

    def _items(self) -> Iterator[yaml.Event]:
        """The events with which the items of a list, or keys of a map, begin; whoever gets one goes on from it."""
        while not isinstance(event := self._next(), _CLOSING):
            yield event

    def _skip(self, event: yaml.Event) -> None:
        """Pass over a value; aliases mean nothing here, so they cost nothing."""
        depth = 0
        while True:
            if isinstance(event, _OPENING):
                depth += 1
            elif isinstance(event, _CLOSING):
                depth -= 1
            if not depth:
                return
            if depth > MAX_DEPTH:
                raise Invalid(f"{self._where} holds lists or maps more than {MAX_DEPTH} deep, the limit")
            event = self._next()

    def _next(self) -> yaml.Event:
        for event in self._events:
            return event
        raise Invalid(f"{self._where} holds more than {MAX_EVENTS} values, the limit")


def _text(event: yaml.Event) -> str | None:
    """The text of a scalar as it is written, whatever type it looks like; None when there is none, or too much."""
    text = getattr(event, "value", None)
    return text if isinstance(text, str) and len(text) <= LONGEST else None


def _is_null(event: yaml.Event) -> bool:
    return isinstance(event, yaml.ScalarEvent) and event.value in ("", "~", "null")
