"""A pull request, whatever its host calls it, and what every code host can do with one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

MOST_PAGES = 5
"""Pages of a list that are read."""


@dataclass(frozen=True)
class PullRequest:
    """One pull request. Neither open nor merged means closed.

    `head` and `base` are branches without `refs/heads/`, `head_commit` is what would be merged, in lists perhaps
    abbreviated. `merge_commit` is where the base came to, empty until then. `not_ready` says why it cannot be merged
    now, empty when nothing is known to hinder it. The head of one from a `fork` is somebody else's branch.
    """

    number: int
    url: str
    open: bool
    merged: bool
    head: str = ""
    base: str = ""
    head_commit: str = ""
    merge_commit: str = ""
    not_ready: str = ""
    fork: bool = False


@dataclass(frozen=True)
class NewPullRequest:
    """What to open."""

    head: str
    base: str
    title: str
    description: str = ""


class CodeHost(Protocol):
    """One repository on a code host, with one set of credentials. All methods raise the leaves of `blocks.errors`."""

    METHODS: ClassVar[tuple[str, ...]]
    """Names of the ways to merge; the host's own default when none is named."""

    LABELS: ClassVar[bool]
    """Whether its pull requests have labels."""

    async def find(self, head: str, base: str) -> list[PullRequest]:
        """List those from one branch into another, of every state, in any order."""

    async def open(self, new: NewPullRequest) -> PullRequest:
        """Open one. Raises Terminal with the host's words when it will not."""

    async def label(self, number: int, labels: Sequence[str]) -> None:
        """Add labels; those that are there already stay."""

    async def get(self, number: int) -> PullRequest:
        """Look at one. Raises NotFound."""

    async def merge(self, pull_request: PullRequest, method: str = "") -> str:
        """Ask for the merge of exactly what was looked at.

        Returns why it cannot be made now, or empty when it was made or is under way: look again for its commit.
        """

    async def open_numbers(self) -> tuple[set[int], bool]:
        """List the numbers of all that are open, and whether that is all of them: only so many pages are read."""


def adoptable(found: Sequence[PullRequest], head_commit: str) -> PullRequest | None:
    """Choose the one that stands for what we would open: an open one, else one that merged this very commit.

    An open one follows its branch, so its commit does not matter. Of several the newest. Source: Kargo, git-open-pr.
    One from a fork never does: its branch has our name, but not our commits.
    """
    ours = [each for each in found if not each.fork]
    fits = [each for each in ours if each.open or (each.merged and _same(each.head_commit, head_commit))]
    return max(fits, key=lambda each: (each.open, each.number), default=None)


def _same(shown: str, commit: str) -> bool:
    """Whether a commit is the one shown, which may be abbreviated."""
    return len(shown) >= 7 and commit.startswith(shown)
