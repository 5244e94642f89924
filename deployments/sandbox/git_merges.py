"""Merging one branch of a bare repository into another one, with Git's own plumbing."""

from datetime import datetime

from blocks.errors import Conflict, Invalid
from deployments.sandbox.git_command import run
from deployments.sandbox.git_repositories import GitRepositories

MOST_COMMITS = 200
"""Commits a rebase replays."""


class GitMerges:
    """Makes commits that merge; nobody's working directory is needed."""

    def __init__(self, git: GitRepositories) -> None:
        """Work on these repositories."""
        self.git = git

    async def tip(self, name: str, branch: str) -> str:
        """Return the commit of a branch; empty when there is none."""
        return (await self.git.refs(name)).get(f"refs/heads/{branch}", "")

    async def contains(self, name: str, commit: str, other: str) -> bool:
        """Whether a commit holds another one."""
        try:
            return await self._print(name, "merge-base", commit, other) == other
        except Invalid:  # nothing in common
            return False

    async def conflicts(self, name: str, base: str, head: str) -> bool:
        """Whether two commits cannot be merged by themselves."""
        try:
            await self._tree(name, base, head)
        except Conflict:
            return True
        return False

    async def merge(self, name: str, base: str, head: str, message: str, when: datetime) -> str:
        """Make a merge commit of both."""
        return await self._commit(name, await self._tree(name, base, head), [base, head], message, when)

    async def squash(self, name: str, base: str, head: str, message: str, when: datetime) -> str:
        """Make one commit of all that `head` adds."""
        return await self._commit(name, await self._tree(name, base, head), [base], message, when)

    async def rebase(self, name: str, base: str, head: str, when: datetime) -> str:
        """Replay what `head` adds on top of `base`; nothing is replayed that is there already."""
        listed = await self._print(name, "rev-list", "--reverse", "--no-merges", f"{base}..{head}")
        commits = listed.split()
        if len(commits) > MOST_COMMITS:
            raise Conflict(f"more than {MOST_COMMITS} commits, the sandbox's limit")
        if await self.contains(name, head, base):
            return head
        for commit in commits:
            parent = await self._print(name, "rev-parse", f"{commit}^")
            ours = await self._commit(
                name, await self._print(name, "rev-parse", f"{base}^{{tree}}"), [parent], "x", when
            )
            message = await self._print(name, "log", "-1", "--format=%B", commit)
            base = await self._commit(name, await self._tree(name, ours, commit), [base], message, when)
        return base

    async def move(self, name: str, branch: str, commit: str, before: str) -> None:
        """Put a branch onto a commit, unless somebody else moved it meanwhile."""
        try:
            await run(self.git.path(name), "update-ref", f"refs/heads/{branch}", commit, before)
        except Invalid:
            raise Conflict(f"branch {branch!r} moved meanwhile") from None

    async def delete(self, name: str, branch: str) -> None:
        """Delete a branch."""
        await run(self.git.path(name), "update-ref", "-d", f"refs/heads/{branch}")

    async def _tree(self, name: str, base: str, head: str) -> str:
        """Merge two commits' files. Raises Conflict."""
        try:
            return await self._print(name, "merge-tree", "--write-tree", "--allow-unrelated-histories", base, head)
        except Invalid:
            raise Conflict("the branches have conflicts") from None

    async def _commit(self, name: str, tree: str, parents: list[str], message: str, when: datetime) -> str:
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines += [
            f"{role} Sandbox <sandbox@localhost> {int(when.timestamp())} +0000" for role in ("author", "committer")
        ]
        content = ("\n".join(lines) + f"\n\n{message}\n").encode()
        return (
            (await run(self.git.path(name), "hash-object", "-t", "commit", "-w", "--stdin", stdin=content))
            .decode()
            .strip()
        )

    async def _print(self, name: str, *arguments: str) -> str:
        return (await run(self.git.path(name), *arguments)).decode().strip()
