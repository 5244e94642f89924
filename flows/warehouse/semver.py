"""Semantic versions and ranges, read as the Go library behind Kargo and Helm reads them (Masterminds semver v3)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering

LONGEST = 256
"""Characters of a version or constraint we look at; a longer text is none."""

_LARGEST = 2**64 - 1
_LABELS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_LOOSE = re.compile(rf"v?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-({_LABELS}))?(?:\+({_LABELS}))?")
_STRICT = re.compile(r"v?(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)" + rf"(?:-({_LABELS}))?(?:\+({_LABELS}))?")
_LEADING_ZERO = re.compile(r"0[0-9]+")


@total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """One version. Compared by precedence: build metadata and the original spelling do not count."""

    major: int
    minor: int
    patch: int
    prerelease: str
    metadata: str
    original: str

    def __str__(self) -> str:
        """The canonical text: three numbers, no `v`."""
        pre = f"-{self.prerelease}" if self.prerelease else ""
        meta = f"+{self.metadata}" if self.metadata else ""
        return f"{self.major}.{self.minor}.{self.patch}{pre}{meta}"

    @property
    def numbers(self) -> tuple[int, int, int]:
        """Major, minor and patch."""
        return self.major, self.minor, self.patch

    @property
    def precedence(self) -> tuple[object, ...]:
        """What versions are ordered by: numbers first, then a release above all its pre-releases."""
        return (*self.numbers, not self.prerelease, tuple(map(_label, self.prerelease.split("."))))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.precedence == other.precedence

    def __lt__(self, other: "Version") -> bool:
        return self.precedence < other.precedence

    def __hash__(self) -> int:
        return hash(self.precedence)


def parse(text: str, strict: bool = False) -> Version | None:
    """Read a version, or return None when the text is none.

    Loose: missing numbers are 0 and leading zeros are let through. Strict: all three numbers, written
    canonically. Either way one leading `v` is fine, as tags have it.
    """
    matched = (_STRICT if strict else _LOOSE).fullmatch(text) if len(text) <= LONGEST else None
    if matched is None:
        return None
    major, minor, patch = (int(number or 0) for number in matched.group(1, 2, 3))
    prerelease, metadata = matched[4] or "", matched[5] or ""
    if max(major, minor, patch) > _LARGEST or any(map(_LEADING_ZERO.fullmatch, prerelease.split("."))):
        return None
    return Version(major, minor, patch, prerelease, metadata, text)


def compare(a: Version, b: Version) -> int:
    """Return -1, 0 or 1 by precedence."""
    return (a > b) - (a < b)


def sort_descending(versions: Iterable[Version]) -> list[Version]:
    """Newest first; of equal versions the lexically greater original text first."""
    return sorted(versions, key=lambda version: (version.precedence, version.original), reverse=True)


def _label(text: str) -> tuple[bool, int, str]:
    """One dot-separated part of a pre-release: numbers sort below words, and by value."""
    return (False, int(text), "") if text.isdigit() else (True, 0, text)
