"""Asking the subscriptions of a Warehouse, all at once, each in its time and for no more than is needed."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from blocks.errors import Unreachable
from flows.freight.assemble import entry_of
from flows.warehouse.asking import Asking, Hint, Json, Sources
from flows.warehouse.hints import concerns, whole
from flows.warehouse.model import Subscription, WarehouseSpec
from flows.warehouse.occasion import Occasion
from flows.warehouse.subscriptions import Kind, kind_of

MOST_HINTS = 10
"""Hints that one subscription is asked by one after the other; with more of them it is asked for everything."""

Answer = Json | Exception
"""The entry of a subscription in Kargo's `discoveredArtifacts`, or why there is none."""


async def ask_all(
    spec: WarehouseSpec, before: Json, occasion: Occasion, sources: Sources, now: datetime
) -> list[Answer]:
    """Ask each subscription. `before` is what was discovered last when the definition has not changed since.

    Returns the answers in the order of the subscriptions. Raises nothing but a cancellation.
    """
    asked = (_ask(each, entry_of(each, before), occasion, sources, now) for each in spec.subscriptions)
    answers: list[Answer] = []
    for answer in await asyncio.gather(*asked, return_exceptions=True):
        if not isinstance(answer, dict | Exception):
            raise answer
        answers.append(answer)
    return answers


async def _ask(subscription: Subscription, before: Json, occasion: Occasion, sources: Sources, now: datetime) -> Json:
    hints = [each for each in occasion.hints if concerns(each, subscription)]
    if before and not hints and not occasion.whole:
        return before
    seconds = sources.git_timeout if subscription.git else sources.timeout
    try:
        async with asyncio.timeout(seconds) as limit:
            kind = kind_of(subscription)
            asking = await _asking(subscription, kind, before, sources, now)
            return await _answer(subscription, kind, asking, hints, occasion)
    except TimeoutError:
        if not limit.expired():
            raise
        raise Unreachable(f"{subscription.place} was not read within {seconds:g} s") from None


async def _asking(subscription: Subscription, kind: Kind, before: Json, sources: Sources, now: datetime) -> Asking:
    credentials = await sources.credentials(kind.cred_type, subscription.wanted.repo_url) if kind.cred_type else None
    return Asking(sources, now, subscription.name, credentials, before or None)


async def _answer(
    subscription: Subscription, kind: Kind, asking: Asking, hints: Sequence[Hint], occasion: Occasion
) -> Json:
    """Follow the hints first, so that what they say is looked at even where it is thought to be known."""
    everything = not asking.before or len(hints) > MOST_HINTS or any(map(whole, hints))
    if occasion.thorough or everything:
        return await kind.discover(subscription.wanted, replace(asking, thorough=occasion.thorough or bool(hints)))
    for hint in hints:
        entry = await kind.discover(subscription.wanted, replace(asking, hint=hint))
        asking = replace(asking, before=entry)
    if occasion.whole or not asking.before:
        return await kind.discover(subscription.wanted, asking)
    return asking.before
