"""What Git steps would bring to a remote, read from the commits in the scratch directory."""

from dataclasses import dataclass

from blocks.git.bare import has_commit
from blocks.git.changes import Changes, read_changes
from blocks.git.command import git
from blocks.git.commit_url import commit_url
from blocks.git.mirror import Mirrors
from blocks.git.work_tree import WorkTree
from flows.promotion.foresight import Foreseen, Imagined, Tip, code, cut
from flows.promotion.result import StepContext

LONGEST_DIFF = 200_000
"""Characters of a difference that are kept."""


@dataclass(frozen=True)
class Pushing:
    """A push that is not done: from a checkout to a branch."""

    tree: WorkTree
    ctx: StepContext
    imagined: Imagined

    async def branch(self, name: str, provider: str | None, *, force: bool) -> Foreseen:
        """Foresee what the branch would get. A new branch is compared with the one that is checked out."""
        url, head = (await self.tree.origin()).url, await self.tree.head()
        there = await self._tip(url, name)
        base, against = there, name
        if there is None and (checked_out := await self.tree.branch()) not in (None, name):
            base, against = await self._tip(url, checked_out or ""), checked_out or ""
        changes = await read_changes(self.tree.repository, base, head)
        message = await git("log", "-1", "--no-show-signature", "--format=%B", head, "--", cwd=self.tree.path)
        self.imagined.push(url, name, Tip(head, message.strip()))
        outputs = {"branch": name, "commit": head}
        if link := commit_url(url, head, provider):
            outputs["commitURL"] = link
        return Foreseen(_told(url, name, there, base and against, changes, force), outputs, diff=_diff(changes))

    async def tag(self, name: str) -> Foreseen:
        """Foresee the push of a tag."""
        commit = await self.tree.resolve(f"refs/tags/{name}^{{commit}}") or ""
        url = (await self.tree.origin()).url
        return Foreseen(f"would push tag {code(name)} at {code(commit[:8])} to {url}", {"commit": commit})

    async def _tip(self, url: str, branch: str) -> str | None:
        """The commit a branch is at, or would be, brought here; None when there is no such branch."""
        if imagined := self.imagined.branch(url, branch):
            return imagined.commit
        mirrors: Mirrors = self.ctx.git
        origin, credentials = await self.tree.origin(), await self.ctx.credentials("git", url)
        opened = mirrors.access(url, credentials, origin.insecure)
        there = (await mirrors.refs(opened)).ids.get(f"refs/heads/{branch}")
        if there and not await has_commit(self.tree.repository, there):
            await mirrors.fetch(url, credentials=credentials, insecure=origin.insecure, commit=there)
        return there


def _told(url: str, name: str, there: str | None, against: str | None, changes: Changes, force: bool) -> str:
    new = "" if there else " new"
    compared = f", compared with {code(against)}" if against and not there else ""
    if not changes.count:
        return f"would bring no change to{new} branch {code(name)} of {url}{compared}"
    files = f"{changes.count} file{'s' if changes.count > 1 else ''}"
    said = f"would {'force-push' if force else 'push'} {files} to{new} branch {code(name)} of {url}{compared}"
    left_out = f"\n- and {changes.count - len(changes.files)} more" if changes.count > len(changes.files) else ""
    too_large = "\n\nThe difference is too large to be shown." if changes.too_large else ""
    return said + "\n\n" + "\n".join(f"- {code(file)}" for file in changes.files) + left_out + too_large


def _diff(changes: Changes) -> str:
    return cut(changes.diff, LONGEST_DIFF)
