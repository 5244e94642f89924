"""yaml-update: change existing scalars of a YAML file in place, all else kept byte for byte.

Only the scalar itself is replaced: comments, anchors, quotes elsewhere and the rest of the line stay. Only
the first document of a file is looked at.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from blocks.errors import Invalid
from flows.model import Model
from flows.promotion.files import read_text, write_whole
from flows.promotion.keys import looks_typed, number_text, split_key, updated_message
from flows.promotion.result import StepContext, Succeeded

OUTWARD = False

Scalar = str | bool | int | float | None

_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
_COLON = re.compile(r"\s*[:-]")
_SPACE_TO_THE_END = re.compile(r"[ \t]+$", re.MULTILINE)
_ANCHOR = re.compile(r"&\S+\s+")


class Update(Model):
    """One scalar to change."""

    key: str = Field(min_length=1, description=r"Dotted path; numbers pick list items, `\.` is a dot in a key.")
    value: Scalar = Field(description="The new scalar.")


class Config(Model):
    """What to change in which file."""

    path: str = Field(min_length=1, description="The file, relative to the working directory.")
    updates: list[Update] = Field(min_length=1, description="The changes; when two name one key, the later counts.")


def run(config: Config, ctx: StepContext) -> Succeeded:
    """Change the scalars, all or none."""
    text = read_text(ctx, config.path)
    write_whole(ctx.path(config.path), updated(text, config.updates, config.path).encode())
    shown = [(update.key, scalar_text(update.value, flow=False)) for update in config.updates]
    return Succeeded(updated_message(config.path, shown))


@dataclass(frozen=True)
class _Place:
    """Where one scalar stands: character offsets, and whether commas and brackets around it mean something."""

    start: int
    end: int
    flow: bool


def updated(text: str, updates: list[Update], path: str) -> str:
    """Return the text with all updates made and a newline at its end. Raises Invalid."""
    bom, body = ("\ufeff", text[1:]) if text.startswith("\ufeff") else ("", text)
    root = _first_document(body, path)
    changes = {}
    for update in updates:
        place = _find(body, root, update.key, path)
        changes[place] = scalar_text(update.value, place.flow)
    for place in sorted(changes, key=lambda place: place.start, reverse=True):
        body = _replaced(body, place, changes[place])
    return bom + body + ("" if body.endswith("\n") else "\n")


def _first_document(text: str, path: str) -> Any:
    try:
        return next(YAML(typ="safe", pure=True).compose_all(text), None)
    except YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f" at line {line + 1}" if line is not None else ""
        raise Invalid(f"file {path!r} is not valid YAML{where}: {getattr(error, 'problem', '') or 'broken'}") from None


def _find(text: str, root: Any, key: str, path: str) -> _Place:
    node, flow, floor = root, False, 0
    for part in split_key(key):
        flow = flow or bool(getattr(node, "flow_style", False))
        node, floor = _child(node, part)
    place = _place(text, node, floor, flow) if isinstance(node, ScalarNode) else None
    if place is None:
        raise Invalid(f"key {key!r} names no scalar in {path!r}; only existing scalars can be changed")
    return place


def _place(text: str, node: ScalarNode, floor: int, flow: bool) -> _Place | None:
    """Find where the scalar is written; one that is not written at all belongs behind its colon or dash."""
    start, end = node.start_mark.index, node.end_mark.index
    if start < end:
        return _Place(start, end, flow)
    colon = _COLON.match(text, floor)
    if colon is None:
        return None
    behind = colon.end() + bool(_SPACE_TO_THE_END.match(text, colon.end()))
    return _Place(behind, behind, flow)


def _child(node: Any, part: str) -> tuple[Any, int]:
    """Return the node a part of a key names, and from where on it can stand.

    What is named by an alias stands elsewhere, before that, and counts as missing.
    """
    child, floor = None, 0
    if isinstance(node, MappingNode):
        pairs = ((value, name.end_mark.index) for name, value in node.value if name.value == part)
        child, floor = next(pairs, (None, 0))
    elif isinstance(node, SequenceNode) and part.isascii() and part.isdigit() and int(part) < len(node.value):
        child = node.value[int(part)]
        floor = max([node.start_mark.index, *(before.end_mark.index for before in node.value[: int(part)])])
    return (child, floor) if child is not None and child.start_mark.index >= floor else (None, 0)


def _replaced(text: str, place: _Place, value: str) -> str:
    old = text[place.start : place.end]
    # A block scalar's end is the start of the next line; its line break stays.
    end = place.end - (len(old) - len(old.rstrip()))
    properties = _PROPERTIES.match(old)
    anchor = "".join(_ANCHOR.findall(properties[0])) if properties else ""
    space = "" if not place.start or text[place.start - 1] in " \t\n[{" else " "
    return text[: place.start] + space + anchor + value + text[max(end, place.start) :]


def scalar_text(value: Scalar, flow: bool) -> str:
    """Write a scalar so that it is read back as the same type; strings get quotes only where they need them."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return number_text(value)
    return value if not looks_typed(value) and _plain(value, flow) else json.dumps(value, ensure_ascii=False)


def _plain(value: str, flow: bool) -> bool:
    """Whether a string means itself without quotes where it will stand."""
    if "\n" in value or value != value.strip():
        return False
    try:
        read = YAML(typ="safe", pure=True).load(f"[{value}]" if flow else f"k: {value}")
    except (YAMLError, ValueError):
        return False
    return bool(read == ([value] if flow else {"k": value}))
