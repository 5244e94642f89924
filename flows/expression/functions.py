"""Kargo's pure functions, available in every template."""

import re
from collections.abc import Callable
from typing import Any

from flows.expression import go_json, yaml_text
from flows.expression.errors import Fault
from flows.expression.limits import Budget
from flows.expression.values import expose, type_name
from flows.warehouse.semver import Version, compare, parse

_SHORT = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_SPECIAL = re.compile("[^ !#-\\[\\]-~]")
_SHORT |= {'"': '\\"', "\\": "\\\\"}


def quote(value: Any) -> str:
    """A string in double quotes, its special characters escaped; other values as JSON in quotes."""
    return _quoted(value) if value.__class__ is str else unsafe_quote(value)


def _quoted(text: str) -> str:
    return f'"{_SPECIAL.sub(_character, text)}"'


def _character(found: re.Match[str]) -> str:
    character = found.group()
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def unsafe_quote(value: Any) -> str:
    """JSON in quotes, nothing escaped once more."""
    return f'"{go_json.dump(value, Budget())}"'


def as_yaml(value: Any) -> str:
    """YAML in quotes, so that a template keeps it a string."""
    return f'"{yaml_text.dump(value, Budget())}"'


def as_json(value: Any) -> str:
    """Indented JSON with a newline in quotes, so that a template keeps it a string."""
    return f'"{go_json.dump(value, Budget(), indent="  ")}\n"'


def semver_parse(text: Any) -> Version:
    """A version with the methods Major(), Minor(), Patch(), Prerelease(), IncMinor() and so on."""
    version = parse(_text("semverParse", text))
    if version is None:
        raise Fault("semverParse is given a string that is no version")
    return version


def semver_diff(first: Any, second: Any) -> str:
    """Which part differs first: Major, Minor, Patch, Metadata, None; Incomparable where one is no version."""
    versions = [parse(_text("semverDiff", text)) for text in (first, second)]
    if versions[0] is None or versions[1] is None:
        return "Incomparable"
    for part in ("major", "minor", "patch", "metadata"):
        if getattr(versions[0], part) != getattr(versions[1], part):
            return part.capitalize()
    return "None"


def _text(name: str, value: Any) -> str:
    if value.__class__ is not str:
        raise Fault(f"{name} takes a string, not {type_name(value)}")
    return str(value)


def _released(major: int, minor: int, patch: int) -> Version:
    return Version(major, minor, patch, "", "", f"{major}.{minor}.{patch}")


def _next_patch(version: Version) -> Version:
    """The release of a pre-release, else the next patch."""
    return _released(version.major, version.minor, version.patch + (not version.prerelease))


def _ordering(rule: Callable[[int], Any]) -> Callable[[Version, Any], Any]:
    def run(version: Version, other: Any) -> Any:
        if other.__class__ is not Version:
            raise Fault(f"a version is needed, not {type_name(other)}")
        return rule(compare(version, other))

    return run


expose(
    Version,
    "semver.Version",
    {
        "Major": lambda version: version.major,
        "Minor": lambda version: version.minor,
        "Patch": lambda version: version.patch,
        "Prerelease": lambda version: version.prerelease,
        "Metadata": lambda version: version.metadata,
        "IncMajor": lambda version: _released(version.major + 1, 0, 0),
        "IncMinor": lambda version: _released(version.major, version.minor + 1, 0),
        "IncPatch": _next_patch,
        "String": str,
        "Original": lambda version: version.original,
        "Compare": _ordering(lambda order: order),
        "Equal": _ordering(lambda order: order == 0),
        "LessThan": _ordering(lambda order: order < 0),
        "GreaterThan": _ordering(lambda order: order > 0),
    },
)

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "quote": quote,
    "unsafeQuote": unsafe_quote,
    "asYAML": as_yaml,
    "asJSON": as_json,
    "semverParse": semver_parse,
    "semverDiff": semver_diff,
}
"""The functions by the names expressions use."""
