"""A step of one's own: a Markdown file about what a promotion brings, for the commit that follows."""

from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from flows.promotion.custom import Context, Freight
from flows.promotion.result import Succeeded

OUTWARD = False  # it changes nothing outside the working directory, so it may be run again to rebuild that


class Config(BaseModel):
    """What a Stage writes under `config`."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(min_length=1, description="The file, relative to the working directory.")
    title: str = Field(default="Release", description="The heading.")


def run(config: Config, *, path: Callable[[str], Path], freight: Freight, context: Context) -> Succeeded:
    """Write the file."""
    target = path(config.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    images = [f"- {image['repoURL']}: {image.get('tag') or image.get('digest')}" for image in freight.images]
    commits = [f"- {commit['repoURL']}: {commit['id']}" for commit in freight.commits]
    target.write_text("\n".join([f"# {config.title} in {context.stage}", "", *images, *commits, ""]))
    return Succeeded({"artifacts": len(images) + len(commits)})
