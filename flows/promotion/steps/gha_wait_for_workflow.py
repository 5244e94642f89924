"""gha-wait-for-workflow: wait until a run of a GitHub workflow is over."""

from typing import Literal

from pydantic import Field

from flows.duration import parse_duration
from flows.promotion.foresight import Foreseen, Imagined
from flows.promotion.github_steps import RUN, GitHubConfig, actions_of, waits_for
from flows.promotion.result import Failed, StepContext, Succeeded, Waiting
from flows.promotion.web_address import Positive

OUTWARD = True
WAITS = True

Conclusion = Literal[
    "success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required", "stale", "startup_failure"
]


class Config(GitHubConfig):
    """What to wait for."""

    run_id: int = Field(ge=1, alias="runID", description="The run, as gha-dispatch-workflow puts it out.")
    expected_conclusion: Conclusion = Field(default="success", description="How it must end.")
    poll_interval: Positive = Field(default="30s", description="Pause between looks while the promotion is at work.")


async def run(config: Config, ctx: StepContext) -> Succeeded | Waiting | Failed:
    """Look once. While it runs the promotion leaves its worker."""
    found = await (await actions_of(config, ctx)).run(config.run_id)
    if not found.completed:
        poll = parse_duration(config.poll_interval).total_seconds()
        said = f"{found.url or f'run {found.id}'} is {found.status or 'on its way'}"
        return Waiting(said, poll, wake_when=waits_for(RUN, config, found.id))
    outputs, said = {"conclusion": found.conclusion}, f"{found.url} ended in {found.conclusion}"
    if found.conclusion == config.expected_conclusion:
        return Succeeded(outputs, said)
    return Failed(f"{said}, expected {config.expected_conclusion}", outputs=outputs)


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Take the run for one that ends as it must."""
    said = f"would wait until run {config.run_id} ends in {config.expected_conclusion}"
    return Foreseen(said, {"conclusion": config.expected_conclusion})
