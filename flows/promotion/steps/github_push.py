"""github-push: have GitHub make the checkout's commits, so that it shows them as verified."""

from typing import Self

from pydantic import Field, model_validator

from blocks.code_hosts.api import Way
from blocks.errors import Invalid, Refused
from blocks.git.api_push import ApiPusher
from blocks.git.commit_url import commit_url
from blocks.git.mirror import Mirrors
from blocks.git.rebase import Conflicting
from blocks.git.work_tree import WorkTree
from flows.model import Model
from flows.promotion.foresight import Foreseen, Imagined
from flows.promotion.result import Failed, Outputs, StepContext, StepResult, Succeeded
from flows.promotion.steps import git_push

OUTWARD = True


class Config(Model):
    """Settings of github-push."""

    path: str = Field(min_length=1, description="Checkout to push from, relative to the working directory.")
    target_branch: str | None = Field(default=None, description="Branch to push to.")
    generate_target_branch: bool = Field(default=False, description="Push to kargo/promotion/<promotion>, by force.")
    max_attempts: int = Field(default=10, ge=1, description="Tries when the branch moves meanwhile.")
    force: bool = Field(default=False, description="Replace what the remote has.")
    insecure_skip_tls_verify: bool = Field(
        default=False, alias="insecureSkipTLSVerify", description="Accept any TLS certificate of the API."
    )

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if self.target_branch and self.generate_target_branch:
            raise ValueError("at most one of 'targetBranch' and 'generateTargetBranch'")
        return self


async def run(config: Config, ctx: StepContext) -> StepResult:
    """Push once: what an earlier attempt had GitHub make is found and counts."""
    tree = await WorkTree.open(ctx.path(config.path), inside=ctx.work_dir)
    mirrors: Mirrors = ctx.git
    origin = await tree.origin()
    credentials = await ctx.credentials("git", origin.url)
    if ctx.ask is None:
        raise Invalid("github-push has no way to GitHub's API here")
    opened = mirrors.access(origin.url, credentials, origin.insecure)
    way = Way(ctx.ask, credentials, config.insecure_skip_tls_verify or origin.insecure)
    name = config.target_branch or await tree.branch()
    if config.generate_target_branch:
        name = f"kargo/promotion/{ctx.promotion}"
    if name is None:
        raise Invalid(f"{config.path!r} has no branch checked out: set targetBranch or generateTargetBranch")
    pusher = ApiPusher.make(
        tree, mirrors, opened, way, ctx.promotion, attempts=config.max_attempts, key=await origin.key()
    )
    try:
        pushed = await pusher.branch(name, force=config.force or config.generate_target_branch)
    except (Conflicting, Refused) as error:
        return Failed(str(error))
    url = commit_url(origin.url, pushed.commit, "github")
    outputs = {"branch": name, "commit": pushed.commit} | ({"commitURL": url} if url else {})
    return Succeeded(outputs, "already there" if pushed.arrived else "")


async def restore(config: Config, ctx: StepContext, outputs: Outputs) -> None:
    """Put the checkout to the commit that GitHub made."""
    await git_push.restore(git_push.Config(path=config.path), ctx, outputs)


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Foresee what the branch would get; GitHub will give the commits other ids."""
    same = config.model_dump(include={"path", "target_branch", "generate_target_branch", "force"}, by_alias=True)
    return await git_push.foresee(git_push.Config.model_validate(same | {"provider": "github"}), ctx, imagined)
