"""Put commits on top of others without touching any checkout: nothing to clean up when it is killed."""

from dataclasses import dataclass
from pathlib import Path

from blocks.errors import Refused, Terminal
from blocks.git.command import git

REBASE_LIMIT = 200
"""Commits that are moved at once."""

_NOBODY = "nobody <nobody> 0 +0000"


class Conflicting(Terminal):
    """Two changes touch the same lines; a person has to decide."""


@dataclass(frozen=True)
class Made:
    """A commit taken apart: enough to make it again on another parent."""

    id: str
    tree: str
    parent: str | None
    author: str
    committer: str
    message: str

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]

    @property
    def identity(self) -> tuple[str, str]:
        """What stays the same when a commit is put on another parent: author with date, and message."""
        return self.author, self.message


async def read(repository: Path, commit: str) -> Made:
    """Take a commit apart."""
    head, _, message = (await git("cat-file", "commit", commit, cwd=repository)).partition("\n\n")
    lines = [line.partition(" ") for line in head.splitlines()]
    first = {name: value for name, _, value in reversed(lines)}
    return Made(commit, first["tree"], first.get("parent"), first["author"], first["committer"], message)


async def missing(repository: Path, base: str, tip: str) -> list[Made]:
    """List the commits that lead to `tip` and not to `base`, oldest first, merges as one. Raises Refused over 200."""
    options = ("--first-parent", "--reverse", f"--max-count={REBASE_LIMIT + 1}")
    ids = (await git("rev-list", *options, f"{base}..{tip}", "--", cwd=repository)).split()
    if len(ids) > REBASE_LIMIT:
        raise Refused(
            f"more than {REBASE_LIMIT} commits would have to be rebased: the branches share too little history; "
            "check targetBranch, or use force"
        )
    return [await read(repository, commit) for commit in ids]


async def rebase(repository: Path, commits: list[Made], onto: str) -> str:
    """Put commits onto another one and return the new tip; what is in there already is left out.

    Keeps author, committer and dates, so that it gives the same commits each time. Raises Conflicting.
    """
    for commit in commits:
        below = await _tree(repository, onto)
        tree = await _merged(repository, commit, below)
        if tree != below:
            onto = await _make(repository, tree, onto, commit.author, commit.committer, commit.message)
    return onto


async def _merged(repository: Path, commit: Made, below: str) -> str:
    """Apply what a commit changed to another tree and return the result.

    `git merge-tree` finds the common ancestor by itself, so the three trees are dressed up as commits.
    """
    before = await _tree(repository, commit.parent) if commit.parent else await _empty(repository)
    base = await _make(repository, before, None, _NOBODY, _NOBODY, "base")
    ours = await _make(repository, below, base, _NOBODY, _NOBODY, "ours")
    theirs = await _make(repository, commit.tree, base, _NOBODY, _NOBODY, "theirs")
    options = ("--write-tree", "--name-only", "--no-messages")
    tree, *conflicts = (await git("merge-tree", *options, ours, theirs, cwd=repository, accept=(0, 1))).splitlines()
    if conflicts:
        raise Conflicting(
            f"commit {commit.id[:12]} ({commit.subject!r}) conflicts with what the branch got meanwhile in "
            f"{', '.join(conflicts[:5])}: promote again, it then starts from the branch as it is now"
        )
    return tree


async def _tree(repository: Path, commit: str) -> str:
    return (await git("rev-parse", "--verify", f"{commit}^{{tree}}", cwd=repository)).strip()


async def _empty(repository: Path) -> str:
    return (await git("mktree", cwd=repository, input="")).strip()


async def _make(repository: Path, tree: str, parent: str | None, author: str, committer: str, message: str) -> str:
    parents = f"parent {parent}\n" if parent else ""
    text = f"tree {tree}\n{parents}author {author}\ncommitter {committer}\n\n{message}"
    return (await git("hash-object", "-t", "commit", "-w", "--stdin", cwd=repository, input=text)).strip()
