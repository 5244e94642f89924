"""Reading manifests, indexes and configs of one repository. Whatever is asked for by digest is checked against it."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from blocks.errors import BadAnswer, Invalid
from blocks.records import ImageDetails
from blocks.registry.image_details import (
    CONFIG_TYPES,
    INDEX_TYPES,
    MANIFEST_TYPES,
    annotated,
    image_details,
    image_entries,
    index_details,
    texts,
)
from blocks.registry.reference import DIGEST
from blocks.registry.session import Session, json_object, sha256

ACCEPT = {"Accept": ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))}
MAX_PLATFORMS = 100
"""Images of one index that are looked into."""
MAX_DEPTH = 3
"""How deep an index may hold indexes."""


async def read_digest(session: Session, tag: str) -> str | None:
    """Ask which digest a tag points at, without fetching what it points at; None without such a tag."""
    answer = await session.ask(f"/manifests/{tag}", headers=ACCEPT, method="HEAD")
    if answer is None:
        return None
    said = answer.headers.get("docker-content-digest", "")
    if DIGEST.fullmatch(said):
        return str(said)
    manifest = await session.ask(f"/manifests/{tag}", headers=ACCEPT)
    if manifest is None:
        return None
    json_object(manifest)  # the hash of an error page would be the digest of nothing
    return sha256(manifest.content)


async def read_details(session: Session, reference: str, depth: int = MAX_DEPTH) -> ImageDetails | None:
    """Describe what a tag or digest points at; None when there is no such thing. Raises Invalid when it is no image."""
    answer = await session.ask(f"/manifests/{reference}", headers=ACCEPT)
    if answer is None:
        return None
    digest, manifest = _verified(answer, reference), json_object(answer)
    kind = manifest.get("mediaType") or answer.headers.get("content-type", "").partition(";")[0]
    if kind in INDEX_TYPES:
        return index_details(digest, manifest, await _newest(session, manifest, depth))
    if kind in MANIFEST_TYPES:
        return image_details(digest, manifest, await _config(session, manifest))
    raise Invalid(f"{session.where}:{reference} is a {kind!r}, which is no image; exclude it with ignoreTagsRegexes")


async def _newest(session: Session, index: Mapping[str, Any], depth: int) -> datetime | None:
    """When the newest image of an index was built. Its own annotation makes looking needless."""
    if annotated(texts(index.get("annotations"))) or depth <= 1:
        return None
    entries = image_entries(index)[:MAX_PLATFORMS]
    built = await asyncio.gather(*(_built(session, entry, depth) for entry in entries))
    return max(filter(None, built), default=None)


async def _built(session: Session, entry: Mapping[str, Any], depth: int) -> datetime | None:
    if created := annotated(texts(entry.get("annotations"))):
        return created
    image = await read_details(session, _digest_of(entry), depth - 1)
    return image.created_at if image else None


async def _config(session: Session, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The image's config; charts, signatures and other artifacts have none that says anything here."""
    descriptor = manifest.get("config")
    if not isinstance(descriptor, dict) or descriptor.get("mediaType") not in CONFIG_TYPES:
        return {}
    digest = _digest_of(descriptor)
    answer = await session.ask(f"/blobs/{digest}")
    if answer is None:
        raise BadAnswer(f"{session.where} has a manifest whose config {digest} is missing")
    _verified(answer, digest)
    return json_object(answer)


def _verified(answer: httpx.Response, reference: str) -> str:
    """The digest of an answer's bytes; asked for by digest, it must be that one."""
    digest = sha256(answer.content)
    if reference.startswith("sha256:") and reference != digest:
        raise BadAnswer(f"GET {answer.request.url} answered content whose digest is {digest}")
    return digest


def _digest_of(descriptor: Mapping[str, Any]) -> str:
    digest = descriptor.get("digest")
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise BadAnswer(f"a manifest names {digest!r} where a sha256 digest belongs")
    return digest
