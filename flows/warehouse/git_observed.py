"""What of a repository's branches and tags counts for a subscription, and whether somebody's hint concerns it."""

from collections.abc import Mapping

from flows.warehouse import hints
from flows.warehouse.asking import Hint, Json
from flows.warehouse.filter import allowed_tags
from flows.warehouse.model import GitSubscription, Subscription
from flows.warehouse.order import by_semver

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
    if hint.tag and not follows_branch(subscription):
        return bool(passing_names(subscription, {hint.tag: ""}))
    return hints.concerns(hint, Subscription(git=subscription))
