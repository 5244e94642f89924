"""Commits taken apart: what one has that another lacks, in histories whose clocks were wrong."""

import subprocess
from pathlib import Path

import pytest

from blocks.git.commits import is_ancestor, missing

AHEAD, NOW = 1_900_000_000, 1_700_000_000


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An empty repository."""
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "a.git")], check=True)
    return tmp_path / "a.git"


def commit(repository: Path, message: str, at: int, *parents: str) -> str:
    """Make a commit of nothing at a time of one's own choice."""
    who = f"Ana <ana@example.com> {at} +0000"
    text = "".join([
        "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n",
        *(f"parent {parent}\n" for parent in parents),
        f"author {who}\ncommitter {who}\n\n{message}\n",
    ])  # fmt: skip
    subprocess.run(["git", "mktree"], cwd=repository, input="", text=True, check=True, capture_output=True)
    made = ["git", "hash-object", "-t", "commit", "-w", "--stdin"]
    return subprocess.run(made, cwd=repository, input=text, text=True, check=True, capture_output=True).stdout.strip()


@pytest.mark.parametrize("grown", [1, 4, 9, 30])
async def test_a_base_from_the_future_is_no_commit_of_ours(repository, grown):
    """Where the commit both began from is dated after all others, only our own commit is missing from the branch."""
    start = commit(repository, "start", AHEAD, commit(repository, "before", AHEAD))
    ours = commit(repository, "ours", NOW, start)
    more = commit(repository, "more", NOW, ours)
    branch = start
    for number in range(grown):
        branch = commit(repository, f"theirs {number}", NOW, branch)
    branch = commit(repository, "later", AHEAD, branch)
    found = await missing(repository, branch, [ours, more, start, branch])
    assert {tip: [each.id for each in chain] for tip, chain in found.items()} == {
        ours: [ours],
        more: [ours, more],
        start: [],
        branch: [],
    }


async def test_who_leads_where_does_not_depend_on_dates(repository):
    """An ancestor is one even when it claims to be younger than what came after it."""
    start = commit(repository, "start", AHEAD)
    tip = start
    for number in range(9):
        tip = commit(repository, f"theirs {number}", NOW, tip)
    side = commit(repository, "side", NOW, start)
    assert await is_ancestor(repository, start, tip)
    assert await is_ancestor(repository, tip, tip)
    assert not await is_ancestor(repository, tip, start)
    assert not await is_ancestor(repository, side, tip)


async def test_a_commit_merged_by_another_is_still_missing(repository):
    """One promotion's merge holds another's commit: that does not put it on the branch."""
    start = commit(repository, "start", NOW)
    ours = commit(repository, "ours", NOW, start)
    merged = commit(repository, "merged", NOW, start, ours)
    branch = commit(repository, "theirs", NOW, start)
    found = await missing(repository, branch, [ours, merged])
    assert [[each.id for each in found[tip]] for tip in (ours, merged)] == [[ours], [merged]]
