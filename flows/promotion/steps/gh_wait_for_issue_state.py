"""gh-wait-for-issue-state: wait until an issue on GitHub is open or closed."""

from typing import Literal

from pydantic import Field

from flows.duration import parse_duration
from flows.promotion.foresight import Foreseen, Imagined, code
from flows.promotion.github_steps import ISSUE, GitHubConfig, issues_of, shown, waits_for
from flows.promotion.result import StepContext, Succeeded, Waiting
from flows.promotion.web_address import Positive

OUTWARD = True
WAITS = True


class Config(GitHubConfig):
    """What to wait for."""

    issue_number: int = Field(ge=1, description="The issue's number.")
    expected_state: Literal["open", "closed"] = Field(default="closed", description="The state to wait for.")
    poll_interval: Positive = Field(default="30s", description="Pause between looks while the promotion is at work.")


async def run(config: Config, ctx: StepContext) -> Succeeded | Waiting:
    """Look once. Until it is so the promotion leaves its worker."""
    issue = await (await issues_of(config, ctx)).get(config.issue_number)
    outputs = {"issue": shown(issue)}
    if issue.state == config.expected_state:
        return Succeeded(outputs, f"issue {issue.number} is {issue.state}")
    wake_when = waits_for(ISSUE, config, issue.number, config.expected_state)
    poll = parse_duration(config.poll_interval).total_seconds()
    return Waiting(f"{issue.url} is not {config.expected_state} yet", poll, outputs, wake_when)


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Take the issue for as far as it is waited for."""
    issue = shown(await (await issues_of(config, ctx)).get(config.issue_number))
    said = f"would wait until issue {config.issue_number}, {code(issue['title'])}, is {config.expected_state}"
    return Foreseen(f"{said}; it is {issue['state']}", {"issue": {**issue, "state": config.expected_state}})
