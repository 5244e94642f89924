"""Finding the images of one subscription, asking the registry for as little as possible.

Tags are listed once; manifests are read only of tags never seen before; the tags that are chosen are asked about
again from time to time, in case they moved.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from blocks.errors import Invalid
from blocks.records import ImageDetails
from blocks.registry.reference import TAG
from flows.warehouse.asking import Asking, Json
from flows.warehouse.choose import TaggedImage, annotations, choose, offers, policy, wanted_tags
from flows.warehouse.image_source import Source
from flows.warehouse.model import ImageSubscription

MAX_LOOKED_AT = 50_000
"""Tags of one repository whose manifests may be needed to choose."""


async def discover_image(subscription: ImageSubscription, asking: Asking) -> dict[str, Any]:
    """Return the subscription's entry of Kargo's `discoveredArtifacts.images`; `references` may be empty.

    With a hint of a tag only that tag is looked at, and put in its place among what was found before. Raises what
    the registry raises, Unfinished when the repository needs several looks to be read, and Invalid for a broken
    filter, one that leaves too many tags, and for a best tag that cannot be used.
    """
    source = Source(subscription, asking)
    tag, before = asking.hint.tag if asking.hint else "", asking.before
    if tag and before is not None:
        if not TAG.fullmatch(tag) or tag not in wanted_tags(subscription, [tag]):
            return before
        if policy(subscription).lists_tags:
            chosen = await _with_tag(subscription, source, tag, before)
            if chosen is not None:
                return await _entry(subscription, asking, source, chosen)
    return await _entry(subscription, asking, source, await _chosen(subscription, source))


async def _chosen(subscription: ImageSubscription, source: Source) -> list[TaggedImage]:
    """Look at all the repository has, and again while tags turn out to have moved."""
    wanted = await _wanted(subscription, source)
    while True:
        chosen = await _best(subscription, source, wanted)
        due = source.due(tag for tag, _ in chosen)
        if not due:
            return _usable(subscription, source, wanted, chosen)
        await source.confirm(due)  # each tag at most once in one look, so this ends


async def _wanted(subscription: ImageSubscription, source: Source) -> list[str]:
    if policy(subscription).lists_tags:
        return wanted_tags(subscription, await source.tags())
    wanted = wanted_tags(subscription, [])
    if unfit := next((tag for tag in wanted if not TAG.fullmatch(tag)), None):
        raise Invalid(f"{unfit!r} cannot be a tag; correct 'constraint' of {subscription.repo_url}")
    return wanted


async def _best(subscription: ImageSubscription, source: Source, wanted: list[str]) -> list[TaggedImage]:
    """Look at the best tags first, and at more, twice as many each time, only while too few offer the platform."""
    limit = subscription.discovery_limit
    count = len(wanted) if policy(subscription).by_build_time else limit
    while True:
        await source.read(_bounded(subscription, wanted[:count]))
        chosen = choose(subscription, _images(source, wanted[:count]))
        if len(chosen) >= limit or count >= len(wanted):
            return chosen
        count *= 2


async def _with_tag(
    subscription: ImageSubscription, source: Source, tag: str, before: Json
) -> list[TaggedImage] | None:
    """Choose from what was found before and one tag; None when other tags would have to be looked at for that.

    That is so when the tag was one of as many as are kept and another may take its place now.
    """
    kept = [reference["tag"] for reference in before["references"]]
    if await source.learn(kept) or any(not source.known[each].image for each in kept if each != tag):
        return None
    await source.examine(tag)
    wanted = wanted_tags(subscription, list(dict.fromkeys([*kept, tag])))
    chosen = choose(subscription, _images(source, wanted))
    if tag in kept and len(kept) >= subscription.discovery_limit:
        safe = chosen[:-1] if policy(subscription).by_build_time else chosen
        if all(each != tag for each, _ in safe):
            return None
    return _usable(subscription, source, wanted, chosen)


def _usable(
    subscription: ImageSubscription, source: Source, wanted: list[str], chosen: list[TaggedImage]
) -> list[TaggedImage]:
    """Return what was chosen, unless it was chosen only because a better tag cannot be used: a person must know.

    By build time nobody knows whether it would be better, so it counts only when there is no other.
    """
    if chosen and policy(subscription).by_build_time:
        return chosen
    for tag in wanted:
        known = source.known.get(tag)
        if known is None or (known.image and offers(known.image, subscription.platform)):
            break
        if known.problem:
            raise Invalid(
                f"{subscription.repo_url}:{tag} cannot be used: {known.problem}; push it again, or exclude it with "
                "ignoreTagsRegexes"
            )
    return chosen


def _images(source: Source, tags: Sequence[str]) -> list[TaggedImage]:
    """What these tags point at, in their order, without those that point at nothing usable."""
    return [(tag, known.image) for tag in tags if (known := source.known.get(tag)) and known.image]


def _bounded(subscription: ImageSubscription, tags: list[str]) -> list[str]:
    if len(tags) > MAX_LOOKED_AT:
        raise Invalid(
            f"choosing from {subscription.repo_url} would need the manifests of more than {MAX_LOOKED_AT:,} tags; "
            "narrow them down with allowTagsRegexes or ignoreTagsRegexes"
        )
    return tags


async def _entry(
    subscription: ImageSubscription, asking: Asking, source: Source, chosen: list[TaggedImage]
) -> dict[str, Any]:
    whole = await source.whole(image for _, image in chosen)
    references = [_reference(subscription, tag, whole.get(image.digest, image)) for tag, image in chosen]
    entry = {"repoURL": subscription.repo_url, "platform": subscription.platform, "subscriptionName": asking.name}
    return {**{key: value for key, value in entry.items() if value}, "references": references}


def _reference(subscription: ImageSubscription, tag: str, image: ImageDetails) -> dict[str, Any]:
    described = {
        "tag": tag,
        "digest": image.digest,
        "annotations": annotations(image, subscription.platform),
        "createdAt": image.created_at and rfc3339(image.created_at),
    }
    return {key: value for key, value in described.items() if value}


def rfc3339(time: datetime) -> str:
    """Write an aware time as Kubernetes does, whole seconds in UTC."""
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
