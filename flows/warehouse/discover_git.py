"""Finding the commits of one subscription."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from blocks.errors import Conflict, NotFound
from blocks.records import Commit, Credentials, Tag
from flows.warehouse.asking import Asking, Json
from flows.warehouse.discover_image import rfc3339
from flows.warehouse.git_choose import changes_filter, choose_commits, filters_paths, ordered_tags
from flows.warehouse.git_observed import concerns, follows_branch, observed_tags
from flows.warehouse.model import GitSubscription

SUBJECT = 80
"""Characters kept of a commit's subject."""
BATCH = 1_000
"""Most commits or tags read at once."""
MAX_COMMITS = 100_000
"""Commits of a branch we look at for one that passes the filters."""
LOOKS = 3
"""How often a repository that moves while it is read is looked at."""
PAUSES = (0.1, 0.2, 0.4)
"""Seconds to wait for what somebody says was pushed, before each further look."""


class GitRefs(Protocol):
    """The branches and tags of a repository."""

    @property
    def tags(self) -> dict[str, str]:
        """Tags with the ids of what they point at."""


class GitView(Protocol):
    """A repository as it was at one moment."""

    @property
    def refs(self) -> GitRefs:
        """Its branches and tags."""

    def branch(self, name: str | None) -> tuple[str, str]:
        """Return name and commit of a branch, of the default one for None. Raises NotFound."""

    async def commits(self, tip: str, *, skip: int, limit: int) -> list[Commit]:
        """Return commits from `tip` on, newest first, with the paths they change."""

    async def added(self, tip: str, before: str) -> list[Commit] | None:
        """Return the commits put on top of `before`, newest first; None when that is not all that happened."""

    async def tags(self) -> list[Tag]:
        """Return all tags, newest first, without the paths their commits change."""

    async def changed(self, commits: list[str]) -> dict[str, tuple[str, ...]]:
        """Return the paths that commits change."""


class GitRepositories(Protocol):
    """What discovery needs of Git repositories; `blocks.git.mirror` has it."""

    async def view(
        self, url: str, *, credentials: Credentials | None, insecure: bool, blobless: bool, fresh: bool
    ) -> GitView:
        """Look at a repository, at this very moment when `fresh`."""


async def discover_git(subscription: GitSubscription, asking: Asking) -> Json:
    """Return the subscription's entry of Kargo's `discoveredArtifacts.git`; `commits` may be empty.

    What has not changed since `asking.before` is not read again. Raises what the repository raises, and Invalid
    for a broken filter.
    """
    if asking.before is not None and asking.hint and not concerns(subscription, asking.hint):
        return asking.before
    for look in range(1, LOOKS + 1):
        try:
            return await _discover(subscription, asking, fresh=look > 1 or asking.thorough or asking.hint is not None)
        except Conflict:
            if look == LOOKS:
                raise
    raise AssertionError("unreachable: LOOKS is at least 1")


async def _discover(subscription: GitSubscription, asking: Asking, *, fresh: bool) -> Json:
    view = await _view(subscription, asking, fresh=fresh)
    observed = _observed(subscription, view)
    before = _known(subscription, asking)
    if before and observed is not None and before.get("observedRefs") == observed:
        found = before["commits"]
    elif follows_branch(subscription):
        found = await _of_branch(subscription, view, before)
    else:
        found = [_tag(tag) for tag in await _of_tags(subscription, view)]
    entry = {"repoURL": subscription.repo_url, "subscriptionName": asking.name}
    described = {**{key: value for key, value in entry.items() if value}, "commits": found}
    return described if observed is None else {**described, "observedRefs": observed}


async def _view(subscription: GitSubscription, asking: Asking, *, fresh: bool) -> GitView:
    """Look at the repository; what a hint announces may take it a moment to show."""
    repositories: GitRepositories = asking.sources.git

    async def look(fresh: bool) -> GitView:
        return await repositories.view(
            subscription.repo_url,
            credentials=asking.credentials,
            insecure=subscription.insecure_skip_tls_verify,
            blobless=subscription.blobless,
            fresh=fresh,
        )

    view = await look(fresh)
    for pause in PAUSES:
        if not _is_announced(subscription, asking, view):
            break
        await asyncio.sleep(pause)
        view = await look(True)
    return view


def _is_announced(subscription: GitSubscription, asking: Asking, view: GitView) -> bool:
    """Whether a hint names something that the repository does not show yet."""
    hint, before = asking.hint, asking.before or {}
    if hint is None:
        return False
    if not follows_branch(subscription):
        return bool(hint.tag) and hint.tag not in view.refs.tags
    try:
        _, tip = view.branch(subscription.branch)
    except NotFound:
        return bool(hint.commit)
    return bool(hint.commit) and hint.commit != tip == before.get("observedRefs", {}).get("branchHead")


def _observed(subscription: GitSubscription, view: GitView) -> Json | None:
    """Return Kargo's `observedRefs`. Raises NotFound for a missing branch, Invalid for a broken filter."""
    if follows_branch(subscription):
        return {"branchHead": view.branch(subscription.branch)[1]}
    return observed_tags(subscription, view.refs.tags)


def _known(subscription: GitSubscription, asking: Asking) -> Json | None:
    """Return what was found last, unless a person asked or it is of another repository."""
    before = asking.before
    if asking.thorough or not before or before.get("repoURL") != subscription.repo_url or "commits" not in before:
        return None
    return before


async def _of_branch(subscription: GitSubscription, view: GitView, before: Json | None) -> list[Json]:
    """Read the branch in growing batches until enough commits pass; after a push only what it brought."""
    _, tip = view.branch(subscription.branch)
    head = (before or {}).get("observedRefs", {}).get("branchHead")
    if before and head and "now(" not in (subscription.expression_filter or ""):
        added = await view.added(tip, head)
        if added is not None:
            fresh = [_commit(commit, subscription.branch or "") for commit in choose_commits(subscription, added)]
            return [*fresh, *before["commits"]][: subscription.discovery_limit]
    return [_commit(commit, subscription.branch or "") for commit in await _passing(subscription, view, tip)]


async def _passing(subscription: GitSubscription, view: GitView, tip: str) -> list[Commit]:
    chosen: list[Commit] = []
    skip, batch = 0, subscription.discovery_limit
    while skip < MAX_COMMITS:
        commits = await view.commits(tip, skip=skip, limit=batch)
        chosen += choose_commits(subscription, commits)
        if len(chosen) >= subscription.discovery_limit or len(commits) < batch or _all_old(subscription, commits):
            break
        await asyncio.sleep(0)  # many may be choosing at once
        skip, batch = skip + batch, min(batch * 2, BATCH)
    return chosen[: subscription.discovery_limit]


def _all_old(subscription: GitSubscription, commits: Sequence[Commit]) -> bool:
    return subscription.since is not None and all(commit.committed_at < subscription.since for commit in commits)


async def _of_tags(subscription: GitSubscription, view: GitView) -> list[Tag]:
    """Order the tags, then look at what the best of them changed, until enough pass."""
    ordered, limit = ordered_tags(subscription, await view.tags()), subscription.discovery_limit
    counts, at, batch = changes_filter(subscription), 0, limit
    chosen: list[Tag] = []
    if not filters_paths(subscription):
        return ordered[:limit]
    while at < len(ordered) and len(chosen) < limit:
        some = ordered[at : at + batch]
        changed = await view.changed([tag.commit_id for tag in some])
        chosen += [tag for tag in some if counts(changed.get(tag.commit_id, ()))]
        at, batch = at + batch, min(batch * 2, BATCH)
    return chosen[:limit]


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
