"""Commits taken apart and made again, without any checkout."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blocks.errors import Refused
from blocks.git.command import git
from blocks.git.signing import Signer

REBASE_LIMIT = 200
"""Commits of one promotion that are moved at once."""


@dataclass(frozen=True)
class Made:
    """A commit taken apart: enough to make it again on another parent."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: str
    committer: str
    message: str
    signed: bool = False

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
    return _parsed(commit, await git("cat-file", "commit", commit, cwd=repository))


async def read_all(repository: Path, ids: Sequence[str]) -> dict[str, Made]:
    """Take many commits apart in one go."""
    if not ids:
        return {}
    printed = await git("cat-file", "--batch", cwd=repository, input="".join(f"{each}\n" for each in ids))
    rest, found = printed.encode(), {}
    for each in ids:
        head, _, after = rest.partition(b"\n")
        name, kind, size = [*head.decode().split(" "), "", ""][:3]
        if name != each or kind != "commit" or after[int(size) : int(size) + 1] != b"\n":
            return {each: await read(repository, each) for each in ids}  # not all UTF-8: sizes say nothing here
        found[each] = _parsed(each, after[: int(size)].decode())
        rest = after[int(size) + 1 :]
    return found


def _parsed(commit: str, text: str) -> Made:
    head, _, message = text.partition("\n\n")
    lines = [line.partition(" ") for line in head.splitlines()]
    first = {name: value for name, _, value in reversed(lines)}
    parents = tuple(value for name, _, value in lines if name == "parent")
    return Made(commit, first["tree"], parents, first["author"], first["committer"], message, "gpgsig" in first)


async def missing(repository: Path, base: str, tips: Iterable[str]) -> dict[str, list[Made]]:
    """List for each tip the commits that lead to it and not to `base`, oldest first, merges as one.

    Those of a tip with more than 200 are cut after 201; see `refuse_many`.
    """
    tips = list(dict.fromkeys(tips))
    limit = (REBASE_LIMIT + 1) * len(tips)
    options = ("--first-parent", "--parents", f"--max-count={limit}")
    printed = await git("rev-list", *options, *tips, f"^{base}", "--", cwd=repository)
    below = {row[0]: row[1] if len(row) > 1 else "" for row in map(str.split, printed.splitlines())}
    if len(tips) > 1 and len(below) == limit:  # one tip may have crowded out others: each by itself then
        return {tip: (await missing(repository, base, [tip]))[tip] for tip in tips}
    chains = await _beyond(repository, base, {tip: _chain(tip, below) for tip in tips})
    made = await read_all(repository, sorted({each for chain in chains.values() for each in chain}))
    return {tip: [made[each] for each in chain] for tip, chain in chains.items()}


def _chain(tip: str, below: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    while tip in below and len(found) <= REBASE_LIMIT:
        found.append(tip)
        tip = below[tip]
    return found[::-1]


async def _beyond(repository: Path, base: str, chains: dict[str, list[str]]) -> dict[str, list[str]]:
    """Drop from the old ends what leads to `base`: `rev-list` goes by dates, and clocks can be wrong."""
    while within := await _leading_to(repository, base, {chain[0] for chain in chains.values() if chain}):
        chains = {tip: chain[1:] if chain and chain[0] in within else chain for tip, chain in chains.items()}
    return chains


async def _leading_to(repository: Path, tip: str, commits: set[str]) -> set[str]:
    """Return those of the commits that lead to `tip`: all in one question, and only what it leaves open one by one."""
    if not commits:
        return commits
    apart = (await git("merge-base", "--independent", tip, *sorted(commits), cwd=repository)).split()
    return {each for each in commits.difference(apart) if await is_ancestor(repository, each, tip)}


def refuse_many(commits: Sequence[Made]) -> None:
    """Raise Refused when more commits would have to be moved than is sensible."""
    if len(commits) > REBASE_LIMIT:
        raise Refused(
            f"more than {REBASE_LIMIT} commits would have to be rebased: the branches share too little history; "
            "check targetBranch, or use force"
        )


async def make(
    repository: Path,
    tree: str,
    parents: Sequence[str],
    author: str,
    committer: str,
    message: str,
    signer: Signer | None = None,
) -> str:
    """Make a commit and return its id: the same arguments give the same commit, a signature bears its date."""
    head = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {author}", f"committer {committer}"]
    if signer:
        text = "\n".join([*head, "", message])
        at = int(committer.rsplit(" ", 2)[-2])
        head.append("gpgsig " + (await signer.sign(text, at)).strip().replace("\n", "\n "))
    text = "\n".join([*head, "", message])
    return (await git("hash-object", "-t", "commit", "-w", "--stdin", cwd=repository, input=text)).strip()


async def tree_of(repository: Path, commit: str) -> str:
    """Return the tree of a commit."""
    return (await git("rev-parse", "--verify", f"{commit}^{{tree}}", cwd=repository)).strip()


async def is_ancestor(repository: Path, commit: str, tip: str) -> bool:
    """Whether a commit is `tip` or leads to it, whatever their dates say."""
    apart = (await git("merge-base", "--independent", tip, commit, cwd=repository)).split()
    return commit == tip or commit not in apart
