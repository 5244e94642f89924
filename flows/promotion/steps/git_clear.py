"""git-clear: remove every tracked file, so that what is rendered next is all there is."""

from pydantic import Field

from blocks.git.work_tree import WorkTree
from flows.model import Model
from flows.promotion.result import StepContext, StepResult, Succeeded

OUTWARD = False


class Config(Model):
    """Settings of git-clear."""

    path: str = Field(min_length=1, description="Checkout to clear, relative to the working directory.")


async def run(config: Config, ctx: StepContext) -> StepResult:
    """Remove what is tracked; untracked files stay. Run again it finds nothing and is content."""
    tree = await WorkTree.open(ctx.path(config.path), inside=ctx.work_dir)
    await tree.clear()
    return Succeeded()
