"""What is known of image repositories: which digest each tag pointed at and when that was last sure, and the images.

A repository is named by its normalised URL. Nothing here is lost for good when it is gone: it is read again.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.part import Part
from blocks.ledger.tables import registry_images, registry_tags
from blocks.records import ImageDetails, Platform

KEPT = 100_000
"""Tags, and images, kept per repository; those that were not confirmed for longest go first."""


@dataclass(frozen=True, slots=True)
class KnownTag:
    """One tag as it was when it was last confirmed; `image` has no annotations.

    Without `image`, `problem` is the sentence that says why it cannot be used, and empty when nothing was there.
    `digest` is then that of something which is no image, and empty for what may be mended soon.
    """

    confirmed_at: datetime
    digest: str = ""
    image: ImageDetails | None = None
    problem: str = ""


class RegistryIndex(Part):
    """Tags and images by repository."""

    async def known(self, repository: str, tags: Sequence[str]) -> dict[str, KnownTag]:
        """Return what is known of these tags; one whose image is not known any more is left out."""
        found: dict[str, KnownTag] = {}
        async with self._database.read() as connection:
            for batch in rows.batches(tags):
                lines = await connection.execute(_known(repository, batch))
                found |= {row.tag: known for row in lines if (known := _tag(row))}
        return found

    async def images(self, repository: str, digests: Iterable[str]) -> dict[str, ImageDetails]:
        """Return the images known of these digests, annotations included."""
        found: dict[str, ImageDetails] = {}
        table = registry_images
        async with self._database.read() as connection:
            for batch in rows.batches(list(digests)):
                query = sa.select(table).where(table.c.repository == repository, table.c.digest.in_(batch))
                found |= {row.digest: _image(row) for row in await connection.execute(query)}
        return found

    async def record(self, repository: str, tags: Mapping[str, KnownTag], images: Iterable[ImageDetails]) -> None:
        """Keep what was found for these tags, and new images, whole; let the oldest go beyond `KEPT`."""
        if not tags:
            return
        now = max(known.confirmed_at for known in tags.values())
        # Sorted, so that two writers of the same keys lock them in the same order.
        news = {image.digest: _frozen(repository, image, now) for image in images}
        lines = [_line(repository, tag, tags[tag]) for tag in sorted(tags)]
        async with self._database.write() as connection:
            if news:
                adding = rows.insert(connection, registry_images).on_conflict_do_nothing()
                await connection.execute(adding, [news[digest] for digest in sorted(news)])
            put = rows.insert(connection, registry_tags)
            changes = {name: put.excluded[name] for name in ("digest", "problem", "confirmed_at")}
            put = put.on_conflict_do_update(index_elements=["repository", "tag"], set_=changes)
            await connection.execute(put, lines)
            await _evict(connection, repository, registry_tags.c.tag, registry_tags.c.confirmed_at)
            await _evict(connection, repository, registry_images.c.digest, registry_images.c.read_at)

    async def forget_others(self, repositories: Iterable[str], before: datetime) -> int:
        """Let go of repositories that are not among these and were not looked at since. Returns how many."""
        newest = sa.func.max(registry_tags.c.confirmed_at)
        query = sa.select(registry_tags.c.repository).group_by(registry_tags.c.repository).having(newest < before)
        async with self._database.read() as connection:
            old = set((await connection.execute(query)).scalars())
        gone = sorted(old.difference(repositories))
        for repository in gone:
            async with self._database.write() as connection:
                for table in (registry_tags, registry_images):
                    await connection.execute(sa.delete(table).where(table.c.repository == repository))
        return len(gone)


def _known(repository: str, tags: Sequence[str]) -> sa.Select[Any]:
    tag, image = registry_tags.c, registry_images.c
    joined = sa.and_(image.repository == tag.repository, image.digest == tag.digest)
    return (
        sa.select(tag.tag, tag.digest, tag.problem, tag.confirmed_at, image.created_at, image.platforms)
        .select_from(registry_tags.outerjoin(registry_images, joined))
        .where(tag.repository == repository, tag.tag.in_(tags))
    )


def _tag(row: sa.Row[Any]) -> KnownTag | None:
    """None when the tag's image was let go."""
    if row.problem or not row.digest:
        return KnownTag(row.confirmed_at, row.digest, problem=row.problem)
    if row.platforms is None:
        return None
    image = ImageDetails(row.digest, row.created_at, {}, _platforms(row.platforms))
    return KnownTag(row.confirmed_at, row.digest, image)


@lru_cache(maxsize=64)
def _platforms(text: str) -> tuple[Platform, ...]:
    """Most images of a repository run on the same platforms, which are read once."""
    return tuple(Platform(*each) for each in json.loads(text))


def _image(row: sa.Row[Any]) -> ImageDetails:
    noted = row.annotations
    platforms = tuple(
        Platform(each.os, each.architecture, each.variant, more)
        for each, more in zip(_platforms(row.platforms), noted["platforms"], strict=True)
    )
    return ImageDetails(row.digest, row.created_at, noted["image"], platforms)


def _frozen(repository: str, image: ImageDetails, now: datetime) -> dict[str, Any]:
    return {
        "repository": repository,
        "digest": image.digest,
        "created_at": image.created_at,
        "platforms": json.dumps([[each.os, each.architecture, each.variant] for each in image.platforms]),
        "annotations": {"image": image.annotations, "platforms": [each.annotations for each in image.platforms]},
        "read_at": now,
    }


def _line(repository: str, tag: str, known: KnownTag) -> dict[str, Any]:
    return {
        "repository": repository,
        "tag": tag,
        "digest": known.digest,
        "problem": known.problem,
        "confirmed_at": known.confirmed_at,
    }


async def _evict(connection: AsyncConnection, repository: str, key: sa.Column[str], since: sa.Column[datetime]) -> None:
    ours = key.table.c.repository == repository
    surplus = (
        sa.select(key)
        .where(ours)
        .order_by(since.desc(), key.desc())
        .offset(KEPT)
        .limit(2**31)  # SQLite knows OFFSET only with LIMIT
    )
    await connection.execute(sa.delete(key.table).where(ours, key.in_(surplus)))
