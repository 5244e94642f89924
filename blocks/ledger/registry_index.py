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
    """One tag: the image it pointed at when it was last confirmed, without annotations.

    `image` is None when nothing usable was there; `problem` is then the sentence that says why, or empty when there
    was nothing at all.
    """

    confirmed_at: datetime
    image: ImageDetails | None = None
    problem: str = ""


class RegistryIndex(Part):
    """Tags and images by repository."""

    async def known(self, repository: str, tags: Sequence[str]) -> dict[str, KnownTag]:
        """Return what is known of these tags; one whose image is not known any more is left out."""
        found: dict[str, KnownTag] = {}
        async with self._database.read() as connection:
            for batch in rows.batches(tags):
                for row in await connection.execute(_known(repository, batch)):
                    if row.platforms is not None or not row.digest:
                        found[row.tag] = _tag(row)
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

    async def record(self, repository: str, tags: Mapping[str, KnownTag]) -> None:
        """Keep what was found for these tags, the images included, and let the oldest go beyond `KEPT`."""
        if not tags:
            return
        images = {known.image.digest: _frozen(repository, known) for known in tags.values() if known.image}
        # Sorted, so that two writers of the same keys lock them in the same order.
        async with self._database.write() as connection:
            if images:
                await _put(
                    connection, registry_images, ("repository", "digest"), [images[key] for key in sorted(images)]
                )
            lines = [_line(repository, tag, tags[tag]) for tag in sorted(tags)]
            await _put(connection, registry_tags, ("repository", "tag"), lines)
            await _evict(connection, repository, registry_tags.c.tag, registry_tags.c.confirmed_at)
            await _evict(connection, repository, registry_images.c.digest, registry_images.c.read_at)

    async def confirm(self, repository: str, tags: Sequence[str], now: datetime) -> None:
        """Note that these tags point at the same as before."""
        table = registry_tags
        async with self._database.write() as connection:
            for batch in rows.batches(sorted(tags)):
                named = sa.and_(table.c.repository == repository, table.c.tag.in_(batch))
                await connection.execute(sa.update(table).where(named).values(confirmed_at=now))


def _known(repository: str, tags: Sequence[str]) -> sa.Select[Any]:
    tag, image = registry_tags.c, registry_images.c
    joined = sa.and_(image.repository == tag.repository, image.digest == tag.digest)
    return (
        sa.select(tag.tag, tag.digest, tag.problem, tag.confirmed_at, image.created_at, image.platforms)
        .select_from(registry_tags.outerjoin(registry_images, joined))
        .where(tag.repository == repository, tag.tag.in_(tags))
    )


def _tag(row: sa.Row[Any]) -> KnownTag:
    image = ImageDetails(row.digest, row.created_at, {}, _platforms(row.platforms)) if row.digest else None
    return KnownTag(row.confirmed_at, image, row.problem)


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


def _frozen(repository: str, known: KnownTag) -> dict[str, Any]:
    image = known.image
    assert image is not None
    return {
        "repository": repository,
        "digest": image.digest,
        "created_at": image.created_at,
        "platforms": json.dumps([[each.os, each.architecture, each.variant] for each in image.platforms]),
        "annotations": {"image": image.annotations, "platforms": [each.annotations for each in image.platforms]},
        "read_at": known.confirmed_at,
    }


def _line(repository: str, tag: str, known: KnownTag) -> dict[str, Any]:
    digest = known.image.digest if known.image else ""
    return {
        "repository": repository,
        "tag": tag,
        "digest": digest,
        "problem": known.problem,
        "confirmed_at": known.confirmed_at,
    }


async def _put(
    connection: AsyncConnection, table: sa.Table, keys: Sequence[str], lines: Sequence[Mapping[str, Any]]
) -> None:
    adding = rows.insert(connection, table)
    news = {column.name: adding.excluded[column.name] for column in table.c if column.name not in keys}
    await connection.execute(adding.on_conflict_do_update(index_elements=list(keys), set_=news), list(lines))


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
