"""Which changed paths count for a Git subscription.

An entry is `glob:…`, `regex:…` (or `regexp:…`), or a path: that file, or everything in that folder.
"""

import posixpath
from collections.abc import Callable, Iterable, Sequence

from flows.warehouse.filter import regex
from flows.warehouse.glob_pattern import glob_to_regex

Matches = Callable[[str], bool]


def path_filter(include: Sequence[str], exclude: Sequence[str]) -> Callable[[Iterable[str]], bool]:
    """Return a test of changed paths: is some path included (no includes: any) and not excluded?

    Raises Invalid for a broken entry.
    """
    included, excluded = [*map(_entry, include)], [*map(_entry, exclude)]

    def counts(path: str) -> bool:
        if included and not any(matches(path) for matches in included):
            return False
        return not any(matches(path) for matches in excluded)

    return lambda changed: any(map(counts, changed))


def _entry(entry: str) -> Matches:
    kind, colon, pattern = entry.partition(":")
    if colon and kind == "glob":
        return _searching(glob_to_regex(pattern))
    if colon and kind in ("regex", "regexp"):
        return _searching(pattern)
    return _inside(posixpath.normpath(entry))


def _searching(pattern: str) -> Matches:
    compiled = regex(pattern)
    return lambda path: compiled.search(path) is not None


def _inside(folder: str) -> Matches:
    if folder == ".":
        return lambda path: True
    return lambda path: path == folder or path.startswith(f"{folder}/")
