"""What lies between two commits: the files that differ, and how; for people to read, so bounded."""

from dataclasses import dataclass
from pathlib import Path

from blocks.errors import BadAnswer
from blocks.git.command import git
from blocks.git.history import read_commits
from blocks.records import Commit

MOST_BYTES = 8 * 1024 * 1024
"""Bytes of a difference that are read at most."""

MOST_FILES = 200
"""Files that are listed."""

_COMPARED = ("diff", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames", "--merge-base")


@dataclass(frozen=True)
class Changes:
    """What one commit changes against another.

    `files` has a line per file with letter and path as `git diff --name-status` writes them, the first 200 of `count`.
    `diff` is a unified one without the contents of binary files, empty when it was too large to be read: then
    `too_large` is set.
    """

    files: tuple[str, ...]
    count: int
    diff: str
    too_large: bool = False


async def read_changes(repository: Path, before: str | None, after: str) -> Changes:
    """Compare `after` with where its history left that of `before`; None compares with no files at all."""
    if before is None or not await _related(repository, before, after):
        compared = [each for each in _COMPARED if each != "--merge-base"]
        before = before or (await git("mktree", cwd=repository, input="")).strip()
    else:
        compared = list(_COMPARED)
    named = await git(*compared, "--name-status", before, after, "--", cwd=repository, limit=MOST_BYTES)
    files = named.splitlines()
    try:
        diff = await git(*compared, before, after, "--", cwd=repository, limit=MOST_BYTES)
    except BadAnswer:
        return Changes(tuple(files[:MOST_FILES]), len(files), "", too_large=True)
    return Changes(tuple(files[:MOST_FILES]), len(files), diff)


async def read_between(repository: Path, before: str, after: str, limit: int) -> tuple[list[Commit], int, int]:
    """List the commits that lead from `before` to `after`, newest first, at most `limit`; how many these are in all.

    The last number counts the commits that going there leaves behind: not 0 where it goes back or aside.
    """
    counted = await git("rev-list", "--left-right", "--count", f"{before}...{after}", "--", cwd=repository)
    left, right = map(int, counted.split())
    read = await read_commits(repository, f"{before}..{after}", skip=0, limit=limit)
    return [commit for commit, _ in read], right, left


async def _related(repository: Path, one: str, other: str) -> bool:
    return bool((await git("merge-base", one, other, cwd=repository, accept=(0, 1))).strip())
