"""What a Warehouse may say in Kargo that does not work here, so that applying it is refused with a sentence."""

from collections.abc import Iterator

from flows.warehouse.model import GitSubscription, ImageSubscription, Subscription, WarehouseSpec

Problem = tuple[str, str]
"""Path below the Warehouse (`spec.subscriptions[0].git.repoURL`), and the sentence."""


def unsupported(spec: WarehouseSpec) -> list[Problem]:
    """Return every use of something that does not work, or will not any more."""
    return [
        problem
        for index, subscription in enumerate(spec.subscriptions)
        for problem in _problems(subscription, f"spec.subscriptions[{index}]")
    ]


def _problems(subscription: Subscription, path: str) -> Iterator[Problem]:
    if subscription.image:
        yield from _removed(subscription.image, f"{path}.image")
    if subscription.git:
        yield from _removed(subscription.git, f"{path}.git")


def _removed(subscription: GitSubscription | ImageSubscription, path: str) -> Iterator[Problem]:
    for field, value in (("allowTags", subscription.allow_tags), ("ignoreTags", subscription.ignore_tags)):
        if value:
            yield f"{path}.{field}", f"{field} was removed by Kargo 1.11; use {field}Regexes with a list of patterns"
