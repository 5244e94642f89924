"""One image repository behind what is known of it: a tag is read once, and confirmed when that is due.

What was read is kept every few tags, so that a look which ends early, for whatever reason, is continued by the next.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from blocks.errors import Invalid, Refused, Terminal, Unauthorized, Unfinished, Unreachable
from blocks.ledger.registry_index import KnownTag
from blocks.records import ImageDetails, Platform
from flows.warehouse.asking import Asking
from flows.warehouse.confirm import lapsed
from flows.warehouse.image_batches import BATCH, Feed, Index, Unkept
from flows.warehouse.image_repository import ImageRepository
from flows.warehouse.model import ImageSubscription

AT_ONCE = 16
"""Tags of one look that are read at the same time."""
SHARE_OF_TIME = 0.8
"""Part of the time a subscription has after which reading ends by itself, so that it can say how far it came."""
LEAST_TIME = 0.1
"""Part of it that reading gets also when listing took long, so that every look comes further."""
MENDED_AFTER = timedelta(minutes=5)
"""After this long it is looked again whether a tag behind which nothing usable was has become better."""


class Source:
    """The repository of one subscription for one look; `known` is what is known of the tags looked at so far."""

    def __init__(self, subscription: ImageSubscription, asking: Asking) -> None:
        """Keep whom to ask and for whom; the time this look has begins."""
        self.known: dict[str, KnownTag] = {}
        self._subscription = subscription
        self._asking = asking
        self._repository = ImageRepository.of(subscription, asking)
        self._index: Index = asking.sources.index
        self._began = asyncio.get_running_loop().time()
        self._unkept = Unkept(self._index, self._repository.name)
        self._sure: set[str] = set()
        self._confirmed = False
        self._images: dict[str, ImageDetails] = {}

    async def tags(self) -> list[str]:
        """List the repository's tags."""
        return await self._repository.tags()

    async def learn(self, tags: Iterable[str]) -> list[str]:
        """Take what the index knows of these tags. Returns those it does not know."""
        wanted = [tag for tag in tags if tag not in self.known]
        found = await self._index.known(self._repository.name, wanted) if wanted else {}
        self.known |= found
        self._images |= {each.digest: each.image for each in found.values() if each.image}
        return [tag for tag in wanted if tag not in found]

    async def read(self, tags: Iterable[str]) -> None:
        """Make all of these tags known. Raises Unfinished when there is no time for all of them."""
        missing = await self.learn(tags)
        if not missing:
            return
        await self._each(Feed(missing, self._missing), self._read, len(missing))
        if left := [tag for tag in missing if tag not in self.known]:
            read = len(self.known)
            raise self._out_of_time(f"read {read:,} of {read + len(left):,}", len(left) < len(missing))

    async def confirm(self, tags: Sequence[str]) -> None:
        """Ask whether these known tags still point at the same, and read those that do not. Raises as `read`."""
        self._confirmed = True
        await self._each(Feed(tags, _all), self._confirm, len(tags))
        if left := [tag for tag in tags if tag not in self._sure]:
            done = len(tags) - len(left)
            raise self._out_of_time(f"looked again at {done:,} of {len(tags):,}", done > 0)

    async def examine(self, tag: str) -> None:
        """Read a tag, known or not."""
        await self._each(Feed([tag], _all), self._read, 1)
        if tag not in self._sure:
            raise self._out_of_time(f"read 0 of 1 ({tag})", False)

    def due(self, chosen: Iterable[str]) -> list[str]:
        """Which tags need confirming: those chosen, and the first time some of those that could not be used."""
        kept = chosen if self._followed or not self._subscription.cache_by_tag else ()
        return [*filter(self._lapsed, kept), *([] if self._confirmed else self._broken())]

    async def whole(self, images: Iterable[ImageDetails]) -> dict[str, ImageDetails]:
        """Return images with their annotations, by digest."""
        return await self._index.images(self._repository.name, [each.digest for each in images])

    @property
    def _followed(self) -> bool:
        return self._subscription.image_selection_strategy == "Digest"

    def _lapsed(self, tag: str) -> bool:
        if tag in self._sure:
            return False
        known, after = self.known[tag], self._asking.sources.confirm_after
        if not known.digest:
            after = min(after, MENDED_AFTER)
        return self._followed or self._asking.thorough or lapsed(tag, known.confirmed_at, self._asking.now, after)

    def _broken(self) -> list[str]:
        """As many as are kept, those asked about longest ago first, so that thousands of leftovers take turns."""
        broken = [tag for tag, known in self.known.items() if known.image is None and self._lapsed(tag)]
        return sorted(broken, key=lambda tag: self.known[tag].confirmed_at)[: self._subscription.discovery_limit]

    async def _missing(self, tags: list[str]) -> list[str]:
        """Which tags nobody has read since this look began."""
        missing = await self.learn(tags)
        self._sure.update(tag for tag in tags if tag in self.known)
        return missing

    async def _each(self, feed: Feed, job: Callable[[str], Awaitable[None]], count: int) -> None:
        """Do the job for every tag, some at once, until time is up; keep what came of it, also when one fails."""

        async def work() -> None:
            while (tag := await feed.take()) is not None:
                await job(tag)
                await self._unkept.flush(BATCH)

        seconds = self._asking.sources.timeout
        left = self._began + seconds * SHARE_OF_TIME - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(left, seconds * LEAST_TIME)), asyncio.TaskGroup() as group:
                for _ in range(min(AT_ONCE, count)):
                    group.create_task(work())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        except TimeoutError:
            pass  # what is left is known by not being known
        finally:
            await self._unkept.flush()

    def _out_of_time(self, said: str, some: bool) -> Unfinished | Unreachable:
        text = f"{said} tags of {self._subscription.repo_url} within the time for one look"
        return Unfinished(f"{text}; the rest follows") if some else Unreachable(text)

    async def _confirm(self, tag: str) -> None:
        known = self.known[tag]
        if known.digest and await self._repository.digest(tag) == known.digest:
            self._note(tag, replace(known, confirmed_at=self._asking.now))
        else:
            await self._read(tag, fresh=True)

    async def _read(self, tag: str, *, fresh: bool = False) -> None:
        """Whatever a registry says of one tag alone is that tag's problem; all else ends the look."""
        digest = ""
        try:
            manifest = await self._repository.manifest(tag, fresh=fresh)
            if manifest is None:
                self._note(tag, KnownTag(self._asking.now))
                return
            digest = manifest.digest
            if known := self._images.get(digest):
                self._note(tag, KnownTag(self._asking.now, digest, known))
                return
            image = await self._repository.describe(manifest)
            self._note(tag, KnownTag(self._asking.now, digest, _without_annotations(image)), image)
        except (Unauthorized, Refused):
            raise
        except Terminal as error:
            lasting = digest if isinstance(error, Invalid) else ""
            self._note(tag, KnownTag(self._asking.now, lasting, problem=str(error)))

    def _note(self, tag: str, known: KnownTag, image: ImageDetails | None = None) -> None:
        self.known[tag] = known
        self._sure.add(tag)
        self._unkept.add(tag, known, image)
        if known.image:
            self._images[known.digest] = known.image


async def _all(tags: list[str]) -> list[str]:
    return tags


def _without_annotations(image: ImageDetails) -> ImageDetails:
    """What is needed to choose: of ten thousand images all else would fill the memory."""
    platforms = tuple(Platform(each.os, each.architecture, each.variant) for each in image.platforms)
    return ImageDetails(image.digest, image.created_at, {}, platforms)
