"""Builds plain data from YAML events, remembering the line of every key and item.

Only what JSON can hold comes out. Aliases are followed up to a limit, so that a small file cannot grow without
bounds; duplicate keys, tags and keys that are no text are problems, not surprises.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import events as yaml

from deployments.manifests.problem import Path
from deployments.manifests.scalar import resolve

DEEPEST = 64
MOST_ALIASED = 100_000
"""Nodes that aliases may add to one document."""

_STANDARD = "tag:yaml.org,2002:"
_RESOLVED_TAGS = tuple(_STANDARD + name for name in ("null", "bool", "int", "float", "map", "seq"))


class TreeError(Exception):
    """A document that cannot be read on; `line` counts from 0. The message holds no text of the document."""

    def __init__(self, line: int, message: str) -> None:
        """Keep line and sentence."""
        super().__init__(message)
        self.line = line


@dataclass
class Tree:
    """One document: its data and the line (from 0) of every path.

    `repeated` holds the keys given more than once: path, line, and line of the first.
    """

    data: Any = None
    line: int = 0
    lines: dict[Path, int] = field(default_factory=dict)
    repeated: list[tuple[Path, int, int]] = field(default_factory=list)


@dataclass
class _Open:
    """A mapping or list whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    path: Path
    anchor: str | None
    key: str | None = None
    merged: list[dict[str, Any]] = field(default_factory=list)
    size: int = 1


def trees(events: Iterable[Any]) -> Iterator[Tree]:
    """Build one tree per document. Raises TreeError, and ruamel's YAMLError for bad syntax."""
    builder = _Builder()
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            builder = _Builder()
        elif isinstance(event, yaml.DocumentEndEvent):
            yield builder.tree
        elif isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            builder.take(event)


class _Builder:
    """Puts one document together, event by event."""

    def __init__(self) -> None:
        self.tree = Tree()
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.aliased = 0

    def take(self, event: Any) -> None:
        line = event.start_mark.line
        if isinstance(event, yaml.CollectionEndEvent):
            self._close(line)
        elif isinstance(event, yaml.AliasEvent):
            self._put(*self._alias(event.anchor, line), line)
        elif self._expects_key():
            self._key(event, line)
        elif isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, line)
            self._anchor(event.anchor, value, 1)
            self._put(value, 1, line)
        else:
            self._begin(event, line)

    def _expects_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1].value, dict) and self.open[-1].key is None

    def _key(self, event: Any, line: int) -> None:
        """A key is always text, also where it looks like a number or a boolean."""
        if not isinstance(event, yaml.ScalarEvent) or not event.value:
            raise TreeError(line, "a key is empty, a list or a mapping, expected text, write the key as text")
        parent = self.open[-1]
        assert isinstance(parent.value, dict)
        parent.key = event.value
        path = (*parent.path, event.value)
        if event.value in parent.value:
            self.tree.repeated.append((path, line, self.tree.lines[path]))
        elif event.value != "<<":
            self.tree.lines[path] = line

    def _scalar(self, event: Any, line: int) -> Any:
        tag = str(event.tag) if event.tag else ""
        plain = event.implicit[0] if not tag else tag in _RESOLVED_TAGS
        if tag and tag not in (*_RESOLVED_TAGS, _STANDARD + "str", "!"):
            raise TreeError(line, "a value has a YAML tag, expected a plain value, remove the tag")
        return resolve(event.value) if plain else event.value

    def _begin(self, event: Any, line: int) -> None:
        if event.tag and str(event.tag) not in _RESOLVED_TAGS:
            raise TreeError(line, "a value has a YAML tag, expected a plain value, remove the tag")
        if len(self.open) >= DEEPEST:
            raise TreeError(line, f"values are nested more than {DEEPEST} deep, expected less, flatten the document")
        path = self._path()
        if not self.open:
            self.tree.line = line
        elif isinstance(self.open[-1].value, list):
            self.tree.lines.setdefault(path, line)
        self.open.append(_Open({} if isinstance(event, yaml.MappingStartEvent) else [], path, event.anchor))

    def _close(self, line: int) -> None:
        done = self.open.pop()
        if isinstance(done.value, dict):
            for inherited in done.merged:
                for key, value in inherited.items():
                    done.value.setdefault(key, value)
        self._anchor(done.anchor, done.value, done.size)
        self._put(done.value, done.size, line)

    def _put(self, value: Any, size: int, line: int) -> None:
        if not self.open:
            self.tree.data = value
            return
        parent = self.open[-1]
        parent.size += size
        if isinstance(parent.value, list):
            self.tree.lines.setdefault((*parent.path, len(parent.value)), line)
            parent.value.append(value)
        elif parent.key is None:
            raise TreeError(line, "a key is an alias, expected text, write the key as text")
        elif parent.key == "<<":
            parent.merged += self._inherited(value, line)
            parent.key = None
        else:
            parent.value[parent.key] = value
            parent.key = None

    def _inherited(self, value: Any, line: int) -> list[dict[str, Any]]:
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(each, dict) for each in values):
            raise TreeError(line, "'<<' merges something else, expected a mapping or a list of mappings, correct it")
        return values

    def _path(self) -> Path:
        if not self.open:
            return ()
        parent = self.open[-1]
        return (*parent.path, len(parent.value) if isinstance(parent.value, list) else parent.key or "")

    def _anchor(self, name: str | None, value: Any, size: int) -> None:
        if name:
            self.anchors[name] = (value, size)

    def _alias(self, name: str, line: int) -> tuple[Any, int]:
        if name not in self.anchors:
            raise TreeError(line, "an alias names no anchor before it, expected one, add the anchor or write the value")
        value, size = self.anchors[name]
        self.aliased += size
        if self.aliased > MOST_ALIASED:
            raise TreeError(line, f"aliases add more than {MOST_ALIASED} values, expected fewer, write them out")
        return value, size
