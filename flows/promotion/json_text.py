"""Changing one scalar in a JSON text and keeping every other byte (Kargo: the path syntax of sjson)."""

import json
import re
from dataclasses import dataclass, field

from blocks.errors import Invalid

_PART = re.compile(r"(:?)((?:[^\\.]|\\.)+)", re.DOTALL)
_QUERY = re.compile(r"(?<!\\)[*?#|]|(?:^|(?<!\\)\.)@")
_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)

MAX_DEPTH = 200
MAX_PADDING = 1_000
"""Items an index may lie beyond a list's end; what is between becomes null."""


@dataclass(frozen=True)
class Node:
    """A value's place in the text, and what is in it, by key or position."""

    kind: str
    start: int
    end: int
    children: "dict[str, Node]" = field(default_factory=dict)


def scan(text: str) -> Node:
    """Find where everything stands. Raises Invalid with the place of what is no JSON."""
    node = _value(text, _skip(text, 0), 0)
    if (end := _skip(text, node.end)) != len(text):
        raise _broken(text, end)
    return node


def split_path(key: str) -> tuple[list[str], list[bool]]:
    r"""Split at dots; `\` makes the next character stand for itself, a leading `:` makes a part a key. Raises Invalid.

    The second list says of each part whether it is a key though it looks like a position.
    """
    if _QUERY.search(key):
        raise Invalid(
            rf"key {key!r} is a query: name one key or position a part, and write \ before special characters"
        )
    rest, parts, forced = key, [], []
    while match := _PART.match(rest):
        parts.append(re.sub(r"\\(.)", r"\1", match[2], flags=re.DOTALL))
        forced.append(bool(match[1]))
        rest = rest[match.end() :]
        if not rest:
            return parts, forced
        rest = rest[1:]
    raise Invalid(rf"key {key!r} is not a path: separate parts with dots, write \. for a dot in a key")


def with_value(text: str, parts: list[str], forced: list[bool], value: str) -> str:
    """Return the text with the value at the path; `forced` parts are keys though they look like positions.

    What is missing is made: objects, or lists where a part is a number. They replace a single value that stands in
    the way, such as null; a text without any value is as one without keys. Raises Invalid.
    """
    if not text.strip(" \t\r\n"):
        return _nested(parts, forced, value)
    node = scan(text)
    for depth, part in enumerate(parts):
        if node.kind not in "{[":
            return text[: node.start] + _nested(parts[depth:], forced[depth:], value) + text[node.end :]
        if part not in node.children:
            if node.kind == "[" and forced[depth]:
                raise Invalid(f"{part!r} is said to be a key, and would stand in a list, which has positions")
            return _added(text, node, part, _nested(parts[depth + 1 :], forced[depth + 1 :], value))
        node = node.children[part]
    return text[: node.start] + value + text[node.end :]


def _added(text: str, node: Node, part: str, value: str) -> str:
    comma = "," if node.children else ""
    if node.kind == "{":
        addition = f"{comma}{json.dumps(part, ensure_ascii=False)}:{value}"
    else:
        addition = comma + "null," * _missing(part, len(node.children)) + value
    return text[: node.end - 1] + addition + text[node.end - 1 :]


def _missing(part: str, length: int) -> int:
    """Items between a list's end and a position; `-1` is the end itself."""
    if part == "-1":
        return 0
    if not _is_position(part):
        raise Invalid(f"{part!r} is no position in a list: use a number from 0 on, or -1 for its end")
    if (missing := int(part) - length) > MAX_PADDING:
        raise Invalid(f"position {part} lies more than {MAX_PADDING} items behind the end of the list")
    return missing


def _nested(parts: list[str], forced: list[bool], value: str) -> str:
    """Write a value inside the objects and lists that lead to it."""
    for part, as_key in zip(reversed(parts), reversed(forced), strict=True):
        if not as_key and (_is_position(part) or part == "-1"):
            value = "[" + "null," * _missing(part, 0) + value + "]"
        else:
            value = f"{{{json.dumps(part, ensure_ascii=False)}:{value}}}"
    return value


def _is_position(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) < 10


def _value(text: str, at: int, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise Invalid(f"it is nested deeper than {MAX_DEPTH} levels")
    if text[at : at + 1] in ("{", "["):
        return _container(text, at, depth)
    match = _STRING.match(text, at) or _SCALAR.match(text, at)
    if match is None:
        raise _broken(text, at)
    return Node(match[0][0], at, match.end())


def _container(text: str, at: int, depth: int) -> Node:
    kind, closing = text[at], {"{": "}", "[": "]"}[text[at]]
    children: dict[str, Node] = {}
    position = _skip(text, at + 1)
    while text[position : position + 1] != closing:
        if children:
            position = _skip(text, _expect(text, position, ","))
        key = str(len(children))
        if kind == "{":
            key, position = _key(text, position)
        child = _value(text, position, depth + 1)
        # Of doubled keys the first is the one that is changed, as in Kargo.
        children.setdefault(key if key not in children or kind == "{" else str(len(children)), child)
        position = _skip(text, child.end)
    return Node(kind, at, position + 1, children)


def _key(text: str, at: int) -> tuple[str, int]:
    match = _STRING.match(text, at)
    if match is None:
        raise _broken(text, at)
    try:
        key = json.loads(match[0])
    except ValueError:
        raise _broken(text, at) from None
    return key, _skip(text, _expect(text, _skip(text, match.end()), ":"))


def _expect(text: str, at: int, character: str) -> int:
    if text[at : at + 1] != character:
        raise _broken(text, at)
    return at + 1


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _broken(text: str, at: int) -> Invalid:
    line = text.count("\n", 0, at) + 1
    return Invalid(f"it is not valid JSON at line {line}, column {at - text.rfind(chr(10), 0, at)}")
