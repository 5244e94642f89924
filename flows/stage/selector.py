"""Which Stages a policy is about: by name (exact, `glob:`, `regex:`), by labels, by label expressions."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from flows.stage.model import LabelSelector, MatchExpression, StageSelector
from flows.warehouse.filter import regex
from flows.warehouse.glob_pattern import glob_to_regex

Labels = Mapping[str, str]
NamePattern = Callable[[str], bool]


def selects(selector: StageSelector, stage_name: str, labels: Labels) -> bool:
    """Whether all criteria of a selector hold for a Stage; no criteria at all select every Stage. Raises Invalid."""
    return (not selector.name or _named(selector.name, stage_name)) and fits(selector, labels)


@lru_cache(maxsize=20_000)
def _named(pattern: str, name: str) -> bool:
    """Sweeps ask the same again and again."""
    return name_pattern(pattern)(name)


def fits(selector: LabelSelector, labels: Labels) -> bool:
    """Whether labels are as a selector wants them; one that wants nothing fits all."""
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _holds(requirement, labels) for requirement in selector.match_expressions
    )


@lru_cache(maxsize=1_000)
def name_pattern(text: str) -> NamePattern:
    """Read a name pattern: exact, or `glob:…` for the whole name, or `regex:…` / `regexp:…` (RE2) for any part of it.

    Raises Invalid for a pattern that does not parse.
    """
    kind, colon, pattern = text.partition(":")
    if colon and kind == "glob":
        return _searching(glob_to_regex(pattern))
    if colon and kind in ("regex", "regexp"):
        return _searching(pattern)
    return lambda name: name == text


def _searching(pattern: str) -> NamePattern:
    compiled = regex(pattern)
    return lambda name: compiled.search(name) is not None


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
