"""Reading manifests, indexes and configs of one repository. Whatever is asked for by digest is checked against it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from blocks.errors import BadAnswer, Invalid, NotFound, Terminal
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


@dataclass(frozen=True)
class Manifest:
    """What a tag or digest points at, as it was sent: `digest` is that of its bytes, `kind` its media type."""

    digest: str
    kind: str
    content: dict[str, Any]


async def read_digest(session: Session, tag: str) -> str | None:
    """Ask which digest a tag points at, fetching it only from a registry that does not say; None without such a tag.

    What is said may be wrong: only `read_manifest` is sure.
    """
    try:
        answer = await session.ask(f"/manifests/{tag}", headers=ACCEPT, method="HEAD")
    except Terminal:  # some registries know no HEAD; what GET answers is then the better sentence
        said = ""
    else:
        if answer is None:
            return None
        said = answer.headers.get("docker-content-digest", "")
    if DIGEST.fullmatch(said):
        return str(said)
    manifest = await read_manifest(session, tag)
    return manifest.digest if manifest else None


async def read_manifest(session: Session, reference: str) -> Manifest | None:
    """Fetch what a tag or digest points at; None when there is no such thing."""
    found = await read_whole(session, reference)
    return found[0] if found else None


async def read_whole(session: Session, reference: str) -> tuple[Manifest, bytes] | None:
    """Fetch what a tag or digest points at, with its bytes; None when there is no such thing."""
    answer = await session.ask(f"/manifests/{reference}", headers=ACCEPT)
    if answer is None:
        return None
    digest, content = _verified(answer, reference), json_object(answer)
    kind = content.get("mediaType") or answer.headers.get("content-type", "").partition(";")[0]
    return Manifest(digest, str(kind).strip()[:100], content), answer.content


async def describe(session: Session, manifest: Manifest, depth: int = MAX_DEPTH) -> ImageDetails:
    """Describe the image of a manifest. Raises Invalid when it is none, NotFound when its config is not there."""
    content = manifest.content
    if manifest.kind in INDEX_TYPES and image_entries(content):
        return index_details(manifest.digest, content, await _newest(session, content, depth))
    if manifest.kind in MANIFEST_TYPES:
        return image_details(manifest.digest, content, await _config(session, content))
    what = "an index without images" if manifest.kind in INDEX_TYPES else f"a {manifest.kind!r}, which is no image"
    raise Invalid(f"{session.where} has {what}")


async def _newest(session: Session, index: Mapping[str, Any], depth: int) -> datetime | None:
    """When the newest image of an index was built. Its own annotation makes looking needless."""
    if annotated(texts(index.get("annotations"))) or depth <= 1:
        return None
    entries = image_entries(index)[:MAX_PLATFORMS]
    built = await asyncio.gather(*(_built(session, entry, depth) for entry in entries))
    return max(filter(None, built), default=None)


async def _built(session: Session, entry: Mapping[str, Any], depth: int) -> datetime | None:
    """A mirror may hold only some images of an index: those it has not got say nothing."""
    if created := annotated(texts(entry.get("annotations"))):
        return created
    manifest = await read_manifest(session, digest_of(session, entry))
    return (await describe(session, manifest, depth - 1)).created_at if manifest else None


async def _config(session: Session, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The image's config; charts, signatures and other artifacts have none that says anything here."""
    descriptor = manifest.get("config")
    if not isinstance(descriptor, dict) or descriptor.get("mediaType") not in CONFIG_TYPES:
        return {}
    digest = digest_of(session, descriptor)
    answer = await session.ask(f"/blobs/{digest}")
    if answer is None:
        raise NotFound(f"{session.where} has an image whose config {digest} is missing")
    _verified(answer, digest)
    try:
        return json_object(answer)
    except BadAnswer:  # its digest is right, so it will never be another
        raise Invalid(f"{session.where} has an image whose config {digest} is no JSON object") from None


def _verified(answer: httpx.Response, reference: str) -> str:
    """The digest of an answer's bytes; asked for by digest, it must be that one."""
    digest = sha256(answer.content)
    if reference.startswith("sha256:") and reference != digest:
        raise BadAnswer(f"GET {answer.request.url} answered content whose digest is {digest}")
    return digest


def digest_of(session: Session, descriptor: Mapping[str, Any]) -> str:
    """The digest a descriptor names. Raises Invalid when it is none."""
    digest = descriptor.get("digest")
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise Invalid(f"{session.where} has a manifest that names {str(digest)[:100]!r} where a sha256 digest belongs")
    return digest
