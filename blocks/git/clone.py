"""A promotion's own repository: it shares the mirror's objects, and checkouts are cut from it."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from blocks.errors import Invalid, NotFound
from blocks.git.bare import has_commit
from blocks.git.command import git
from blocks.git.failures import Damaged
from blocks.git.identity import Author, with_trailers
from blocks.git.layout import lay_out, named_by, points_at
from blocks.git.room import lend
from blocks.git.signing import SigningKey, opened
from blocks.git.work_tree import Origin, WorkTree


@dataclass(frozen=True)
class Clone:
    """A bare repository inside a promotion's working directory."""

    repository: Path
    inside: Path

    @classmethod
    async def make(cls, repository: Path, mirror: Path, origin: Origin, *, inside: Path) -> "Clone":
        """Clone a mirror without copying its objects, removing what an earlier try left, checkouts included."""
        await asyncio.to_thread(_wipe, repository, inside)
        refs = await git("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags", cwd=mirror)
        await asyncio.to_thread(_make, repository, mirror, origin, refs)
        return cls(repository, inside)

    async def default_branch(self) -> str:
        """Return the branch the remote HEAD names. Raises NotFound when it has no commit yet."""
        named = (await asyncio.to_thread(named_by, self.repository / "HEAD")).removeprefix("refs/heads/")
        if not await self.branch_exists(named):
            raise NotFound(f"the repository's default branch {named!r} has no commits: name a branch, or create one")
        return named

    async def branch_exists(self, branch: str) -> bool:
        """Whether there is such a branch. Raises Damaged when its commit is lost."""
        commit = await asyncio.to_thread(points_at, self.repository, f"refs/heads/{branch}")
        if commit and not await has_commit(self.repository, commit):
            raise Damaged(f"the local copy lost commit {commit} of branch {branch!r}")
        return bool(commit)

    async def tagged(self, tag: str) -> str:
        """Return the commit a tag points at. Raises NotFound."""
        return await self._commit(f"refs/tags/{tag}", f"tag {tag!r}")

    async def abbreviated(self, commit: str) -> str:
        """Return the full id of a commit given by its beginning. Raises NotFound."""
        return await self._commit(commit, f"commit {commit!r}")

    async def _commit(self, revision: str, what: str) -> str:
        try:
            full = await git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}", cwd=self.repository)
        except NotFound:
            raise NotFound(f"the repository has no {what}") from None
        return full.split()[-1]

    async def check_out_branch(
        self, path: Path, branch: str, *, at: str | None = None, sparse: Sequence[str] = ()
    ) -> WorkTree:
        """Check out a branch, put to the commit `at` when given. Raises NotFound, Invalid when it is checked out."""
        if at:
            await git("update-ref", f"refs/heads/{branch}", at, cwd=self.repository)
        if not await self.branch_exists(branch):
            raise NotFound(f"the repository has no branch {branch!r}: push it first, or set create")
        return await self._check_out(path, (branch,), sparse)

    async def check_out_commit(self, path: Path, commit: str, *, sparse: Sequence[str] = ()) -> WorkTree:
        """Check out a commit, on no branch."""
        return await self._check_out(path, ("--detach", commit), sparse)

    async def _check_out(self, path: Path, what: tuple[str, ...], sparse: Sequence[str]) -> WorkTree:
        *options, revision = what
        if sparse:
            options.append("--no-checkout")
        await git("worktree", "add", "--quiet", *options, "--", str(path), revision, cwd=self.repository)
        if sparse:
            await git("sparse-checkout", "set", "--cone", "--stdin", cwd=path, input="\n".join(sparse) + "\n")
            await git("reset", "--quiet", "--hard", cwd=path)
        return await WorkTree.open(path, inside=self.inside)

    async def orphan(
        self,
        message: str,
        author: Author,
        trailers: Mapping[str, str],
        at: datetime,
        key: SigningKey | None = None,
    ) -> str:
        """Make a commit without parent and files, and return it; the same arguments give the same commit."""
        empty = (await git("mktree", cwd=self.repository, input="")).strip()
        dated = author.environment("AUTHOR", at) | author.environment("COMMITTER", at)
        text = await with_trailers(message, trailers, self.repository)
        async with opened(key, at) as signer:
            signed, ring = ([f"--gpg-sign={signer.key}"], signer.environment) if signer else ([], {})
            options = (*signed, "-F", "-", empty)
            return (await git("commit-tree", *options, cwd=self.repository, env=dated | ring, input=text)).strip()


def _make(repository: Path, mirror: Path, origin: Origin, refs: str) -> None:
    """Use the mirror's objects in place, and copy its branches and tags in one file."""
    lend(mirror, repository)  # before it is used, so that the mirror is not thrown away in between
    kept = {
        ('remote "origin"', "url"): origin.url,
        ("drayage", "insecure"): str(origin.insecure).lower(),
        ("user", "name"): origin.author.name,
        ("user", "email"): origin.author.email,
    }
    if origin.key_file:
        kept["drayage", "signingkey"] = str(origin.key_file)
    try:
        head = named_by(mirror / "HEAD")
    except OSError:
        raise Damaged(f"{mirror} is gone") from None
    lay_out(repository, [mirror], head=head, refs=refs, settings=kept)


def _wipe(repository: Path, inside: Path) -> None:
    """Delete a clone and the checkouts it knows of, never anything outside the given folder."""
    for known in repository.glob("worktrees/*/gitdir"):
        checkout = Path(known.read_text().strip()).parent.resolve()
        if inside.resolve() in checkout.parents:
            shutil.rmtree(checkout, ignore_errors=True)
    shutil.rmtree(repository, ignore_errors=True)
    if repository.exists():
        raise Invalid(f"{repository.name} of an earlier try cannot be removed: check the permissions below {inside}")
    repository.parent.mkdir(parents=True, exist_ok=True)
