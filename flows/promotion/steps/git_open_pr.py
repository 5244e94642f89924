"""git-open-pr: open a pull request, once."""

from collections.abc import Mapping

from pydantic import Field

from blocks.code_hosts.pull_request import CodeHost, NewPullRequest, PullRequest, adoptable
from blocks.errors import DrayageError, NotFound, Terminal, Unauthorized
from blocks.git.mirror import Mirrors
from blocks.git.proposal import Proposal, read_proposal
from flows.promotion.foresight import Foreseen, Imagined, Tip, code, fenced
from flows.promotion.pull_requests import RepositoryConfig, open_code_host
from flows.promotion.result import Skipped, StepContext, StepResult, Succeeded

OUTWARD = True

LONGEST_TITLE = 200
LONGEST_DESCRIPTION = 4_000
"""Characters; longer ones are cut. Azure DevOps and Bitbucket Data Center take no more."""


class Config(RepositoryConfig):
    """Settings of git-open-pr."""

    source_branch: str = Field(min_length=1, description="Branch with the changes, already pushed.")
    target_branch: str = Field(min_length=1, description="Branch to merge them into.")
    title: str = Field(default="", description="Title; without one the first line of the source's last commit.")
    description: str = Field(default="", description="Description; without one the rest of that commit's message.")
    labels: list[str] = Field(default_factory=list, max_length=50, description="Labels, where the host has them.")
    create_target_branch: bool = Field(default=False, description="Does nothing; deprecated in Kargo, too.")


async def run(config: Config, ctx: StepContext) -> StepResult:
    """Open the pull request, or adopt the one that stands for it.

    That is the one of an earlier attempt, else an open one of the same branches, else one that merged this very
    commit.
    """
    if known := ctx.previous.get("pr"):
        return Succeeded({"pr": known}, "opened by an earlier attempt")
    host = await open_code_host(config, ctx)
    try:
        proposal = await _proposal(config, ctx)
    except NotFound:
        if found := await _merged_before(config, ctx, host):
            return _adopted(found)
        raise
    if found := await _existing(config, host, proposal.commit):
        await _label(config, host, found)
        return _adopted(found)
    if not proposal.differs:
        return Skipped(f"nothing to merge: {config.source_branch!r} holds the same files as {config.target_branch!r}")
    return await _opened(config, ctx, host, proposal)


async def _proposal(config: Config, ctx: StepContext) -> Proposal:
    mirrors: Mirrors = ctx.git
    credentials = await ctx.credentials("git", config.repo_url)
    view = await mirrors.view(
        config.repo_url, credentials=credentials, insecure=config.insecure_skip_tls_verify, blobless=True, fresh=True
    )
    return await read_proposal(view, config.source_branch, config.target_branch)


async def _existing(config: Config, host: CodeHost, commit: str) -> PullRequest | None:
    return adoptable(await host.find(config.source_branch, config.target_branch), commit)


async def _merged_before(config: Config, ctx: StepContext, host: CodeHost) -> PullRequest | None:
    """Find what was merged already when its branch is gone. Only a branch named for this promotion is surely ours."""
    if ctx.promotion not in config.source_branch:
        return None
    found = await host.find(config.source_branch, config.target_branch)
    return max((each for each in found if each.merged), key=lambda each: each.number, default=None)


async def _opened(config: Config, ctx: StepContext, host: CodeHost, proposal: Proposal) -> StepResult:
    new = new_pull_request(config, proposal.message, ctx.trailers)
    try:
        made = await host.open(new)
    except Unauthorized:
        raise
    except DrayageError as error:
        # A host refuses a second one of the same branches, and a lost answer may have come too late to be seen.
        found = await _existing(config, host, proposal.commit) if isinstance(error, Terminal) else None
        if found is None:
            raise
        await _label(config, host, found)
        return _adopted(found)
    unlabelled = await _label(config, host, made)
    return Succeeded(_outputs(made), f"opened {made.url}{unlabelled}")


def new_pull_request(config: Config, message: str, trailers: Mapping[str, str]) -> NewPullRequest:
    """Say what to open. `message` is the commit's; `trailers` end the description, unless they are there already."""
    subject, _, rest = message.partition("\n")
    description = config.description or (message if config.title else rest)
    missing = [f"{key}: {value}" for key, value in trailers.items() if f"{key}: {value}" not in description]
    end = "\n\n" + "\n".join(missing) if missing else ""
    description = description.strip()[: LONGEST_DESCRIPTION - len(end)] + end
    title = (config.title or subject).strip() or f"Merge {config.source_branch}"
    return NewPullRequest(config.source_branch, config.target_branch, title[:LONGEST_TITLE], description.strip())


async def _label(config: Config, host: CodeHost, pull_request: PullRequest) -> str:
    """Add the labels; returns what is to be said when the host has none."""
    if not config.labels or not pull_request.open:
        return ""
    if not host.LABELS:
        return ", without labels, which this code host does not have"
    await host.label(pull_request.number, config.labels)
    return ""


def _adopted(found: PullRequest) -> Succeeded:
    return Succeeded(_outputs(found), f"{found.url} is there already")


def _outputs(pull_request: PullRequest) -> dict[str, dict[str, object]]:
    return {"pr": {"id": pull_request.number, "url": pull_request.url}}


async def foresee(config: Config, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Word the pull request that would be opened."""
    tip = imagined.branch(config.repo_url, config.source_branch)
    if tip is None:
        proposal = await _proposal(config, ctx)
        tip = Tip(proposal.commit, proposal.message)
    new = new_pull_request(config, tip.message, ctx.trailers)
    branches = f"from {code(new.head)} into {code(new.base)}"
    said = f"would open a pull request {branches} of {config.repo_url}, unless one is open:\n\n"
    text = fenced(f"{new.title}\n\n{new.description}".strip())
    number = imagined.open(tip)
    return Foreseen(said + text, {"pr": {"id": number, "url": f"{config.repo_url}#not-opened-yet-{number}"}})
