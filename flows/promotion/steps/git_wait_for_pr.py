"""git-wait-for-pr: wait until a pull request is merged."""

from pydantic import Field

from flows.duration import parse_duration
from flows.promotion.foresight import Foreseen, Imagined
from flows.promotion.pull_requests import RepositoryConfig, merged_by_then, open_code_host, shown, waits_for
from flows.promotion.result import Failed, StepContext, StepResult, Succeeded, Waiting
from flows.promotion.web_address import Positive

OUTWARD = True
WAITS = True


class Config(RepositoryConfig):
    """Settings of git-wait-for-pr."""

    pr_number: int = Field(ge=1, alias="prNumber", description="The pull request's number.")
    poll_interval: Positive = Field(default="30s", description="Pause between looks while the promotion is at work.")


async def run(config: Config, ctx: StepContext) -> StepResult:
    """Look once. While it is open the promotion leaves its worker and is woken when it is closed."""
    pull_request = await (await open_code_host(config, ctx)).get(config.pr_number)
    outputs = {"pr": shown(pull_request), "commit": pull_request.merge_commit}
    if pull_request.merged:
        return Succeeded(outputs, f"merged as {pull_request.merge_commit}")
    if pull_request.open:
        poll = parse_duration(config.poll_interval).total_seconds()
        wake_when = waits_for(config, config.pr_number)
        return Waiting(f"{pull_request.url} is not merged yet", poll, {"pr": outputs["pr"]}, wake_when)
    return Failed(f"{pull_request.url} was closed without being merged", outputs={"pr": outputs["pr"]})


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Take the pull request for merged as it is."""
    return merged_by_then("would wait until", config.pr_number, imagined)
