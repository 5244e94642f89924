"""Ranges of semantic versions: `>=1.2 <2 || ~3.1`, with the rules of Masterminds semver v3.

A group is what stands between `||`; all of its comparators must hold. Pre-releases satisfy a group only if
one of its comparators names a pre-release itself.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Self

from blocks.errors import Invalid
from flows.warehouse.semver import LONGEST, Version, parse

_LABELS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_NUMBER = r"[0-9]+|[xX*]"
_VERSION = rf"v?(?:{_NUMBER})(?:\.(?:{_NUMBER}))?(?:\.(?:{_NUMBER}))?(?:-{_LABELS})?(?:\+{_LABELS})?"
_PARTS = re.compile(rf"v?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?(-{_LABELS})?(?:\+{_LABELS})?")
_RANGE = re.compile(rf"\s*({_VERSION})\s+-\s+({_VERSION})\s*")
_COMPARATOR = re.compile(rf"\s*(!=|>=|=>|<=|=<|~>|=|>|<|~|\^|)\s*({_VERSION})(\s*,|\s+|$)")


@dataclass(frozen=True)
class Comparator:
    """One operator with its version; `given` counts the numbers written before the first wildcard (`1.x` has 1)."""

    operator: str
    version: Version
    given: int

    def holds(self, version: Version) -> bool:
        """Whether a version satisfies it, pre-releases left aside."""
        return OPERATORS[self.operator](version, self.version, self.given)


@dataclass(frozen=True)
class Constraint:
    """A parsed range."""

    text: str
    groups: tuple[tuple[Comparator, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a range. Raises Invalid with a sentence when it is none."""
        if len(text) > LONGEST:
            raise Invalid(f"a version constraint has at most {LONGEST} characters, this one has {len(text)}")
        spelled_out = _RANGE.sub(r">= \1, <= \2 ", text)
        return cls(text, tuple(_group(group, text) for group in spelled_out.split("||")))

    def check(self, version: Version) -> bool:
        """Whether a version lies in the range."""
        return any(_satisfies(version, group) for group in self.groups)


def _satisfies(version: Version, group: tuple[Comparator, ...]) -> bool:
    if version.prerelease and not any(comparator.version.prerelease for comparator in group):
        return False
    return all(comparator.holds(version) for comparator in group)


def _group(group: str, text: str) -> tuple[Comparator, ...]:
    comparators, at, separator = [], 0, ","
    while matched := _COMPARATOR.match(group, at):
        comparators.append(_comparator(matched[1], matched[2], text))
        at, separator = matched.end(), matched[3]
        if at == len(group):
            break
    if at != len(group) or separator.endswith(","):
        raise _invalid(text, group)
    return tuple(comparators)


def _comparator(operator: str, written: str, text: str) -> Comparator:
    *parts, prerelease = _PARTS.fullmatch(written).group(1, 2, 3, 4)  # type: ignore[union-attr]  # same grammar
    numbers = list(takewhile(lambda part: part not in (None, "x", "X", "*"), parts))
    version = parse(".".join((*numbers, "0", "0", "0")[:3]) + (prerelease or ""))
    if version is None:
        raise _invalid(text, written)
    return Comparator(operator, version, len(numbers))


def _invalid(text: str, part: str) -> Invalid:
    return Invalid(f"{part.strip() or text!r} in version constraint {text!r} is no range; write one like '^1.2.0'")


def _tilde(version: Version, bound: Version, given: int) -> bool:
    """Same major and minor; a bound of 0.0.0 stands for any version."""
    same = 1 if given == 1 else 2
    anything = bound.numbers == (0, 0, 0) and given in (0, 3)
    return version >= bound and (anything or version.numbers[:same] == bound.numbers[:same])


def _caret(version: Version, bound: Version, given: int) -> bool:
    """Nothing left of and including the first non-zero number changes."""
    below_one = 2 if bound.minor or given == 2 else 3
    same = min(given, 1) if bound.major or given < 2 else below_one
    return version >= bound and version.numbers[:same] == bound.numbers[:same]


def _equal(version: Version, bound: Version, given: int) -> bool:
    return version == bound if given == 3 else _tilde(version, bound, given)


def _different(version: Version, bound: Version, given: int) -> bool:
    if given == 1:
        return version.major != bound.major
    if given == 2:
        return (version.numbers[:2], version.prerelease) != (bound.numbers[:2], bound.prerelease)
    return version != bound


def _greater(version: Version, bound: Version, given: int) -> bool:
    """`>1.2` begins at 1.3: a missing number stands for the whole range it leaves open."""
    return version.numbers[:given] > bound.numbers[:given] if given in (1, 2) else version > bound


def _at_most(version: Version, bound: Version, given: int) -> bool:
    """`<=1.2` ends before 1.3; a bare wildcard counts as 0.0."""
    return version <= bound if given == 3 else version.numbers[: given or 2] <= bound.numbers[: given or 2]


OPERATORS: dict[str, Callable[[Version, Version, int], bool]] = {
    "": _equal,
    "=": _equal,
    "!=": _different,
    ">": _greater,
    ">=": lambda version, bound, given: version >= bound,
    "=>": lambda version, bound, given: version >= bound,
    "<": lambda version, bound, given: version < bound,
    "<=": _at_most,
    "=<": _at_most,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}
