"""Finding the images of one subscription, asking the registry for as little as possible.

Tags are listed once; digests are asked only for tags that may be chosen; manifests are read only for digests never
seen before.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from blocks.errors import Invalid
from blocks.records import Credentials, ImageDetails, Platform
from flows.warehouse.asking import Asking
from flows.warehouse.choose import TaggedImage, annotations, choose, policy, wanted_tags
from flows.warehouse.model import ImageSubscription
from flows.warehouse.urls import normalize_image

MAX_LOOKED_AT = 2_000
"""Tags of one repository whose manifests may be needed to choose."""


class Registry(Protocol):
    """What discovery needs of `blocks.image_registry.ImageRegistry`."""

    async def tags(
        self, repo_url: str, credentials: Credentials | None = None, *, insecure: bool = False
    ) -> list[str]: ...

    async def digest(
        self, repo_url: str, tag: str, credentials: Credentials | None = None, *, insecure: bool = False
    ) -> str | None: ...

    async def details(
        self, repo_url: str, reference: str, credentials: Credentials | None = None, *, insecure: bool = False
    ) -> ImageDetails | None: ...


class Cache(Protocol):
    """Remembers what cannot change: JSON values by scope and key."""

    async def get(self, scope: str, keys: Iterable[str]) -> dict[str, Any]: ...

    async def put(self, scope: str, values: dict[str, Any]) -> None: ...


async def discover_image(subscription: ImageSubscription, asking: Asking) -> dict[str, Any]:
    """Return the subscription's entry of Kargo's `discoveredArtifacts.images`; `references` may be empty.

    Raises what the registry raises, and Invalid for a broken filter or one that leaves too many tags.
    """
    source = _Source(subscription, asking.sources.registry, asking.sources.cache, asking.credentials)
    strategy = policy(subscription)
    wanted = wanted_tags(subscription, await source.tags() if strategy.lists_tags else [])
    if strategy.by_build_time:
        images = await source.images(_bounded(subscription, wanted))
    else:
        images = await _enough(subscription, source, wanted)
    references = [_reference(subscription, *tagged) for tagged in choose(subscription, images)]
    entry = {"repoURL": subscription.repo_url, "platform": subscription.platform, "subscriptionName": asking.name}
    return {**{key: value for key, value in entry.items() if value}, "references": references}


async def _enough(subscription: ImageSubscription, source: "_Source", wanted: list[str]) -> list[TaggedImage]:
    """Look at the best tags first, and at more only while too few of them offer the platform."""
    found: list[TaggedImage] = []
    step = subscription.discovery_limit
    for start in range(0, len(wanted), step):
        found += await source.images(wanted[start : start + step])
        if len(choose(subscription, found)) >= step:
            break
        _bounded(subscription, wanted[: start + step])
    return found


def _bounded(subscription: ImageSubscription, tags: list[str]) -> list[str]:
    if len(tags) > MAX_LOOKED_AT:
        raise Invalid(
            f"choosing from {subscription.repo_url} would need the manifests of more than {MAX_LOOKED_AT} tags; "
            "narrow them down with allowTagsRegexes or ignoreTagsRegexes"
        )
    return tags


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


@dataclass(frozen=True)
class _Source:
    """One repository behind its cache."""

    subscription: ImageSubscription
    registry: Registry
    cache: Cache
    credentials: Credentials | None

    @property
    def scope(self) -> str:
        return f"image:{normalize_image(self.subscription.repo_url)}"

    async def tags(self) -> list[str]:
        return await self.registry.tags(
            self.subscription.repo_url, self.credentials, insecure=self.subscription.insecure_skip_tls_verify
        )

    async def images(self, tags: list[str]) -> list[TaggedImage]:
        """Return what these tags point at, in their order; tags that vanished meanwhile are left out."""
        digests = await self._digests(tags)
        details = await self._details(dict.fromkeys(digests.values()))
        return [(tag, details[digests[tag]]) for tag in tags if digests.get(tag) in details]

    async def _digests(self, tags: list[str]) -> dict[str, str]:
        """Tags that are known never to move (`cacheByTag`) are asked for once."""
        keep = self.subscription.cache_by_tag and self.subscription.image_selection_strategy != "Digest"
        known = await self.cache.get(self.scope, map(_tag_key, tags)) if keep else {}
        unknown = [tag for tag in tags if _tag_key(tag) not in known]
        asked = dict(zip(unknown, await asyncio.gather(*map(self._digest, unknown)), strict=True))
        fresh = {tag: digest for tag, digest in asked.items() if digest}
        if keep and fresh:
            await self.cache.put(self.scope, {_tag_key(tag): digest for tag, digest in fresh.items()})
        return {tag: known[_tag_key(tag)] for tag in tags if _tag_key(tag) in known} | fresh

    async def _digest(self, tag: str) -> str | None:
        return await self.registry.digest(
            self.subscription.repo_url, tag, self.credentials, insecure=self.subscription.insecure_skip_tls_verify
        )

    async def _details(self, digests: Iterable[str]) -> dict[str, ImageDetails]:
        wanted = list(digests)
        known = {digest: _thawed(digest, value) for digest, value in (await self.cache.get(self.scope, wanted)).items()}
        read = await asyncio.gather(*(self._read(digest) for digest in wanted if digest not in known))
        fresh = {image.digest: image for image in read if image}
        if fresh:
            await self.cache.put(self.scope, {digest: _frozen(image) for digest, image in fresh.items()})
        return known | fresh

    async def _read(self, digest: str) -> ImageDetails | None:
        return await self.registry.details(
            self.subscription.repo_url, digest, self.credentials, insecure=self.subscription.insecure_skip_tls_verify
        )


def _tag_key(tag: str) -> str:
    return f"tag:{tag}"


def _frozen(image: ImageDetails) -> dict[str, Any]:
    """The image as JSON, for the cache."""
    return {
        "createdAt": image.created_at and image.created_at.isoformat(),
        "annotations": image.annotations,
        "platforms": [[each.os, each.architecture, each.variant, each.annotations] for each in image.platforms],
    }


def _thawed(digest: str, value: dict[str, Any]) -> ImageDetails:
    created = value["createdAt"]
    return ImageDetails(
        digest,
        datetime.fromisoformat(created) if created else None,
        value["annotations"],
        tuple(Platform(*each) for each in value["platforms"]),
    )
