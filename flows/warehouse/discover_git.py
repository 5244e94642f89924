"""Finding the commits of one subscription."""

from typing import Any, Protocol

from blocks.records import Commit, Credentials, Tag
from flows.warehouse.asking import Asking
from flows.warehouse.discover_image import rfc3339
from flows.warehouse.git_choose import choose_commits, choose_tags
from flows.warehouse.model import GitSubscription

SUBJECT = 80
"""Characters kept of a commit's subject."""
BATCH = 1_000
"""Most commits read at once."""
MAX_COMMITS = 100_000
"""Commits of a branch we look at for one that passes the filters."""


class GitHistory(Protocol):
    """What discovery needs of Git repositories; `blocks.git.mirror` has it."""

    async def commits(
        self,
        url: str,
        branch: str | None,
        *,
        skip: int,
        limit: int,
        credentials: Credentials | None,
        insecure: bool = False,
    ) -> tuple[str, list[Commit]]:
        """Return the branch's name and its commits, newest first, with the paths they change."""

    async def tags(
        self, url: str, *, credentials: Credentials | None, insecure: bool = False, paths: bool = True
    ) -> list[Tag]:
        """Return all tags, newest first; the paths their commits change only if asked for."""


async def discover_git(subscription: GitSubscription, asking: Asking) -> dict[str, Any]:
    """Return the subscription's entry of Kargo's `discoveredArtifacts.git`; `commits` may be empty.

    Raises what the repository raises, and Invalid for a broken filter.
    """
    repository, credentials = asking.sources.git, asking.credentials
    if subscription.commit_selection_strategy == "NewestFromBranch":
        commits = await _of_branch(subscription, repository, credentials)
        found = [_commit(commit, subscription.branch or "") for commit in commits]
    else:
        found = [_tag(tag) for tag in await _of_tags(subscription, repository, credentials)]
    entry = {"repoURL": subscription.repo_url, "subscriptionName": asking.name}
    return {**{key: value for key, value in entry.items() if value}, "commits": found}


async def _of_branch(
    subscription: GitSubscription, repository: GitHistory, credentials: Credentials | None
) -> list[Commit]:
    """Read the branch in growing batches until enough commits pass."""
    chosen: dict[str, Commit] = {}
    skip, batch = 0, subscription.discovery_limit
    while skip < MAX_COMMITS:
        _, commits = await repository.commits(
            subscription.repo_url,
            subscription.branch,
            skip=skip,
            limit=batch,
            credentials=credentials,
            insecure=subscription.insecure_skip_tls_verify,
        )
        chosen |= {commit.id: commit for commit in choose_commits(subscription, commits)}
        if len(chosen) >= subscription.discovery_limit or len(commits) < batch or _all_old(subscription, commits):
            break
        skip, batch = skip + batch, min(batch * 2, BATCH)
    return list(chosen.values())[: subscription.discovery_limit]


def _all_old(subscription: GitSubscription, commits: list[Commit]) -> bool:
    return subscription.since is not None and all(commit.committed_at < subscription.since for commit in commits)


async def _of_tags(subscription: GitSubscription, repository: GitHistory, credentials: Credentials | None) -> list[Tag]:
    tags = await repository.tags(
        subscription.repo_url,
        credentials=credentials,
        insecure=subscription.insecure_skip_tls_verify,
        paths=bool(subscription.include_paths or subscription.exclude_paths),
    )
    return choose_tags(subscription, tags)


def _commit(commit: Commit, branch: str) -> dict[str, Any]:
    described = {
        "id": commit.id,
        "branch": branch,
        "subject": shortened(commit.subject),
        "author": commit.author,
        "committer": commit.committer,
        "creatorDate": rfc3339(commit.committed_at),
    }
    return {key: value for key, value in described.items() if value}


def _tag(tag: Tag) -> dict[str, Any]:
    described = {
        "id": tag.commit_id,
        "tag": tag.name,
        "subject": shortened(tag.subject),
        "author": tag.author,
        "committer": tag.committer,
        "creatorDate": rfc3339(tag.created_at),
    }
    return {key: value for key, value in described.items() if value}


def shortened(subject: str) -> str:
    """Keep at most SUBJECT characters, the last three of a longer subject being dots."""
    return subject if len(subject) <= SUBJECT else f"{subject[: SUBJECT - 3]}..."
