"""What is wrong with manifests, told in one report."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from blocks.errors import Invalid

Path = tuple[str | int, ...]
"""A place in a document: keys and positions."""

_PLAIN_KEY = re.compile(r"[\w-]+", re.ASCII)


@dataclass(frozen=True)
class Problem:
    """One thing wrong in one place. `document` says which document of the file, `path` where in it."""

    file: str
    line: int
    document: str
    path: str
    message: str

    def __str__(self) -> str:
        """Print as compilers do, so that editors jump to it: `file:line: document 3 (Stage/prod): path: message`."""
        return ": ".join(part for part in (f"{self.file}:{self.line}", self.document, self.path, self.message) if part)


class ManifestError(Invalid):
    """Manifests that cannot be applied; nothing of them was. `problems` are all there are, by file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in reading order."""
        self.problems = sorted(set(problems), key=lambda each: (each.file, each.line, each.path, each.message))
        count = len(self.problems)
        heading = f"{count} problem{'s' if count != 1 else ''} in the manifests, nothing was applied:"
        super().__init__("\n".join([heading, *map(str, self.problems)]))


def path_text(path: Path) -> str:
    """Write a place as people do: `spec.steps[0].uses`, keys with other characters as `['a/b']`."""
    return "".join(_part(part) for part in path).removeprefix(".")


def parse_path(text: str) -> Path:
    """Read what `path_text` writes."""
    parts = re.findall(r"\[(\d+)\]|\['([^']*)'\]|([^.\[\]]+)", text)
    return tuple(int(position) if position else quoted or key for position, quoted, key in parts)


def _part(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _PLAIN_KEY.fullmatch(part) else f"['{part}']"
