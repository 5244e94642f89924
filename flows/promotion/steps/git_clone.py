"""git-clone: check out branches, commits or tags of one repository."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator

from blocks.errors import Conflict, Invalid, NotFound
from blocks.git.access import Access
from blocks.git.branches import branches
from blocks.git.clone import Clone
from blocks.git.committing import Committing, keep_key
from blocks.git.identity import Author
from blocks.git.mirror import Mirrors
from blocks.git.send import send
from blocks.git.signing import SigningKey
from blocks.git.signing import opened as opened_ring
from blocks.git.work_tree import Origin, WorkTree
from flows.model import Model
from flows.promotion.foresight import Foreseen, Imagined, code
from flows.promotion.result import Outputs, StepContext, StepResult, Succeeded
from flows.promotion.submodules import Submodules

OUTWARD = False  # `create` pushes a branch without files, once; everything else stays in the working directory

AUTHOR_NAME = "Drayage"
AUTHOR_EMAIL = "no-reply@drayage.dev"

REPOSITORIES = ".repositories"
"""Folder of the working directory that holds the clones."""

FIRST_MESSAGE = "Initial commit"
FULL_ID = 40

RACES = 3
"""How often a branch to be created may turn out to have been created by somebody else."""


class AuthorConfig(Model):
    """Who makes the commits in this clone."""

    name: str = Field(default=AUTHOR_NAME, min_length=1, description="Name of author and committer.")
    email: str = Field(default=AUTHOR_EMAIL, min_length=1, description="E-mail address of author and committer.")
    signing_key: str | None = Field(
        default=None,
        repr=False,
        description="Armoured GPG private key without passphrase; commits and tags are signed.",
    )

    @property
    def author(self) -> Author:
        """Who it is."""
        return Author(self.name, self.email)

    @property
    def key(self) -> SigningKey | None:
        """The key, None when nothing is to be signed."""
        return SigningKey(self.signing_key) if self.signing_key and self.signing_key.strip() else None


class Checkout(Model):
    """One checkout: a branch, a commit, a tag, or the default branch when none is named. Empty text names none."""

    path: str = Field(min_length=1, description="Folder to make, relative to the working directory.")
    branch: str | None = Field(default=None, description="Branch to check out.")
    commit: str | None = Field(
        default=None, pattern=r"^([0-9a-fA-F]{4,64})?$", description="Commit to check out, on no branch."
    )
    tag: str | None = Field(default=None, description="Tag to check out, on no branch.")
    create: bool = Field(default=False, description="Make and push the branch, empty, when there is none.")
    as_: str | None = Field(default=None, alias="as", description="Key in outputs, else the path.")
    sparse: list[str] = Field(default_factory=list, description="Folders to check out; all when empty.")

    @property
    def key(self) -> str:
        """The checkout's key in the outputs."""
        return self.as_ or self.path

    @field_validator("sparse")
    @classmethod
    def _one_line_each(cls, folders: list[str]) -> list[str]:
        if any(not folder.strip() or re.search(r"[\x00-\x1f]", folder) for folder in folders):
            raise ValueError("a sparse entry is the path of one folder")
        return folders

    @model_validator(mode="after")
    def _names_one_thing(self) -> Self:
        if sum(map(bool, (self.branch, self.commit, self.tag))) > 1:
            raise ValueError("at most one of 'branch', 'commit' and 'tag'")
        if self.create and not self.branch:
            raise ValueError("'create' needs 'branch'")
        return self


