"""gh-search-issues: find issues of a repository on GitHub, by number or by GitHub's search."""

from pydantic import Field, model_validator

from blocks.errors import NotFound
from flows.promotion.foresight import Foreseen, Imagined
from flows.promotion.github_steps import GitHubConfig, issues_of, shown
from flows.promotion.result import StepContext, Succeeded

OUTWARD = True


class Config(GitHubConfig):
    """What to look for: exactly one of the two."""

    issue_number: int | None = Field(default=None, ge=1, description="The number of one issue.")
    query: str = Field(default="", max_length=1000, description="GitHub's search syntax; the repository is added.")

    @model_validator(mode="after")
    def _one(self) -> "Config":
        if (self.issue_number is None) == (not self.query):
            raise ValueError("exactly one of issueNumber and query is needed")
        return self


async def run(config: Config, ctx: StepContext) -> Succeeded:
    """Look; nothing found is an empty list."""
    issues = await issues_of(config, ctx)
    if config.issue_number is None:
        found = await issues.search(config.query)
    else:
        try:
            found = [await issues.get(config.issue_number)]
        except NotFound:
            found = []
    return Succeeded({"issues": [shown(each) for each in found]}, f"{len(found)} found")


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Look now: it only reads."""
    found = await run(config, ctx)
    return Foreseen(found.message, found.outputs)
