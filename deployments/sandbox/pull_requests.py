"""The pull requests of the sandbox's code hosts: one model over its Git repositories, whatever a host calls them."""

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from blocks.errors import Conflict, Invalid, NotFound
from deployments.sandbox.git_merges import GitMerges

Json = dict[str, Any]
State = Literal["open", "closed", "merged"]
Method = Literal["merge", "squash", "rebase", "rebase-merge", "fast-forward"]


class Duplicate(Invalid):
    """There is an open one of the same branches."""


class NothingToMerge(Invalid):
    """The head brings nothing new to the base."""


class Moved(Conflict):
    """The head is no longer what was looked at."""


@dataclass(frozen=True)
class Pull:
    """One pull request.

    `blocked` says why people or checks do not let it be merged, empty when they do. A `slow` one has not been looked
    through yet, so nobody knows whether it can be merged. One from a `fork` is shown as such, its head is here all
    the same.
    """

    repository: str
    number: int
    head: str
    base: str
    title: str
    description: str
    head_commit: str
    base_commit: str
    created_at: str
    updated_at: str
    state: State = "open"
    labels: tuple[str, ...] = field(default=())
    blocked: str = ""
    slow: bool = False
    draft: bool = False
    conflicts: bool = False
    fork: bool = False
    merge_commit: str = ""
    method: str = ""


class PullRequests:
    """Pull requests by repository and number, counted up in each repository."""

    def __init__(self, merges: GitMerges, state: Any = None) -> None:
        """Continue from a snapshot."""
        self.merges = merges
        self._pulls = {
            (each["repository"], each["number"]): Pull(**each | {"labels": tuple(each["labels"])})
            for each in state or []
        }

    def snapshot(self) -> Any:
        """Give everything, for a file."""
        return [asdict(each) for each in self._pulls.values()]

    async def open(
        self, repository: str, head: str, base: str, title: str, description: str = "", *, draft: bool = False
    ) -> Pull:
        """Open one. Raises NotFound without a branch, Duplicate, or NothingToMerge."""
        ours, theirs = await self._tip(repository, head), await self._tip(repository, base)
        if twin := next(
            (each for each in self._of(repository, "open") if (each.head, each.base) == (head, base)), None
        ):
            raise Duplicate(str(twin.number))
        if await self.merges.contains(repository, theirs, ours):
            raise NothingToMerge(f"no commits between {base} and {head}")
        number = max((each.number for each in self._of(repository)), default=0) + 1
        now = _now()
        made = Pull(repository, number, head, base, title, description, ours, theirs, now, now, draft=draft)
        return await self._looked_at(made)

    async def get(self, repository: str, number: int) -> Pull:
        """Look at one as it stands now. Raises NotFound."""
        pull = self._pulls.get((repository, number))
        if pull is None:
            raise NotFound(f"{repository} has no pull request {number}")
        return await self._looked_at(pull)

    async def select(self, repository: str, state: State | None = None) -> list[Pull]:
        """List those of one state, or all, the newest first."""
        found = [await self._looked_at(each) for each in self._of(repository, state)]
        return sorted(found, key=lambda each: -each.number)

    async def merge(self, repository: str, number: int, method: Method = "merge", expected: str = "") -> Pull:
        """Merge one into the Git repository. Raises Conflict with the reason when that cannot be done now."""
        pull = await self.get(repository, number)
        if why := _hindrance(pull):
            raise Conflict(why)
        if expected and expected != pull.head_commit:
            raise Moved("the head was changed meanwhile: look again")
        tip = await self._tip(repository, pull.base)
        commit = await self._made(pull, tip, method)
        await self.merges.move(repository, pull.base, commit, tip)
        return self._keep(replace(pull, state="merged", merge_commit=commit, method=method, updated_at=_now()))

    async def change(self, repository: str, number: int, **fields: Any) -> Pull:
        """Close it (`state`), label it, or let checks and people block it."""
        return self._keep(replace(await self.get(repository, number), updated_at=_now(), **fields))

    async def _made(self, pull: Pull, tip: str, method: Method) -> str:
        name, head, when = pull.repository, pull.head_commit, datetime.now(UTC)
        message = f"{pull.title} (#{pull.number})\n\n{pull.description}".strip()
        merging = f"Merge pull request #{pull.number} from {pull.head}\n\n{pull.title}"
        if method == "fast-forward":
            if not await self.merges.contains(name, head, tip):
                raise Conflict("the branch is not up to date, so it cannot be fast-forwarded")
            return head
        if method == "squash":
            return await self.merges.squash(name, tip, head, message, when)
        if method == "merge":
            return await self.merges.merge(name, tip, head, merging, when)
        replayed = await self.merges.rebase(name, tip, head, when)
        return replayed if method == "rebase" else await self.merges.merge(name, tip, replayed, merging, when)

    async def _looked_at(self, pull: Pull) -> Pull:
        """What it stands for now: an open one follows its branches, as long as they are there."""
        head = await self.merges.tip(pull.repository, pull.head)
        base = await self.merges.tip(pull.repository, pull.base)
        conflicts = head and base and await self.merges.conflicts(pull.repository, base, head)
        # It may have been merged or changed while Git was asked.
        pull = self._pulls.get((pull.repository, pull.number), pull)
        if pull.state == "open" and head and base:
            pull = replace(pull, head_commit=head, base_commit=base, conflicts=bool(conflicts))
        return self._keep(pull)

    async def _tip(self, repository: str, branch: str) -> str:
        tip = await self.merges.tip(repository, branch)
        if not tip:
            raise NotFound(f"{repository} has no branch {branch}")
        return tip

    def _of(self, repository: str, state: State | None = None) -> list[Pull]:
        return [each for each in self._pulls.values() if each.repository == repository and state in (None, each.state)]

    def _keep(self, pull: Pull) -> Pull:
        self._pulls[pull.repository, pull.number] = pull
        return pull


def _hindrance(pull: Pull) -> str:
    if pull.state != "open":
        return f"the pull request is {pull.state}"
    if pull.blocked or pull.draft:
        return pull.blocked or "the pull request is a draft"
    return "the branches have conflicts" if pull.conflicts else ""


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
