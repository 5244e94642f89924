"""Read commits and tags from a local repository."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from blocks.git.command import git
from blocks.records import Commit, Tag

COMMIT_LIMIT = 5_000
"""Commits one call may return."""

TAG_LIMIT = 100_000
"""Newest tags that are looked at."""

Parsed = tuple[Commit, int]
"""A commit, and how many parents it has."""

# Every field begins with a letter, so that none is empty and two NULs always stand between two commits.
_FIELDS = "%x00i%H%x00p%p%x00d%ct%x00a%an <%ae>%x00c%cn <%ce>%x00s%s"
_LOG = ("log", "-z", "--no-show-signature", f"--format={_FIELDS}")
_NAMES = ("--name-only", "--no-renames", "--diff-merges=first-parent", "--root")


async def read_commits(repository: Path, commit: str, *, skip: int, limit: int) -> list[Parsed]:
    """List commits from `commit` on, newest first, with the paths each changed; merges against their first parent."""
    counted = (f"--skip={max(0, skip)}", f"--max-count={max(0, min(limit, COMMIT_LIMIT))}")
    printed = await git(*_LOG, *_NAMES, *counted, "--end-of-options", commit, "--", cwd=repository)
    return await asyncio.to_thread(_parse_log, printed)


async def read_paths(repository: Path, commits: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the paths each of these commits changed."""
    return {commit.id: commit.paths for commit in await _described(repository, commits, _NAMES)}


async def read_tags(repository: Path) -> list[Tag]:
    """List the tags that point at commits, newest creation first, without the paths these change."""
    listed = await git(
        "for-each-ref",
        "--sort=-creatordate",
        f"--count={TAG_LIMIT}",
        "--format=" + "%00".join(_TAG_FIELDS),
        "refs/tags",
        cwd=repository,
    )
    rows = [line.split("\0") for line in listed.split("\n") if line]
    tags = [_tag(row) for row in rows if "commit" in (row[1], row[3])]
    commits = {commit.id: commit for commit in await _described(repository, [tag.commit_id for tag in tags], ())}
    return [_with_commit(tag, commits[tag.commit_id]) for tag in tags if tag.commit_id in commits]


_TAG_FIELDS = (
    "%(refname:strip=2)",
    "%(objecttype)",
    "%(objectname)",
    "%(*objecttype)",
    "%(*objectname)",
    "%(creatordate:unix)",
    "%(taggername) %(taggeremail)",
    "%(contents:subject)",
)


def _tag(row: list[str]) -> Tag:
    name, kind, object_id, _, tagged_id, created, tagger, subject = row
    annotated = kind == "tag"
    return Tag(
        name=name,
        commit_id=tagged_id if annotated else object_id,
        created_at=_instant(created),
        author="",
        committer="",
        subject="",
        tagger=tagger.strip() if annotated else "",
        annotation=subject if annotated else "",
    )


def _with_commit(tag: Tag, commit: Commit) -> Tag:
    return replace(tag, author=commit.author, committer=commit.committer, subject=commit.subject)


async def _described(repository: Path, ids: Iterable[str], names: tuple[str, ...]) -> list[Commit]:
    wanted = "".join(f"{commit}\n" for commit in dict.fromkeys(ids))
    if not wanted:
        return []
    printed = await git(*_LOG, "--no-walk=unsorted", *names, "--stdin", cwd=repository, input=wanted)
    return [commit for commit, _ in await asyncio.to_thread(_parse_log, printed)]


def _parse_log(printed: str) -> list[Parsed]:
    return [_commit(entry.split("\0")) for entry in printed.strip("\0").split("\0\0") if entry]


def _commit(tokens: list[str]) -> Parsed:
    commit, parents, date, author, committer, subject, *paths = tokens
    if paths:
        paths[0] = paths[0].removeprefix("\n")
    read = Commit(
        id=commit[1:],
        committed_at=_instant(date[1:]),
        author=author[1:],
        committer=committer[1:],
        subject=subject[1:],
        paths=tuple(paths),
    )
    return read, len(parents[1:].split())


def _instant(seconds: str) -> datetime:
    """Read Unix seconds; what no calendar holds becomes the beginning of time, as Git itself treats it."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
