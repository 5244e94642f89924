"""Batches of tags: what is still to be read, and what was read and is not kept yet."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from typing import Protocol

from blocks.ledger.registry_index import KnownTag
from blocks.records import ImageDetails

BATCH = 200
"""Tags looked up, and kept, at once."""


class Index(Protocol):
    """What discovery needs of `blocks.ledger.registry_index.RegistryIndex`."""

    async def known(self, repository: str, tags: list[str]) -> dict[str, KnownTag]: ...

    async def images(self, repository: str, digests: Iterable[str]) -> dict[str, ImageDetails]: ...

    async def record(self, repository: str, tags: dict[str, KnownTag], images: Iterable[ImageDetails]) -> None: ...


class Feed:
    """Hands out tags one by one to several readers. Each batch is looked up before: others may have read it."""

    def __init__(self, tags: Iterable[str], missing: Callable[[list[str]], Awaitable[list[str]]]) -> None:
        """Keep the tags; `missing` returns which of some nobody has read."""
        self._left = iter(tags)
        self._missing = missing
        self._ready: deque[str] = deque()
        self._turn = asyncio.Lock()

    async def take(self) -> str | None:
        """Return the next tag, None after the last."""
        async with self._turn:
            while not self._ready and (batch := list(islice(self._left, BATCH))):
                self._ready.extend(await self._missing(batch))
            return self._ready.popleft() if self._ready else None


class Unkept:
    """What was read of one repository since the last time it was written down."""

    def __init__(self, index: Index, repository: str) -> None:
        """Keep where to write it."""
        self._index = index
        self._repository = repository
        self._tags: dict[str, KnownTag] = {}
        self._images: list[ImageDetails] = []

    def add(self, tag: str, known: KnownTag, image: ImageDetails | None) -> None:
        """Take a tag, and its image, whole, when that is new."""
        self._tags[tag] = known
        if image:
            self._images.append(image)

    async def flush(self, at_least: int = 1) -> None:
        """Write it down, if it is that many tags."""
        if len(self._tags) >= at_least:
            tags, images = self._tags, self._images
            self._tags, self._images = {}, []
            await self._index.record(self._repository, tags, images)
