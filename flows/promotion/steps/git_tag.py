"""git-tag: name the checked-out commit with an annotated tag, which git-push brings out."""

from pydantic import Field

from blocks.git.work_tree import WorkTree
from flows.model import Model
from flows.promotion.result import StepContext, StepResult, Succeeded

OUTWARD = False


class Config(Model):
    """Settings of git-tag."""

    path: str = Field(min_length=1, description="Checkout whose commit is tagged, relative to the working directory.")
    tag: str = Field(min_length=1, description="Name of the tag.")
    message: str = Field(min_length=1, description="Annotation of the tag.")
    force: bool = Field(default=False, description="Move a tag of that name.")


async def run(config: Config, ctx: StepContext) -> StepResult:
    """Tag once: a second run makes the same tag, dated when the step first started."""
    tree = await WorkTree.open(ctx.path(config.path), inside=ctx.work_dir)
    await tree.tag(config.tag, config.message, ctx.started_at, force=config.force)
    return Succeeded({"commit": await tree.head()})
