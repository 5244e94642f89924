"""Finding the scalars of an HCL text (Terraform, OpenTofu, Terragrunt): one changes, and every other byte stays.

Blocks are known by type and labels, `module.vpc.version`; of several with the same, the first, or by position,
`ingress.1.port`. Inside objects and lists paths go on. What is computed is an expression and no scalar.
"""

import json
import re
from dataclasses import dataclass, field

from blocks.errors import Invalid

MAX_DEPTH = 100

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_BLANKS = re.compile(r"(?:[ \t\r]|/\*.*?\*/)*", re.DOTALL)
_NAME = re.compile(r"[^\W\d][\w-]*")
_PLAIN = re.compile(r'"(?:[^"\\\n$%]|\\.|\$(?!\{)|%(?!\{)|\$\$\{|%%\{)*"')
_SCALAR = re.compile(r"(?:true|false|null)(?![\w-])|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.])", re.ASCII)
_HEREDOC = re.compile(r"<<-?[ \t]*([^\W\d][\w-]*)[ \t]*\r?\n")
_FOR = re.compile(r"[\[{]\s*for\b")
_CLOSING = {"{": "}", "[": "]", "(": ")"}


@dataclass(frozen=True)
class Node:
    """A value's place in the text, and what is in it by name or position; `kind` is `scalar` for what may change."""

    kind: str
    start: int = 0
    end: int = 0
    children: "dict[str, Node]" = field(default_factory=dict)


def scan(text: str) -> Node:
    """Find where everything stands. Raises Invalid with the place of what is no HCL."""
    try:
        return _Scanner(text).body(0, "", 0)
    except RecursionError:
        raise Invalid("it is not valid HCL: templates are nested too deep") from None


def with_value(text: str, parts: list[str], value: str) -> str:
    """Return the text with a value, as it is to be written, in the place of the scalar at a path. Raises Invalid."""
    node: Node | None = scan(text)
    for part in parts:
        node = node.children.get(part) if node else None
    if node is None or node.kind != "scalar":
        what = "names nothing" if node is None else f"names {_described(node)}, no scalar"
        raise Invalid(f"key {'.'.join(parts)!r} {what}; only existing scalars can be changed")
    return text[: node.start] + value + text[node.end :]


def quoted(value: str) -> str:
    """Write a text so that it means itself, also where it looks like a template."""
    written = json.dumps(value, ensure_ascii=False).replace("\\b", "\\u0008").replace("\\f", "\\u000c")
    return written.replace("${", "$${").replace("%{", "%%{")


def _described(node: Node) -> str:
    return f"an {node.kind}" if node.kind[0] in "eo" else f"a {node.kind}"


