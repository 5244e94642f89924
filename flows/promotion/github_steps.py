"""What the steps about GitHub's issues and workflows have in common."""

from datetime import UTC, timedelta
from typing import Any

from pydantic import Field

from blocks.errors import Invalid
from blocks.github import GitHub, RepositoryPlace, repository_place
from blocks.github_actions import Actions
from blocks.github_issues import Issue, Issues
from flows.model import Model
from flows.promotion.result import CredentialsFor, StepContext

RUN, ISSUE = "workflow-run", "issue"
"""What a step waits for, as kinds of `flows.wake`."""

METADATA_KEY = "github-issue-number"
"""Kargo's key of Freight's metadata under which the number of its issue is."""

LONGEST_SHOWN = 2_000
"""Characters of an issue or a comment that a dry run shows."""

CLOCKS_APART = timedelta(minutes=5)


class GitHubConfig(Model):
    """A repository on GitHub."""

    repo_url: str = Field(min_length=1, alias="repoURL", description="The repository, as Git clones it.")
    insecure_skip_tls_verify: bool = Field(
        default=False, alias="insecureSkipTLSVerify", description="Skip the check of the server's certificate."
    )

    @property
    def repository(self) -> tuple[str, bool]:
        """URL, and whether TLS is not verified."""
        return self.repo_url, self.insecure_skip_tls_verify


async def open_repository(
    ask: Any, credentials: CredentialsFor, repo_url: str, insecure: bool
) -> tuple[GitHub, RepositoryPlace]:
    """Return the API that serves a repository, and its place there. Raises Invalid."""
    if ask is None:
        raise Invalid("this promotion has no way to ask GitHub")
    try:
        place = repository_place(repo_url)
    except Invalid as error:
        raise Invalid(f"repoURL {error}") from None
    return GitHub(ask, place.api, await credentials("git", repo_url), insecure=insecure), place


async def issues_of(config: GitHubConfig, ctx: StepContext) -> Issues:
    """The repository's issues, asked with the project's credentials for it."""
    return Issues(*await open_repository(ctx.ask, ctx.credentials, *config.repository))


async def actions_of(config: GitHubConfig, ctx: StepContext) -> Actions:
    """The repository's workflows, asked with the project's credentials for it."""
    return Actions(*await open_repository(ctx.ask, ctx.credentials, *config.repository))


def waits_for(kind: str, config: GitHubConfig, number: int, state: str = "") -> dict[str, Any]:
    """Say for `flows.wake` what is waited for."""
    url, insecure = config.repository
    return {"kind": kind, "repoURL": url, "insecure": insecure, "number": number, "state": state}


def marker(ctx: StepContext) -> str:
    """What nobody sees in an issue or comment and by which this step finds it again."""
    return f"<!-- drayage: {ctx.project}/{ctx.promotion}/{ctx.alias} -->"


def marked(body: str, ctx: StepContext) -> str:
    """A text with the marker at its end."""
    return f"{body}\n\n{marker(ctx)}" if body else marker(ctx)


def since(ctx: StepContext) -> str:
    """A while before the step first started, as GitHub wants it; clocks differ."""
    return (ctx.started_at - CLOCKS_APART).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shown(issue: Issue) -> dict[str, Any]:
    """An issue as steps put it out."""
    return {
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": issue.state,
        "stateReason": issue.state_reason,
        "url": issue.url,
        "labels": list(issue.labels),
        "assignees": list(issue.assignees),
    }
