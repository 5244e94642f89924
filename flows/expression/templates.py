"""Templates: text with `${{ expressions }}` in it, and documents of such text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flows.expression import evaluation, go_json
from flows.expression.errors import ExpressionError, Fault
from flows.expression.frame import Clock, system_clock
from flows.expression.functions import FUNCTIONS
from flows.expression.limits import MAX_STRING, Budget
from flows.expression.numbers_text import parse_float

DELIMITERS = {"${{": "}}", "${%": "%}"}
MAX_NESTING = 200
_RESERVED = ("quote", "asYAML", "asJSON")
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


def render(value: Any, env: Mapping[str, Any], *, clock: Clock = system_clock) -> Any:
    """Render every string inside maps and lists, keys excepted; a bare string as `render_text` does.

    Raises ExpressionError when an expression fails, when a value becomes infinite or no number
    inside a document, or when `env` hides a function of ours.
    """
    for name in _RESERVED:
        if name in env:
            raise ExpressionError(f"{name} is a function and cannot be a variable")
    return _Rendering.over(env, clock).value(value, 0)


def render_text(template: str, env: Mapping[str, Any], *, clock: Clock = system_clock) -> Any:
    """Render one template; the whole result is read as number, boolean or JSON where it looks like one.

    Text without an expression stays as it is. Raises ExpressionError when an expression fails.
    """
    return _Rendering.over(env, clock).text(template)


@dataclass(frozen=True, slots=True)
class _Rendering:
    """One rendering: all its expressions share variables, clock and budget."""

    env: dict[str, Any]
    clock: Clock
    budget: Budget

    @classmethod
    def over(cls, env: Mapping[str, Any], clock: Clock) -> "_Rendering":
        """Start with an untouched budget; our functions hide variables of their names."""
        return cls({**env, **FUNCTIONS}, clock, Budget())

    def value(self, value: Any, depth: int) -> Any:
        """Render what a document holds."""
        if depth > MAX_NESTING:
            raise ExpressionError("a document is nested too deeply")
        if isinstance(value, Mapping):
            return {key: self.value(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item, depth + 1) for item in value]
        if not isinstance(value, str):
            return value
        rendered = self.text(value)
        if depth and rendered.__class__ is float and rendered - rendered != 0:
            raise ExpressionError("a value of a document is infinite or not a number")
        return rendered

    def text(self, template: str) -> Any:
        """Render one template."""
        if not any(opening in template for opening in DELIMITERS):
            return template
        parts: list[str] = []
        length = 0
        for literal, expression in _split(template):
            parts += [literal, self._embedded(expression) if expression else ""]
            length += len(parts[-1]) + len(parts[-2])
            if length > MAX_STRING:
                raise ExpressionError(f"a text would be longer than {MAX_STRING} characters")
        return infer("".join(parts))

    def _embedded(self, expression: str) -> str:
        value = evaluation.run(expression, self.env, self.clock, self.budget, templated=True)
        if value.__class__ is str:
            return str(value)
        try:
            return go_json.dump(value, self.budget)
        except Fault as fault:
            raise ExpressionError(str(fault)) from None


def _split(template: str) -> Iterator[tuple[str, str]]:
    """Yield (text, expression) pairs; after an empty expression the rest is text."""
    position = 0
    while True:
        starts = {opening: template.find(opening, position) for opening in DELIMITERS}
        found = {opening: start for opening, start in starts.items() if start >= 0}
        if not found:
            yield template[position:], ""
            return
        opening = min(found, key=lambda mark: found[mark])
        begin = found[opening] + len(opening)
        end = template.find(DELIMITERS[opening], begin)
        if end < 0:
            raise ExpressionError(f"{opening} is not closed by {DELIMITERS[opening]}", found[opening] + 1)
        yield template[position : found[opening]], template[begin:end]
        position = end + len(DELIMITERS[opening])
        if begin == end:
            yield template[position:], ""
            return


def infer(text: str) -> Any:
    """Read a rendered text: quoted is a string, else number, boolean, JSON, and failing all a string.

    One newline at the end is left out of account, and kept where the outcome is a string.
    """
    body = text.removesuffix("\n")
    newline = text[len(body) :]
    if len(body) > 1 and body[0] == body[-1] == '"':
        return body[1:-1] + newline
    number = parse_float(body)
    if number is not None:
        return number
    if body in _BOOLEANS:
        return _BOOLEANS[body]
    try:
        return go_json.load(body)
    except Fault:
        return text
