"""gh-update-issue: set fields of an issue on GitHub; what is not named stays."""

from typing import Literal

from pydantic import Field, model_validator

from flows.promotion.foresight import Foreseen, Imagined, code
from flows.promotion.github_steps import GitHubConfig, issues_of, shown
from flows.promotion.result import StepContext, Succeeded

OUTWARD = True

_FIELDS = {"title", "body", "state", "state_reason", "labels", "assignees", "milestone"}


class Config(GitHubConfig):
    """What to set."""

    issue_number: int = Field(ge=1, description="The issue's number.")
    title: str | None = Field(default=None, min_length=1, max_length=256, description="New title.")
    body: str | None = Field(default=None, max_length=60_000, description="New text, in Markdown.")
    state: Literal["open", "closed"] | None = Field(default=None, description="Open or close it.")
    state_reason: Literal["completed", "not_planned", "reopened"] | None = Field(
        default=None, description="Why it is opened or closed."
    )
    labels: list[str] | None = Field(default=None, max_length=100, description="All its labels.")
    assignees: list[str] | None = Field(default=None, max_length=10, description="All its assignees.")
    milestone: int | None = Field(default=None, ge=1, description="Number of its milestone.")

    @model_validator(mode="after")
    def _something(self) -> "Config":
        if not self.model_dump(include=_FIELDS, exclude_none=True):
            raise ValueError("nothing to set: name at least one field")
        return self


async def run(config: Config, ctx: StepContext) -> Succeeded:
    """Set them; twice is once."""
    issues = await issues_of(config, ctx)
    issue = await issues.update(config.issue_number, config.model_dump(include=_FIELDS, exclude_none=True))
    return Succeeded({"issue": shown(issue)}, f"issue {issue.number} is {issue.state}")


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Look at the issue and say what would be set."""
    issue = await (await issues_of(config, ctx)).get(config.issue_number)
    wanted = config.model_dump(include=_FIELDS, exclude_none=True, by_alias=True)
    fields = ", ".join(f"{name} to {code(str(value)[:200])}" for name, value in wanted.items())
    return Foreseen(f"would set {fields} of issue {issue.number}, {code(issue.title)}", known=False)
