"""One checkout of a clone, and what a promotion does in it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from blocks.errors import Invalid, Terminal
from blocks.git.command import LOCAL_TIMEOUT, git
from blocks.git.commits import is_ancestor
from blocks.git.committing import read_key
from blocks.git.identity import PROMOTION, Author, with_trailers
from blocks.git.layout import named_by, points_at
from blocks.git.lock import exclusive, remove_stale
from blocks.git.signing import Signer, SigningKey, opened

GIT_FILE_LIMIT = 4096


@dataclass(frozen=True)
class Origin:
    """Where a clone came from and goes to, who commits in it, and the file of the key that signs."""

    url: str
    insecure: bool
    author: Author
    key_file: Path | None = None

    async def key(self) -> SigningKey | None:
        """Read the key that signs what is made in this clone; None when nothing is signed. Raises Invalid."""
        if self.key_file is None:
            return None
        return await asyncio.to_thread(read_key, self.key_file, "the git-clone step that made this checkout")


@dataclass(frozen=True)
class WorkTree:
    """A checkout at `path`; `private` is its own part of the repository, `repository` what all checkouts share."""

    path: Path
    private: Path
    repository: Path

    @classmethod
    async def open(cls, path: Path, *, inside: Path) -> "WorkTree":
        """Find the checkout at a path, whose repository must lie inside the given folder. Raises Invalid."""
        return await asyncio.to_thread(_open, path, inside)

    async def head(self) -> str:
        """Return the checked-out commit. Raises NotFound before the first commit."""
        ref = await asyncio.to_thread(named_by, self.private / "HEAD")
        known = await asyncio.to_thread(points_at, self.repository, ref) if ref else None
        return known or (await git("rev-parse", "--verify", "HEAD^{commit}", cwd=self.path)).strip()

    async def branch(self) -> str | None:
        """Return the checked-out branch, None when a commit or tag is checked out."""
        ref = await asyncio.to_thread(named_by, self.private / "HEAD")
        return ref.removeprefix("refs/heads/") or None

    async def origin(self) -> Origin:
        """Return what the clone was made with."""
        wanted = r"^(remote\.origin\.url|drayage\.(insecure|signingkey)|user\.(name|email))$"
        listed = await git("config", "--local", "-z", "--get-regexp", wanted, cwd=self.path)
        values = dict(entry.split("\n", 1) for entry in listed.split("\0") if "\n" in entry)
        author = Author(values["user.name"], values["user.email"])
        key_file = Path(values["drayage.signingkey"]) if "drayage.signingkey" in values else None
        return Origin(values["remote.origin.url"], values.get("drayage.insecure") == "true", author, key_file)

    async def has_changes(self) -> bool:
        """Stage everything, new files included and ignored ones not; whether it differs from the checked-out commit."""
        async with self.writing() as lock:
            await git("add", "--all", "--sparse", "--", ".", cwd=self.path, holding=lock)
            staged = (await git("write-tree", cwd=self.path, holding=lock)).strip()
        return staged != await self.resolve("HEAD^{tree}")

    async def was_committed_by(self, promotion: str, at: datetime) -> bool:
        """Whether the checked-out commit is the one this promotion made at that second."""
        known = f"--format=%at%n%(trailers:key={PROMOTION},valueonly)"
        made, *names = (await git("log", "-1", known, cwd=self.path)).split("\n")
        return int(made) == int(at.timestamp()) and promotion in names

    async def belongs_to(self, promotion: str, commit: str) -> bool:
        """Whether a commit carries the trailer of this promotion."""
        known = f"--format=%(trailers:key={PROMOTION},valueonly)"
        return promotion in (await git("log", "-1", known, commit, cwd=self.path)).split("\n")

    async def commit(
        self,
        message: str,
        author: Author | None,
        trailers: Mapping[str, str],
        at: datetime,
        key: SigningKey | None = None,
    ) -> str:
        """Commit what `has_changes` staged and return the commit.

        The same contents, parent, message, names and second give the same commit, wherever and however often
        it is made. Author, committer and key are the clone's unless they are given.
        """
        origin = await self.origin()
        dated = (author or origin.author).environment("AUTHOR", at) | origin.author.environment("COMMITTER", at)
        text = await with_trailers(message, trailers, self.path)
        async with opened(key or await origin.key(), at) as signer, self.writing() as lock:
            options = ("--quiet", "--no-verify", "--cleanup=whitespace", "--file=-", *_signed_by(signer))
            env = dated | (signer.environment if signer else {})
            await git("commit", *options, cwd=self.path, env=env, input=text, holding=lock)
        return await self.head()

    async def clear(self) -> None:
        """Remove every tracked file; untracked ones stay."""
        async with self.writing() as lock:
            await git("rm", "-r", "--force", "--quiet", "--ignore-unmatch", "--", ".", cwd=self.path, holding=lock)

    async def tag(self, name: str, message: str, at: datetime, *, force: bool = False) -> str:
        """Make an annotated tag of the checked-out commit and return the tag's own id.

        Made twice with the same arguments it is the same tag. Raises Invalid when another has the name.
        """
        origin = await self.origin()
        before = await self.resolve(f"refs/tags/{name}")
        async with opened(await origin.key(), at) as signer, self.writing() as lock:
            env = origin.author.environment("COMMITTER", at) | (signer.environment if signer else {})
            options = (
                f"--local-user={signer.key}" if signer else "--annotate",
                "--force",
                "--cleanup=whitespace",
                "--file=-",
            )
            await git("tag", *options, "--", name, "HEAD", cwd=self.path, env=env, input=message, holding=lock)
            made = await self.resolve(f"refs/tags/{name}")
            if before and before != made and not force:
                await git("update-ref", f"refs/tags/{name}", before, cwd=self.path, holding=lock)
                raise Invalid(f"tag {name!r} exists already: use another name, or force")
        assert made
        return made

    async def resolve(self, ref: str) -> str | None:
        """Return what a full ref name points at, None when there is no such ref."""
        return (await git("rev-parse", "--verify", "--quiet", ref, cwd=self.path, accept=(0, 1))).strip() or None

    async def contains(self, tip: str, commit: str) -> bool:
        """Whether a commit is `tip` or one of its ancestors."""
        return await is_ancestor(self.path, commit, tip)

    async def move_to(self, commit: str) -> None:
        """Put checkout and branch to a commit, keeping changes that do not touch what moves.

        What cannot be kept is what a move killed half-way left behind; it is overwritten.
        """
        async with self.writing() as lock:
            try:
                await git("reset", "--quiet", "--keep", commit, cwd=self.path, holding=lock)
            except Terminal:
                await git("reset", "--quiet", "--hard", commit, cwd=self.path, holding=lock)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[int]:
        """Hold the clone alone; a Git that outlived a killed worker is waited for, its leftovers are removed."""
        lock_file = self.repository.with_suffix(".lock")
        async with exclusive(lock_file, timeout=LOCAL_TIMEOUT, what=f"checkout {self.path.name!r}") as lock:
            await asyncio.to_thread(remove_stale, self.private, self.repository)
            yield lock


def _signed_by(signer: Signer | None) -> list[str]:
    return [f"--gpg-sign={signer.key}"] if signer else []


def _open(path: Path, inside: Path) -> WorkTree:
    try:
        with (path / ".git").open() as file:
            private = Path(file.read(GIT_FILE_LIMIT).removeprefix("gitdir:").strip()).resolve()
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"{path.name!r} is no checkout: give the path of a git-clone step's checkout") from None
    repository = private.parent.parent
    if inside.resolve() not in repository.parents or not (repository / "HEAD").is_file():
        raise Invalid(f"{path.name!r} is a checkout of a repository that is not this promotion's")
    return WorkTree(path, private, repository)
