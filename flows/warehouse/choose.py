"""Choosing images, in two phases so that as little as possible is asked of a registry.

`wanted_tags` decides by tags alone, best first; `choose` decides by what the manifests of those tags say. Both
are pure.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from blocks.records import ImageDetails, Platform
from flows.warehouse.filter import allowed_tags
from flows.warehouse.model import ImageSubscription
from flows.warehouse.order import by_name, by_semver

TaggedImage = tuple[str, ImageDetails]


@dataclass(frozen=True)
class ImagePolicy:
    """How one selection strategy works.

    `order` takes the repository's tags and returns the wanted ones, best first. `lists_tags` is False when it
    needs no list. `by_build_time`: only the manifests tell which is best, so all of them are needed.
    """

    order: Callable[[ImageSubscription, Sequence[str]], list[str]]
    lists_tags: bool = True
    by_build_time: bool = False


def wanted_tags(subscription: ImageSubscription, tags: Sequence[str]) -> list[str]:
    """Return the tags worth a look, before platform and limit. Raises Invalid for a broken constraint or regex."""
    return policy(subscription).order(subscription, tags)


def choose(subscription: ImageSubscription, images: Iterable[TaggedImage]) -> list[TaggedImage]:
    """Return the chosen images out of wanted ones, best first, at most `discoveryLimit`."""
    offered = [(tag, image) for tag, image in images if offers(image, subscription.platform)]
    if policy(subscription).by_build_time:
        offered.sort(key=lambda tagged: (_built(tagged[1]), tagged[0]), reverse=True)
    return offered[: subscription.discovery_limit]


def policy(subscription: ImageSubscription) -> ImagePolicy:
    """Return the policy of the subscription's strategy."""
    return POLICIES[subscription.image_selection_strategy]


def offers(image: ImageDetails, platform: str | None) -> bool:
    """Whether the image runs on exactly this platform; None asks for none in particular."""
    return platform is None or any(spelled(offered) == platform for offered in image.platforms)


def annotations(image: ImageDetails, platform: str | None) -> dict[str, str]:
    """Return what is recorded for the image: its own annotations, overruled by its index's for the platform asked."""
    merged = dict(image.annotations)
    for offered in image.platforms:
        if spelled(offered) == platform:
            merged |= offered.annotations
    return merged


def spelled(platform: Platform) -> str:
    """`os/architecture[/variant]`."""
    return "/".join(filter(None, (platform.os, platform.architecture, platform.variant)))


def _built(image: ImageDetails) -> datetime:
    """An image that does not say when it was built counts as the oldest."""
    return image.created_at or datetime.min.replace(tzinfo=UTC)


def _semver(subscription: ImageSubscription, tags: Sequence[str]) -> list[str]:
    return by_semver(allowed_tags(subscription, tags), subscription.constraint, subscription.strict_semvers)


def _followed(subscription: ImageSubscription, tags: Sequence[str]) -> list[str]:
    return [subscription.constraint] if subscription.constraint else []


POLICIES = {
    "SemVer": ImagePolicy(_semver),
    "Lexical": ImagePolicy(lambda subscription, tags: by_name(allowed_tags(subscription, tags))),
    "NewestBuild": ImagePolicy(allowed_tags, by_build_time=True),
    "Digest": ImagePolicy(_followed, lists_tags=False),
}
