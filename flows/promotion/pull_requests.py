"""What the steps about pull requests have in common: where the repository is, and what they say of a pull request."""

from typing import Any

from pydantic import Field

from blocks.code_hosts.providers import code_host
from blocks.code_hosts.pull_request import CodeHost, PullRequest
from blocks.errors import Invalid
from flows.model import Model
from flows.promotion.foresight import Foreseen, Imagined
from flows.promotion.provider import Provider
from flows.promotion.result import StepContext

KIND = "pull-request"
"""What a step waits for when it waits for a pull request to be closed."""


class RepositoryConfig(Model):
    """A repository on a code host."""

    repo_url: str = Field(min_length=1, alias="repoURL", description="The repository, as Git clones it.")
    provider: Provider | None = Field(default=None, description="Kind of code host, else guessed from the host.")
    insecure_skip_tls_verify: bool = Field(
        default=False, alias="insecureSkipTLSVerify", description="Skip the check of the server's certificate."
    )


async def open_code_host(config: RepositoryConfig, ctx: StepContext) -> CodeHost:
    """Return the repository's code host, with the project's credentials for it. Raises Invalid."""
    if ctx.ask is None:
        raise Invalid("this promotion has no way to ask code hosts")
    credentials = await ctx.credentials("git", config.repo_url)
    return code_host(ctx.ask, config.repo_url, credentials, config.provider, insecure=config.insecure_skip_tls_verify)


def shown(pull_request: PullRequest) -> dict[str, Any]:
    """A pull request as the output `pr`."""
    return {
        "id": pull_request.number,
        "url": pull_request.url,
        "open": pull_request.open,
        "merged": pull_request.merged,
    }


def waits_for(config: RepositoryConfig, number: int) -> dict[str, Any]:
    """Say for `flows.wake` which pull request is waited for."""
    return {
        "kind": KIND,
        "repoURL": config.repo_url,
        "provider": config.provider,
        "insecure": config.insecure_skip_tls_verify,
        "number": number,
    }


def merged_by_then(does: str, number: int, imagined: Imagined) -> Foreseen:
    """Foresee a pull request merged: one that an earlier step would open comes to the commit that it brings."""
    tip = imagined.pull_request(number)
    if tip is None:
        return Foreseen(f"{does} pull request {number} is merged", known=False)
    outputs = {"pr": {"id": number, "url": "", "open": False, "merged": True}, "commit": tip.commit}
    return Foreseen(f"{does} the pull request is merged; its commit is then another than here", outputs)
