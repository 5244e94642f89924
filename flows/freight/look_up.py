"""Looking up a version that discovery has not brought, through the same ways outside."""

import asyncio
from datetime import datetime

from blocks.errors import Invalid, Unreachable
from flows.freight.assemble import Entry
from flows.warehouse.asking import Asking, Sources
from flows.warehouse.choose import wanted_tags
from flows.warehouse.model import ChartSubscription, GitSubscription, ImageSubscription, Subscription
from flows.warehouse.subscriptions import kind_of

MOST_COMMITS = 1_000
MOST_CHARTS = 10_000
"""Results among which a version is looked for, instead of the subscription's `discoveryLimit`."""


async def look_up(subscription: Subscription, version: str, sources: Sources, now: datetime) -> Entry | None:
    """Ask the source for a version; None when this kind cannot be asked.

    The rules of the subscription hold, but for how many results it keeps. Raises Invalid when its filters exclude
    the version, and what the source raises.
    """
    wanted = widened(subscription, version)
    if wanted is None:
        return None
    kind = kind_of(subscription)
    seconds = sources.git_timeout if subscription.git else sources.timeout
    try:
        async with asyncio.timeout(seconds):
            credentials = await sources.credentials(kind.cred_type, wanted.repo_url)
            return await kind.discover(wanted, Asking(sources, now, subscription.name, credentials))
    except TimeoutError:
        raise Unreachable(f"{subscription.place} was not read within {seconds:g} s") from None


def widened(subscription: Subscription, version: str) -> ImageSubscription | GitSubscription | ChartSubscription | None:
    """The subscription made to find this version however old it is; None for kinds that only discover."""
    if subscription.image:
        return _following(subscription.image, version)
    if subscription.git:
        return subscription.git.model_copy(update={"discovery_limit": MOST_COMMITS})
    if subscription.chart:
        return subscription.chart.model_copy(update={"discovery_limit": MOST_CHARTS})
    return None


def _following(image: ImageSubscription, tag: str) -> ImageSubscription:
    """One tag can be followed without a listing of all of them."""
    if tag not in wanted_tags(image, [tag]):
        raise Invalid("the rules of the subscription exclude this tag")
    return image.model_copy(update={"image_selection_strategy": "Digest", "constraint": tag})
