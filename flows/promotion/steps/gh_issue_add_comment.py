"""gh-issue-add-comment: comment on an issue on GitHub, once."""

from pydantic import Field

from flows.promotion.foresight import Foreseen, Imagined, code, cut, fenced
from flows.promotion.github_steps import LONGEST_SHOWN, GitHubConfig, issues_of, marked, marker, since
from flows.promotion.result import StepContext, Succeeded

OUTWARD = True


class Config(GitHubConfig):
    """The comment."""

    issue_number: int = Field(ge=1, description="The issue's number.")
    body: str = Field(min_length=1, max_length=60_000, description="Text, in Markdown.")


async def run(config: Config, ctx: StepContext) -> Succeeded:
    """Find the comment this step made before by its marker, or make it."""
    issues, sign = await issues_of(config, ctx), marker(ctx)
    known = await issues.comments_since(config.issue_number, since(ctx))
    comment = next((each for each in known if sign in each.body), None)
    if comment is None:
        comment = await issues.comment(config.issue_number, marked(config.body, ctx))
    return Succeeded({"commentID": comment.id, "url": comment.url})


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Show the comment."""
    body = fenced(cut(config.body, LONGEST_SHOWN), "markdown")
    said = f"would comment on issue {config.issue_number} of {code(config.repo_url)}:\n\n{body}"
    return Foreseen(said, known=False)