class _Scanner:
    """Reads one text from a place on, each method returning where it ended."""

    def __init__(self, text: str) -> None:
        self.text = text

    def body(self, at: int, closing: str, depth: int) -> Node:
        """Read attributes and blocks up to the closing brace, or to the end of the text."""
        if depth > MAX_DEPTH:
            raise Invalid(f"it is nested deeper than {MAX_DEPTH} levels")
        node, at = Node("block", at, at), self._space(at)
        while self.text[at : at + 1] != closing:
            name = _NAME.match(self.text, at)
            if name is None:
                raise self._broken(at)
            at = self._item(node, name[0], self._blanks(name.end()), depth)
        return Node("block", node.start, at + len(closing), node.children)

    def _item(self, node: Node, name: str, at: int, depth: int) -> int:
        """Read an attribute or a block after its name."""
        if self.text[at : at + 1] == "=" and self.text[at : at + 2] != "==":
            value = self.value(self._blanks(at + 1), "\n}", depth + 1)
            node.children.setdefault(name, value)
            return self._space(value.end)
        path = [name]
        while self.text[at : at + 1] != "{":
            label = _PLAIN.match(self.text, at) or _NAME.match(self.text, at)
            if label is None:
                raise self._broken(at)
            path.append(label[0].strip('"'))
            at = self._blanks(label.end())
        block = self.body(at + 1, "}", depth + 1)
        _add_block(node, path, block)
        return self._space(block.end)

    def value(self, at: int, stops: str, depth: int) -> Node:
        """Read what an attribute, an object's key or a list's place has; it ends before one of the `stops`."""
        if depth > MAX_DEPTH:
            raise Invalid(f"it is nested deeper than {MAX_DEPTH} levels")
        match = _PLAIN.match(self.text, at) or _SCALAR.match(self.text, at)
        if match and self._ends(match.end(), stops):
            return Node("scalar", at, match.end())
        if self.text[at : at + 1] in ("{", "[") and self.text[at] and not _FOR.match(self.text, at):
            found = self._object(at, depth) if self.text[at] == "{" else self._list(at, depth)
            if self._ends(found.end, stops):
                return found
        end = self._expression(at, stops)
        if end == at:
            raise self._broken(at)
        return Node("expression", at, end)

    def _object(self, at: int, depth: int) -> Node:
        node, start = Node("object"), at
        at = self._space(at + 1)
        while self.text[at : at + 1] != "}":
            key = _PLAIN.match(self.text, at) or _NAME.match(self.text, at)
            after = self._space(key.end() if key else self._expression(at, "=:"))
            if after >= len(self.text) or self.text[after] not in "=:":
                raise self._broken(after)
            value = self.value(self._space(after + 1), "\n,}", depth + 1)
            if key:
                node.children.setdefault(key[0].strip('"'), value)
            at = self._space(value.end)
            at = self._space(at + 1) if self.text[at : at + 1] == "," else at
        return Node("object", start, at + 1, node.children)

    def _list(self, at: int, depth: int) -> Node:
        node, start = Node("list"), at
        at = self._space(at + 1)
        while self.text[at : at + 1] != "]":
            value = self.value(at, ",]", depth + 1)
            node.children[str(len(node.children))] = value
            at = self._space(value.end)
            if self.text[at : at + 1] == ",":
                at = self._space(at + 1)
            elif self.text[at : at + 1] != "]":
                raise self._broken(at)
        return Node("list", start, at + 1, node.children)

    def _ends(self, at: int, stops: str) -> bool:
        """Whether nothing more belongs to the value that ended here."""
        at = self._blanks(at) if "\n" in stops else self._space(at)
        rest = self.text[at : at + 2]
        return not rest or rest[0] in stops or ("\n" in stops and (rest[0] == "#" or rest == "//"))

    def _expression(self, at: int, stops: str) -> int:
        """Skip what is computed: to a stop outside all brackets, texts and comments."""
        opened: list[str] = []
        while at < len(self.text):
            here = self.text[at]
            if not opened and (here in stops or (here == "#" and "\n" in stops)):
                return at
            if here == '"':
                at = self._template(at + 1, '"')
            elif heredoc := _HEREDOC.match(self.text, at):
                at = self._heredoc(heredoc)
            elif (skipped := self._comment(at)) > at:
                at = skipped
            else:
                if here in _CLOSING:
                    opened.append(_CLOSING[here])
                elif here in "}])" and (not opened or opened.pop() != here):
                    raise self._broken(at)
                at += 1
        if opened or "\n" not in stops:
            raise self._broken(at)
        return at

    def _template(self, at: int, closing: str) -> int:
        """Skip a quoted template, with what is computed inside it."""
        while at < len(self.text) and self.text[at] != closing:
            if self.text[at] == "\\":
                at += 2
            elif self.text.startswith(("$${", "%%{"), at):
                at += 3
            elif self.text.startswith(("${", "%{"), at):
                at = self._expression(at + 2, "}") + 1
            else:
                at += 1
        if at >= len(self.text):
            raise self._broken(len(self.text))
        return at + 1

    def _heredoc(self, begun: re.Match[str]) -> int:
        end = re.compile(rf"^[ \t]*{re.escape(begun[1])}[ \t]*\r?$", re.MULTILINE).search(self.text, begun.end())
        if end is None:
            raise self._broken(begun.start())
        return end.end()

    def _comment(self, at: int) -> int:
        if self.text.startswith("/*", at):
            end = self.text.find("*/", at + 2)
            if end < 0:
                raise self._broken(at)
            return end + 2
        if self.text.startswith("//", at) or self.text[at] == "#":
            end = self.text.find("\n", at)
            return len(self.text) if end < 0 else end
        return at

    def _space(self, at: int) -> int:
        return _matched(_SPACE, self.text, at)

    def _blanks(self, at: int) -> int:
        return _matched(_BLANKS, self.text, at)

    def _broken(self, at: int) -> Invalid:
        line = self.text.count("\n", 0, at) + 1
        return Invalid(f"it is not valid HCL at line {line}, column {at - self.text.rfind(chr(10), 0, at)}")


def _add_block(body: Node, path: list[str], block: Node) -> None:
    """Put a block where its type and labels lead, by its position there; the first also stands for all."""
    for part in path:
        body = body.children.setdefault(part, Node("block"))
    position = sum(1 for name in body.children if name.isdigit())
    body.children[str(position)] = block
    if position == 0:
        for name, value in block.children.items():
            body.children.setdefault(name, value)


def _matched(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    assert match is not None
    return match.end()