class Config(Model):
    """Settings of git-clone."""

    repo_url: str = Field(alias="repoURL", min_length=1, description="Repository, by https, http or ssh.")
    checkout: list[Checkout] = Field(min_length=1, description="Checkouts, in order.")
    author: AuthorConfig | None = Field(
        default=None, description="Who commits in this clone, else the operator's author and key."
    )
    insecure_skip_tls_verify: bool = Field(
        default=False, alias="insecureSkipTLSVerify", description="Accept any TLS certificate."
    )
    blobless: bool = Field(
        default=False, description="Accepted without effect: the worker's mirror spares the download anyway."
    )
    recurse_submodules: bool = Field(
        default=False, description="Fill the folders of submodules, and theirs; empty folders otherwise."
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for what, names in {
            "key ('as' or 'path')": [checkout.key for checkout in self.checkout],
            "path": [checkout.path for checkout in self.checkout],
            "branch": [checkout.branch for checkout in self.checkout if checkout.branch],
        }.items():
            if len(names) != len(set(names)):
                raise ValueError(f"two checkouts have the same {what}")
        return self


async def run(config: Config, ctx: StepContext) -> StepResult:
    """Cut the checkouts from the mirror; what an earlier attempt left is removed first."""
    return Succeeded({"commits": await _clone(config, ctx, {})})


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Check out for real; a branch that would be made is made here alone."""
    created: list[str] = []
    commits = await _clone(config, ctx, {}, created.append)
    made = ", ".join(map(code, created))
    return Foreseen(f"would make branch {made} of {config.repo_url}" if created else "", {"commits": commits})


async def restore(config: Config, ctx: StepContext, outputs: Outputs) -> None:
    """Check out the very commits of the outputs, wherever the branches are by now."""
    await _clone(config, ctx, outputs.get("commits", {}))


async def _clone(
    config: Config, ctx: StepContext, pinned: dict[str, str], withhold: Callable[[str], None] | None = None
) -> dict[str, str]:
    for checkout in config.checkout:
        _place(ctx, checkout.path)
    mirrors: Mirrors = ctx.git
    author, key_file = await _author(config, ctx, mirrors)
    credentials = await ctx.credentials("git", config.repo_url)
    opened = mirrors.access(config.repo_url, credentials, config.insecure_skip_tls_verify)
    job = _Job(config, ctx, pinned, mirrors, opened, Origin(opened.url, opened.insecure, author, key_file), withhold)
    for race in range(1, RACES + 1):
        try:
            return await job.cut()
        except Conflict:
            if race == RACES:
                raise
    raise AssertionError("unreachable: RACES is at least 1")


async def _author(config: Config, ctx: StepContext, mirrors: Mirrors) -> tuple[Author, Path | None]:
    """Return who commits, and the file in which the key that signs is kept beside the working directory."""
    if config.author:
        author, key = config.author.author, config.author.key
    else:
        house: Committing = await ctx.committing() if ctx.committing else mirrors.committing
        author, key = Author(house.name, house.email), await house.key()
    if key is None:
        return author, None
    async with opened_ring(key):  # said here, where the key was given, when it cannot sign
        return author, await asyncio.to_thread(keep_key, ctx.work_dir, ctx.alias, key)


@dataclass(frozen=True)
class _Job:
    """All checkouts of one step, cut from one mirror; `pinned` holds the commits of a former run by key.

    With `withhold` nothing is pushed, now or later: it is told the names of branches that would be.
    """

    config: Config
    ctx: StepContext
    pinned: dict[str, str]
    mirrors: Mirrors
    opened: Access
    origin: Origin
    withhold: Callable[[str], None] | None = None

    async def cut(self) -> dict[str, str]:
        """Return the checked-out commit of each key."""
        for checkout in self.config.checkout:
            await self._bring(checkout)
        return await self.mirrors.using(
            self.opened.url, self._from, credentials=self.opened.credentials, insecure=self.opened.insecure
        )

    async def _bring(self, checkout: Checkout) -> None:
        """Have the mirror hold a commit that perhaps no branch leads to any more."""
        commit = self.pinned.get(checkout.key) or checkout.commit or ""
        if len(commit) < FULL_ID:
            return
        try:
            await self.mirrors.fetch(
                self.opened.url, credentials=self.opened.credentials, insecure=self.opened.insecure, commit=commit
            )
        except NotFound:
            if not checkout.create:  # a branch made by this step can be made again
                raise

    async def _from(self, mirror: Path) -> dict[str, str]:
        repository = self.ctx.work_dir.resolve() / REPOSITORIES / f"{quote(self.ctx.alias, safe='')}.git"
        clone = await Clone.make(repository, mirror, self.origin, inside=self.ctx.work_dir)
        trees = {checkout.key: await self._check_out(clone, checkout) for checkout in self.config.checkout}
        if self.config.recurse_submodules:
            submodules = Submodules(self.ctx, self.mirrors, self.origin, repository.with_suffix(""))
            for tree in trees.values():
                await submodules.fill(tree.path, self.opened.url)
        return {key: await tree.head() for key, tree in trees.items()}

    async def _check_out(self, clone: Clone, checkout: Checkout) -> WorkTree:
        path, at = _place(self.ctx, checkout.path), self.pinned.get(checkout.key)
        if checkout.commit or checkout.tag:
            commit = at or (
                await clone.abbreviated(checkout.commit) if checkout.commit else await clone.tagged(checkout.tag or "")
            )
            return await clone.check_out_commit(path, commit, sparse=checkout.sparse)
        branch = checkout.branch or await clone.default_branch()
        if checkout.create:
            at = await self._created(clone, branch, at)
        if not self.withhold:
            branches(self.mirrors).expect(self.opened.url, branch, clone.repository)
        return await clone.check_out_branch(path, branch, at=at, sparse=checkout.sparse)

    async def _created(self, clone: Clone, branch: str, at: str | None) -> str | None:
        """Make the branch where there is none, and push it unless a former run did."""
        key = await self.origin.key()
        orphan = await clone.orphan(FIRST_MESSAGE, self.origin.author, self.ctx.trailers, self.ctx.started_at, key)
        if at or await clone.branch_exists(branch):
            return at
        if self.withhold:
            self.withhold(branch)
        else:
            await send(clone.repository, self.opened, orphan, f"refs/heads/{branch}")
        return orphan


def _place(ctx: StepContext, relative: str) -> Path:
    """Resolve a checkout's folder: a new one of its own inside the working directory."""
    path, root = ctx.path(relative), ctx.path(".")
    if path == root:
        raise Invalid(f"checkout path {relative!r} must name a folder of its own in the working directory")
    return path
