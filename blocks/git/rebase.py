"""Put commits on top of others without touching any checkout: nothing to clean up when it is killed."""

from dataclasses import dataclass
from pathlib import Path

from blocks.errors import Terminal
from blocks.git.command import git
from blocks.git.commits import Made, make, tree_of
from blocks.git.identity import PROMOTION
from blocks.git.signing import Signer

_NOBODY = "nobody <nobody> 0 +0000"


class Conflicting(Terminal):
    """Two changes touch the same lines; a person has to decide."""


@dataclass(frozen=True)
class Top:
    """The commit others are put on, and its tree."""

    id: str
    tree: str

    @classmethod
    async def of(cls, repository: Path, commit: str) -> "Top":
        """Stand on a commit."""
        return cls(commit, await tree_of(repository, commit))


async def rebase(repository: Path, commits: list[Made], onto: Top, signer: Signer | None = None) -> Top:
    """Put commits onto another one and return the new top; what is in there already is left out.

    The first one's parent must lead to `onto`. Keeps author, committer and dates, so that it gives the same commits
    each time; with a signer each is signed anew. Raises Conflicting.
    """
    for number, commit in enumerate(commits):
        related = number == 0 and len(commit.parents) == 1
        tree = await (_met(repository, commit, onto) if related else _applied(repository, commit, onto))
        if tree != onto.tree:
            parts = (commit.author, commit.committer, commit.message)
            onto = Top(await make(repository, tree, [onto.id], *parts, signer), tree)
    return onto


async def merge(repository: Path, ours: list[Made], onto: Top, branch: str, signer: Signer | None = None) -> Top:
    """Merge what ends with the last of our commits into the branch and return the merge. Raises Conflicting.

    It is dated and signed for by whoever made our last commit.
    """
    last = ours[-1]
    tree = await _met(repository, last, onto)
    claims = last.message.rstrip().rpartition("\n\n")[2]
    trailers = f"\n{claims}\n" if f"{PROMOTION}: " in claims else ""
    message = f"Merge {last.subject!r} into {branch}\n{trailers}"
    parts = (last.committer, last.committer, message)
    return Top(await make(repository, tree, [onto.id, last.id], *parts, signer), tree)


async def _met(repository: Path, commit: Made, onto: Top) -> str:
    """Merge a commit and return the tree, from where the two histories met: one commit's parent, or a merge's base."""
    return await _merged(repository, commit, onto.id, commit.id)


async def _applied(repository: Path, commit: Made, onto: Top) -> str:
    """Apply what one commit changed to another tree and return the result.

    `git merge-tree` finds the common ancestor by itself, so the three trees are dressed up as commits.
    """
    before = await tree_of(repository, commit.parents[0]) if commit.parents else await _empty(repository)
    base = await make(repository, before, [], _NOBODY, _NOBODY, "base")
    ours = await make(repository, onto.tree, [base], _NOBODY, _NOBODY, "ours")
    theirs = await make(repository, commit.tree, [base], _NOBODY, _NOBODY, "theirs")
    return await _merged(repository, commit, ours, theirs)


async def _merged(repository: Path, commit: Made, ours: str, theirs: str) -> str:
    options = ("--write-tree", "--name-only", "--no-messages")
    tree, *conflicts = (await git("merge-tree", *options, ours, theirs, cwd=repository, accept=(0, 1))).splitlines()
    if conflicts:
        raise Conflicting(
            f"commit {commit.id[:12]} ({commit.subject!r}) conflicts with what the branch got meanwhile in "
            f"{', '.join(conflicts[:5])}: promote again, it then starts from the branch as it is now"
        )
    return tree


async def _empty(repository: Path) -> str:
    return (await git("mktree", cwd=repository, input="")).strip()
