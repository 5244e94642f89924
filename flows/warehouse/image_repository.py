"""One image repository as one subscription asks it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from blocks.records import Credentials, ImageDetails
from blocks.registry.manifests import Manifest
from flows.warehouse.asking import Asking
from flows.warehouse.model import ImageSubscription
from flows.warehouse.urls import normalize_image


class Registry(Protocol):
    """What discovery needs of `blocks.image_registry.ImageRegistry`."""

    async def tags(
        self, repo_url: str, credentials: Credentials | None, *, insecure: bool, fresh: bool
    ) -> list[str]: ...

    async def digest(
        self, repo_url: str, tag: str, credentials: Credentials | None, *, insecure: bool, fresh: bool
    ) -> str | None: ...

    async def manifest(
        self, repo_url: str, reference: str, credentials: Credentials | None, *, insecure: bool, fresh: bool
    ) -> Manifest | None: ...

    async def describe(
        self, repo_url: str, manifest: Manifest, credentials: Credentials | None, *, insecure: bool
    ) -> ImageDetails: ...


def index_name(url: str, insecure: bool) -> str:
    """Name a repository in the index."""
    return f"{normalize_image(url)}{' insecure' if insecure else ''}"


def index_names(spec: Mapping[str, Any]) -> list[str]:
    """Name all image repositories that a Warehouse's spec, as written, subscribes to."""
    images = [each.get("image") or {} for each in spec.get("subscriptions") or []]
    return [index_name(each["repoURL"], flag) for each in images if each.get("repoURL") for flag in (False, True)]


@dataclass(frozen=True)
class ImageRepository:
    """Whom to ask, with what. `fresh`: somebody says that something changed, so no answer may be older than that."""

    registry: Registry
    url: str
    credentials: Credentials | None
    insecure: bool
    fresh: bool

    @classmethod
    def of(cls, subscription: ImageSubscription, asking: Asking) -> "ImageRepository":
        """Return the repository of a subscription."""
        url, insecure = subscription.repo_url, subscription.insecure_skip_tls_verify
        return cls(asking.sources.registry, url, asking.credentials, insecure, asking.thorough or bool(asking.hint))

    @property
    def name(self) -> str:
        """Its name in the index. What was read without checking the server's certificate is for nobody else."""
        return index_name(self.url, self.insecure)

    async def tags(self) -> list[str]:
        """List the tags."""
        return await self.registry.tags(self.url, self.credentials, insecure=self.insecure, fresh=self.fresh)

    async def digest(self, tag: str) -> str | None:
        """Ask what a tag is said to point at."""
        return await self.registry.digest(self.url, tag, self.credentials, insecure=self.insecure, fresh=self.fresh)

    async def manifest(self, tag: str, *, fresh: bool = False) -> Manifest | None:
        """Fetch what a tag points at."""
        fresh = fresh or self.fresh
        return await self.registry.manifest(self.url, tag, self.credentials, insecure=self.insecure, fresh=fresh)

    async def describe(self, manifest: Manifest) -> ImageDetails:
        """Describe the image of a manifest."""
        return await self.registry.describe(self.url, manifest, self.credentials, insecure=self.insecure)
