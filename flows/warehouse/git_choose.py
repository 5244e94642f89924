"""Choosing commits of a branch, or the commits tags point at."""

from collections.abc import Callable, Iterable, Sequence

from blocks.records import Commit, Tag
from flows.warehouse.condition import holds
from flows.warehouse.filter import allowed_tags
from flows.warehouse.model import GitSubscription
from flows.warehouse.order import by_name, by_semver
from flows.warehouse.paths import path_filter


def choose_commits(subscription: GitSubscription, commits: Iterable[Commit]) -> list[Commit]:
    """Return the newest commits that pass the filters, at most `discoveryLimit`.

    `commits` are the branch's, newest first. Raises Invalid for a broken filter.
    """
    changes_count = changes_filter(subscription)
    chosen: list[Commit] = []
    for commit in commits:
        if (
            _is_recent(subscription, commit)
            and changes_count(commit.paths)
            and _passes(subscription, _commit_env(commit))
        ):
            chosen.append(commit)
        if len(chosen) == subscription.discovery_limit:
            break
    return chosen


def ordered_tags(subscription: GitSubscription, tags: Sequence[Tag]) -> list[Tag]:
    """Return the tags that pass every filter but that of paths, best first. Raises Invalid for a broken filter."""
    named = {tag.name: tag for tag in tags}
    allowed = [named[name] for name in allowed_tags(subscription, named)]
    ordered = POLICIES[subscription.commit_selection_strategy](subscription, allowed)
    return [tag for tag in ordered if _passes(subscription, _tag_env(tag))]


def changes_filter(subscription: GitSubscription) -> Callable[[Iterable[str]], bool]:
    """Without path filters everything passes, even a commit that changes nothing. Raises Invalid for a broken one."""
    counts = path_filter(subscription.include_paths, subscription.exclude_paths)
    return counts if filters_paths(subscription) else lambda paths: True


def filters_paths(subscription: GitSubscription) -> bool:
    """Whether the paths a commit changes matter."""
    return bool(subscription.include_paths or subscription.exclude_paths)


def _is_recent(subscription: GitSubscription, commit: Commit) -> bool:
    return subscription.since is None or commit.committed_at >= subscription.since


def _passes(subscription: GitSubscription, env: dict[str, object]) -> bool:
    return not subscription.expression_filter or holds(subscription.expression_filter, env)


def _commit_env(commit: Commit) -> dict[str, object]:
    return {
        "id": commit.id,
        "commitDate": commit.committed_at,
        "author": commit.author,
        "committer": commit.committer,
        "subject": commit.subject,
    }


def _tag_env(tag: Tag) -> dict[str, object]:
    return {
        "tag": tag.name,
        "id": tag.commit_id,
        "creatorDate": tag.created_at,
        "author": tag.author,
        "committer": tag.committer,
        "subject": tag.subject,
        "tagger": tag.tagger,
        "annotation": tag.annotation,
    }


def _by_names(order: Callable[[GitSubscription, list[str]], list[str]]) -> "TagPolicy":
    """Make a policy of tags out of one of tag names."""

    def ordered(subscription: GitSubscription, tags: list[Tag]) -> list[Tag]:
        named = {tag.name: tag for tag in tags}
        return [named[name] for name in order(subscription, list(named))]

    return ordered


def _semver(subscription: GitSubscription, names: list[str]) -> list[str]:
    return by_semver(names, subscription.semver_constraint, subscription.strict_semvers)


TagPolicy = Callable[[GitSubscription, list[Tag]], list[Tag]]

POLICIES: dict[str, TagPolicy] = {
    "SemVer": _by_names(_semver),
    "Lexical": _by_names(lambda subscription, names: by_name(names)),
    "NewestTag": lambda subscription, tags: sorted(tags, key=lambda tag: tag.created_at, reverse=True),
}
