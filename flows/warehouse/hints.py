"""Which subscriptions a hint concerns, and hints as the ledger keeps them."""

from blocks.errors import DrayageError
from flows.warehouse.asking import Hint, Json
from flows.warehouse.model import GitSubscription, ImageSubscription, Subscription
from flows.warehouse.paths import path_filter
from flows.warehouse.urls import normalize_chart, normalize_git, normalize_image

MOST_PATHS = 1_000
"""Paths a hint may name; with more it names none, and so any may have changed."""
LONGEST = 2_000
"""Characters of one text of a hint; longer ones are no tag, branch, commit, path or URL."""

NORMALIZE = {"git": normalize_git, "image": normalize_image, "chart": normalize_chart}


def concerns(hint: Hint, subscription: Subscription) -> bool:
    """Whether what has changed by the hint may change what the subscription finds. In doubt it may."""
    if hint.repo_url and not watches(hint.repo_url, subscription):
        return False
    if whole(hint):
        return True
    if subscription.git and subscription.git.commit_selection_strategy == "NewestFromBranch":
        return _moves_branch(hint, subscription.git)
    return bool(hint.tag) and not (subscription.image and _other_tag(hint, subscription.image))


def whole(hint: Hint) -> bool:
    """Whether a hint says nothing but where, so that all that is there is looked at."""
    return not (hint.tag or hint.branch or hint.commit or hint.paths)


def watches(repo_url: str, subscription: Subscription) -> bool:
    """Whether a subscription is to a repository, in whatever way its URL is spelled."""
    normalize = NORMALIZE.get(subscription.kind)
    if normalize is None:
        config = subscription.wanted.config or {}
        return any(_names(text, repo_url) for text in config.values() if isinstance(text, str))
    return normalize(repo_url) == normalize(subscription.wanted.repo_url)


def _names(text: str, repo_url: str) -> bool:
    """Further kinds may name a repository by its URL or by the end of it, `owner/name`."""
    wanted, url = normalize_git(text), normalize_git(repo_url)
    return wanted == url or ("/" in text and url.endswith(f"/{text.lower()}"))


def to_json(hint: Hint) -> Json:
    """Write a hint for the ledger, in bounds. Empty when it asks for everything."""
    texts = {"tag": hint.tag, "branch": hint.branch, "commit": hint.commit, "repoURL": hint.repo_url}
    paths = [] if len(hint.paths) > MOST_PATHS else [path for path in hint.paths if len(path) <= LONGEST]
    kept: Json = {key: text for key, text in texts.items() if text and len(text) <= LONGEST}
    return kept | ({"paths": paths} if paths else {})


def from_json(kept: Json) -> Hint:
    """Read what `to_json` wrote."""
    return Hint(
        tag=kept.get("tag", ""),
        branch=kept.get("branch", ""),
        commit=kept.get("commit", ""),
        paths=tuple(kept.get("paths", ())),
        repo_url=kept.get("repoURL", ""),
    )


def _moves_branch(hint: Hint, git: GitSubscription) -> bool:
    """A pushed tag moves no branch. Which branch is followed when none is named, only the repository knows."""
    if not (hint.branch or hint.commit or hint.paths) or (hint.tag and not hint.branch):
        return False
    if hint.branch and git.branch and hint.branch != git.branch:
        return False
    return not hint.paths or _passes(hint, git)


def _passes(hint: Hint, git: GitSubscription) -> bool:
    try:
        return path_filter(git.include_paths, git.exclude_paths)(hint.paths)
    except DrayageError:
        return True  # a broken filter is said where the subscription is asked


def _other_tag(hint: Hint, image: ImageSubscription) -> bool:
    return image.image_selection_strategy == "Digest" and image.constraint != hint.tag
