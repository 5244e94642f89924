"""What of a repository's branches and tags counts for a subscription, and whether somebody's hint concerns it."""

from collections.abc import Mapping

from flows.warehouse.asking import Hint, Json
from flows.warehouse.filter import allowed_tags
from flows.warehouse.model import GitSubscription
from flows.warehouse.order import by_semver
from flows.warehouse.paths import path_filter

MAX_TAGS = 1_000
"""Tags that are written down at most (source: Kargo). Beyond that they are read each time."""


def follows_branch(subscription: GitSubscription) -> bool:
    """Whether commits of a branch are chosen, not tags."""
    return subscription.commit_selection_strategy == "NewestFromBranch"


def observed_tags(subscription: GitSubscription, tags: Mapping[str, str]) -> Json | None:
    """Return Kargo's `observedRefs` for the tags whose names pass; None when they are too many to write down.

    Raises Invalid for a broken filter.
    """
    names = passing_names(subscription, tags)
    if len(names) > MAX_TAGS:
        return None
    listed = [{"name": name, "id": tags[name]} for name in sorted(names)]
    return {"tags": listed} if listed else {}


def passing_names(subscription: GitSubscription, tags: Mapping[str, str]) -> list[str]:
    """Return the tags that pass the filters of names. Raises Invalid for a broken one."""
    names = list(allowed_tags(subscription, tags))
    if subscription.commit_selection_strategy == "SemVer":
        return by_semver(names, subscription.semver_constraint, subscription.strict_semvers)
    return names


def concerns(subscription: GitSubscription, hint: Hint) -> bool:
    """Whether what a hint says may change what the subscription finds. What it leaves open may."""
    if not follows_branch(subscription):
        return bool(passing_names(subscription, {hint.tag: ""})) if hint.tag else not hint.branch
    if hint.branch and subscription.branch and hint.branch != subscription.branch:
        return False
    if hint.tag and not hint.branch:
        return False
    filtered = subscription.include_paths or subscription.exclude_paths
    return not (hint.paths and filtered) or path_filter(subscription.include_paths, subscription.exclude_paths)(
        hint.paths
    )
