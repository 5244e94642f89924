"""Which Stages a policy is about: by name (exact, `glob:`, `regex:`), by labels, by label expressions."""

import re
from collections.abc import Callable, Mapping

import re2

from blocks.errors import Invalid
from flows.stage.model import MatchExpression, StageSelector

Labels = Mapping[str, str]
NamePattern = Callable[[str], bool]


def selects(selector: StageSelector, stage_name: str, labels: Labels) -> bool:
    """Whether all criteria of a selector hold for a Stage; no criteria at all select every Stage. Raises Invalid."""
    return (
        (not selector.name or name_pattern(selector.name)(stage_name))
        and all(labels.get(key) == value for key, value in selector.match_labels.items())
        and all(_holds(requirement, labels) for requirement in selector.match_expressions)
    )


def name_pattern(text: str) -> NamePattern:
    """Read a name pattern: exact, or `glob:…` for the whole name, or `regex:…` / `regexp:…` (RE2) for any part of it.

    Raises Invalid for a pattern that does not parse.
    """
    kind, colon, pattern = text.partition(":")
    if colon and kind == "glob":
        return _compiled(text, f"(?s)^(?:{_glob(pattern)})$")
    if colon and kind in ("regex", "regexp"):
        return _compiled(text, pattern)
    return lambda name: name == text


def _compiled(text: str, pattern: str) -> NamePattern:
    try:
        compiled = re2.compile(pattern, _quiet())
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise Invalid(f"name pattern {text!r} does not parse: {reason}") from None
    return lambda name: compiled.search(name) is not None


def _quiet() -> re2.Options:
    """RE2 without its own lines on stderr."""
    options = re2.Options()
    options.log_errors = False
    return options


def _glob(pattern: str) -> str:
    """Translate a glob over names, which have no `/`: `*`, `?`, `[a-z]`, `[!a-z]`, `{a,b}`, and `\\` to escape."""
    translated, depth = [], 0
    for part in re.findall(r"\\.|\[[!^]?\]?(?:\\.|[^\]\\])*\]|.", pattern, re.DOTALL):
        depth += (part == "{") - (part == "}")
        translated.append(_glob_part(part, depth))
        if depth < 0:
            break
    if depth:
        raise Invalid(f"name pattern 'glob:{pattern}' has braces that do not pair up")
    return "".join(translated)


def _glob_part(part: str, depth: int) -> str:
    wild = {"*": ".*", "?": ".", "{": "(?:", "}": ")"}
    if part == "," and depth:
        return "|"
    if len(part) > 1 and part[0] == "[":
        return f"[^{part[2:-1]}]" if part[1] == "!" else part
    return wild.get(part) or (part if part == "[" else re.escape(part[-1]))


def _holds(requirement: MatchExpression, labels: Labels) -> bool:
    """Judge one label requirement as Kubernetes does: a missing label satisfies NotIn."""
    key, values = requirement.key, requirement.values
    verdicts = {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }
    return verdicts[requirement.operator]
