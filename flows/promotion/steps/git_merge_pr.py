"""git-merge-pr: merge a pull request, once."""

import asyncio

from pydantic import Field

from blocks.code_hosts.pull_request import CodeHost, PullRequest
from flows.duration import parse_duration
from flows.promotion.foresight import Foreseen, Imagined
from flows.promotion.pull_requests import RepositoryConfig, merged_by_then, open_code_host
from flows.promotion.result import Failed, StepContext, StepResult, Succeeded, Waiting
from flows.promotion.web_address import Positive

OUTWARD = True

LOOKS, PAUSE = 3, 2.0
"""Looks in one attempt and seconds between them: what was just opened can often be merged some moments later."""


class Config(RepositoryConfig):
    """Settings of git-merge-pr."""

    pr_number: int = Field(ge=1, alias="prNumber", description="The pull request's number.")
    merge_method: str = Field(default="", description="How to merge, in the host's own words; else as it does itself.")
    wait: bool = Field(default=False, description="Wait while it cannot be merged, instead of failing.")
    poll_interval: Positive = Field(default="10s", description="Pause between tries while waiting.")


async def run(config: Config, ctx: StepContext) -> StepResult:
    """Merge it; one that is merged already is enough."""
    host = await open_code_host(config, ctx)
    if config.merge_method and config.merge_method not in host.METHODS:
        return Failed(f"mergeMethod {config.merge_method!r} is unknown to this code host: {', '.join(host.METHODS)}")
    poll = parse_duration(config.poll_interval).total_seconds()
    looks = 1 if config.wait else LOOKS
    for look in range(1, looks + 1):
        pull_request = await host.get(config.pr_number)
        if pull_request.merged:
            return Succeeded({"commit": pull_request.merge_commit}, f"{pull_request.url} was merged already")
        if not pull_request.open:
            return Failed(f"{pull_request.url} was closed without being merged")
        why = pull_request.not_ready or await host.merge(pull_request, config.merge_method)
        if not why:
            return await _merged(host, config.pr_number, poll)
        if look < looks:
            await asyncio.sleep(PAUSE)
    said = f"{pull_request.url} cannot be merged: {why}"
    return Waiting(said, poll) if config.wait else Failed(f"{said}; to wait for it, set wait")


async def _merged(host: CodeHost, number: int, poll: float) -> StepResult:
    """Look what the merge made; some hosts make it after they have answered."""
    for look in range(1, LOOKS + 1):
        pull_request: PullRequest = await host.get(number)
        if pull_request.merged:
            return Succeeded({"commit": pull_request.merge_commit}, f"merged {pull_request.url}")
        if look < LOOKS:
            await asyncio.sleep(PAUSE)
    return Waiting(f"{pull_request.url} is being merged", poll)


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Take the pull request for merged as it is."""
    return merged_by_then("would see to it that", config.pr_number, imagined)
