"""Put the commits of several promotions on one branch, one on top of the other, ready for one push."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from blocks.errors import DrayageError, Refused, Retryable
from blocks.git.command import git
from blocks.git.commits import Made, is_ancestor, missing, read_all, refuse_many
from blocks.git.identity import PROMOTION
from blocks.git.integration import Policy, Trust, Way, way
from blocks.git.rebase import Top, merge, rebase
from blocks.git.signing import Signer, SigningKey, opened
from blocks.git.trust import trusts

TWINS = 100
"""Commits of one promotion that are looked for on a branch."""


@dataclass(frozen=True)
class Wish:
    """What one promotion wants on a branch: the commit its clone stands on, and the key new commits are signed with."""

    repository: Path
    head: str
    promotion: str
    key: SigningKey | None = None


@dataclass(frozen=True)
class Placed:
    """Where a wish ended. `arrived` says that nothing had to be added for it."""

    commit: str
    arrived: bool = False


@dataclass(frozen=True)
class Stack:
    """All wishes on one branch that stands at `there`; they are worked on in a repository that sees their objects."""

    repository: Path
    branch: str
    there: str
    policy: Policy
    _known: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    async def put(self, wishes: Sequence[Wish]) -> tuple[str, list[Placed | DrayageError]]:
        """Put every wish on the branch; return its new commit and what became of each wish.

        A wish that cannot be put there leaves the others alone. Raises what is no wish's own fault.
        """
        commits = await missing(self.repository, self.there, [wish.head for wish in wishes])
        await self._find_twins(wishes, commits)
        top, ends = await Top.of(self.repository, self.there), list[Placed | DrayageError]()
        async with _rings(wishes) as rings:
            for wish in wishes:
                try:
                    ring = rings[wish.key]
                    if isinstance(ring, DrayageError):
                        raise ring
                    top, placed = await self._put(commits[wish.head], wish, top, ring)
                    ends.append(placed)
                except Retryable:
                    raise
                except DrayageError as error:
                    ends.append(error)
        return top.id, ends

    async def _put(self, ours: list[Made], wish: Wish, top: Top, signer: Signer | None) -> tuple[Top, Placed]:
        if not ours:
            return top, Placed(wish.head, arrived=True)
        if await self._leads(ours, top):
            return Top(ours[-1].id, ours[-1].tree), Placed(wish.head)
        found, left = self._arrived(ours)
        if not left:
            return top, Placed(found[-1], arrived=True)
        after = await self._integrated(left, top, signer)
        return after, Placed(after.id, arrived=after == top)

    async def _integrated(self, ours: list[Made], top: Top, signer: Signer | None) -> Top:
        judged = await trusts(self.repository, ours, signer) if self.policy.asks else []
        how = way(self.policy, judged, signing=signer is not None)
        if how is Way.FAIL:
            raise Refused(
                f"branch {self.branch!r} moved, and policy {self.policy} forbids to rebase our commits onto it: "
                f"{_unsafe(ours, judged, signer)}; promote again, it then starts from the branch as it is now"
            )
        if how is Way.MERGE:
            return await merge(self.repository, ours, top, self.branch, signer)
        refuse_many(ours)
        return await rebase(self.repository, ours, top, signer)

    async def _leads(self, ours: list[Made], top: Top) -> bool:
        """Whether our commits stand on the top already."""
        if top.id in ours[0].parents:
            return True
        merges = any(len(commit.parents) > 1 for commit in ours)
        return merges and await is_ancestor(self.repository, top.id, ours[-1].id)

    def _arrived(self, ours: list[Made]) -> tuple[list[str], list[Made]]:
        """Find our own commits that an earlier try rebased and pushed, and those still to be pushed."""
        found: list[str] = []
        left: list[Made] = []
        for commit in ours:
            twins = self._known.get(commit.identity)
            if twins:
                found.append(twins.pop(0))
            else:
                left.append(commit)
        return found, left

    async def _find_twins(self, wishes: Sequence[Wish], commits: dict[str, list[Made]]) -> None:
        """Index these promotions' commits on the branch by what a rebase leaves alone, oldest first."""
        bases = {parent for ours in commits.values() if ours for parent in ours[0].parents[:1] or ("",)}
        if bases <= {self.there}:
            return
        named = [f"--grep={PROMOTION}: {wish.promotion}" for wish in wishes]
        options = ("--format=%H", "--reverse", "--fixed-strings", f"--max-count={TWINS * len(wishes)}")
        ids = (await git("log", *options, *named, *await self._since(bases), "--", cwd=self.repository)).split()
        for commit, made in (await read_all(self.repository, ids)).items():
            self._known.setdefault(made.identity, []).append(commit)

    async def _since(self, bases: set[str]) -> list[str]:
        """Name the part of the branch that has grown since the first of our promotions began."""
        if "" in bases:
            return [self.there]
        common = await git("merge-base", "--octopus", self.there, *bases, cwd=self.repository, accept=(0, 1))
        return [self.there, *(f"^{commit}" for commit in common.split()[:1])]


@asynccontextmanager
async def _rings(wishes: Sequence[Wish]) -> AsyncIterator[dict[SigningKey | None, Signer | DrayageError | None]]:
    """Open the key ring of every key; one that cannot be opened is told by its error."""
    async with AsyncExitStack() as stack:
        rings: dict[SigningKey | None, Signer | DrayageError | None] = {}
        for key in dict.fromkeys(wish.key for wish in wishes):
            try:
                rings[key] = await stack.enter_async_context(opened(key))
            except DrayageError as error:
                rings[key] = error
        yield rings


def _unsafe(ours: Sequence[Made], judged: Sequence[Trust], signer: Signer | None) -> str:
    """Say which commit makes a rebase unsafe, and why."""
    wanted = Trust.TRUSTED if signer else Trust.UNSIGNED
    commit, trust = next((each, trust) for each, trust in zip(ours, judged, strict=True) if trust is not wanted)
    would = "would get a signature it did not have" if trust is Trust.UNSIGNED else "would lose its signature"
    return f"commit {commit.id[:12]} ({commit.subject!r}) is {trust} and {would}"
