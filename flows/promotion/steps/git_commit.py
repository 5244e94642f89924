"""git-commit: record the checkout's changes as one commit."""

from pydantic import Field

from blocks.git.work_tree import WorkTree
from flows.model import Model
from flows.promotion.result import Skipped, StepContext, StepResult, Succeeded
from flows.promotion.steps.git_clone import AuthorConfig

OUTWARD = False


class Config(Model):
    """Settings of git-commit."""

    path: str = Field(min_length=1, description="Checkout to commit in, relative to the working directory.")
    message: str = Field(min_length=1, description="Commit message; trailers that name the promotion are added.")
    author: AuthorConfig | None = Field(default=None, description="Author, else git-clone's. Deprecated in Kargo.")


async def run(config: Config, ctx: StepContext) -> StepResult:
    """Commit once: a second run makes the same commit, or finds it made.

    The commit is dated when the step first started, so that a rebuilt working directory gives the same id.
    """
    author, key = (config.author.author, config.author.key) if config.author else (None, None)
    tree = await WorkTree.open(ctx.path(config.path), inside=ctx.work_dir)
    if await tree.has_changes():
        return Succeeded({"commit": await tree.commit(config.message, author, ctx.trailers, ctx.started_at, key)})
    outputs = {"commit": await tree.head()}
    if await tree.was_committed_by(ctx.promotion, ctx.started_at):
        return Succeeded(outputs, "committed by an earlier attempt")
    return Skipped("nothing to commit", outputs)
