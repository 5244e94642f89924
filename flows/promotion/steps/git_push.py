"""git-push: bring the checkout's commits, or a tag, to the remote."""

from typing import Self

from pydantic import Field, model_validator

from blocks.errors import Invalid, Refused
from blocks.git.commit_url import commit_url
from blocks.git.group import Pushed
from blocks.git.mirror import Mirrors
from blocks.git.push import Pusher
from blocks.git.rebase import Conflicting
from blocks.git.work_tree import WorkTree
from flows.model import Model
from flows.promotion.foresee_git import Pushing
from flows.promotion.foresight import Foreseen, Imagined
from flows.promotion.provider import Provider
from flows.promotion.result import Failed, Outputs, StepContext, StepResult, Succeeded

OUTWARD = True


class Config(Model):
    """Settings of git-push."""

    path: str = Field(min_length=1, description="Checkout to push from, relative to the working directory.")
    target_branch: str | None = Field(default=None, description="Branch to push to.")
    generate_target_branch: bool = Field(default=False, description="Push to kargo/promotion/<promotion>, by force.")
    tag: str | None = Field(default=None, description="Tag to push instead of a branch.")
    max_attempts: int = Field(default=10, ge=1, description="Tries when the branch moves meanwhile.")
    force: bool = Field(default=False, description="Replace what the remote has.")
    provider: Provider | None = Field(default=None, description="Kind of code host, else guessed from the host.")

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if sum(map(bool, (self.target_branch, self.generate_target_branch, self.tag))) > 1:
            raise ValueError("at most one of 'targetBranch', 'generateTargetBranch' and 'tag'")
        return self


async def run(config: Config, ctx: StepContext) -> StepResult:
    """Push once: what an earlier attempt brought there, rebased or not, is found and counts."""
    tree = await WorkTree.open(ctx.path(config.path), inside=ctx.work_dir)
    mirrors: Mirrors = ctx.git
    origin = await tree.origin()
    credentials = await ctx.credentials("git", origin.url)
    pusher = await Pusher.make(tree, origin, mirrors, credentials, ctx.promotion, config.max_attempts)
    try:
        pushed = await _push(config, ctx, pusher)
    except (Conflicting, Refused) as error:
        return Failed(str(error))
    url = commit_url(origin.url, pushed.commit, config.provider)
    return Succeeded(
        _target(pushed) | {"commit": pushed.commit} | ({"commitURL": url} if url else {}),
        "already there" if pushed.arrived else "",
    )


async def _push(config: Config, ctx: StepContext, pusher: Pusher) -> Pushed:
    if config.tag:
        return await pusher.tag(config.tag, force=config.force)
    branch = await _branch(config, ctx, pusher.tree)
    return await pusher.branch(branch, force=config.force or config.generate_target_branch)


async def _branch(config: Config, ctx: StepContext, tree: WorkTree) -> str:
    """Name the branch to push to. Raises Invalid when there is none."""
    if config.generate_target_branch:
        return f"kargo/promotion/{ctx.promotion}"
    if branch := config.target_branch or await tree.branch():
        return branch
    raise Invalid(f"{config.path!r} has no branch checked out: set targetBranch or generateTargetBranch")


def _target(pushed: Pushed) -> dict[str, str]:
    branch = pushed.ref.removeprefix("refs/heads/")
    return {"branch": branch} if branch != pushed.ref else {}


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Compare the commits with the branch they would come to."""
    tree = await WorkTree.open(ctx.path(config.path), inside=ctx.work_dir)
    pushing = Pushing(tree, ctx, imagined)
    if config.tag:
        return await pushing.tag(config.tag)
    branch = await _branch(config, ctx, tree)
    return await pushing.branch(branch, config.provider, force=config.force or config.generate_target_branch)


async def restore(config: Config, ctx: StepContext, outputs: Outputs) -> None:
    """Put the checkout to the commit that was pushed, which after a rebase is not the one git-commit made."""
    tree = await WorkTree.open(ctx.path(config.path), inside=ctx.work_dir)
    if config.tag or await tree.head() == outputs["commit"]:
        return
    origin = await tree.origin()
    credentials = await ctx.credentials("git", origin.url)
    mirrors: Mirrors = ctx.git
    await mirrors.fetch(origin.url, credentials=credentials, insecure=origin.insecure, commit=outputs["commit"])
    await tree.move_to(outputs["commit"])
