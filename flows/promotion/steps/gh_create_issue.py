"""gh-create-issue: open an issue on GitHub, once, and note its number with the Freight."""

from pydantic import Field

from flows.promotion.foresight import Foreseen, Imagined, code, cut, fenced
from flows.promotion.github_steps import LONGEST_SHOWN, METADATA_KEY, GitHubConfig, issues_of, marked, marker, since
from flows.promotion.result import StepContext, Succeeded

OUTWARD = True


class Config(GitHubConfig):
    """The issue to open."""

    title: str = Field(min_length=1, max_length=256, description="Title.")
    body: str = Field(default="", max_length=60_000, description="Text, in Markdown.")
    labels: list[str] = Field(default_factory=list, max_length=100, description="Labels it gets.")
    assignees: list[str] = Field(default_factory=list, max_length=10, description="Users it is assigned to.")
    milestone: int | None = Field(default=None, ge=1, description="Number of the milestone it belongs to.")


async def run(config: Config, ctx: StepContext) -> Succeeded:
    """Find the issue this step opened before by its marker, or open it."""
    issues, sign = await issues_of(config, ctx), marker(ctx)
    issue = next((each for each in await issues.changed_since(since(ctx)) if sign in each.body), None)
    found = issue is not None
    if issue is None:
        wanted = config.model_dump(include={"title", "labels", "assignees", "milestone"})
        fields = {key: value for key, value in wanted.items() if value}
        issue = await issues.create({**fields, "body": marked(config.body, ctx)})
    if ctx.control is not None and ctx.freight:
        await ctx.control.put_metadata("Freight", ctx.freight, {METADATA_KEY: issue.number})
    said = "was open already" if found else "is open"
    return Succeeded({"issueNumber": issue.number, "url": issue.url}, f"issue {issue.number} {said}")


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Show the issue. Nobody knows its number yet."""
    body = f":\n\n{fenced(cut(config.body, LONGEST_SHOWN), 'markdown')}" if config.body else ""
    return Foreseen(f"would open an issue {code(config.title)} in {code(config.repo_url)}{body}", known=False)
