"""Bringing what is in a repository: artifacts with their manifests, and blobs, straight into files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from blocks.errors import BadAnswer, Invalid, NotFound
from blocks.http_client import Limits
from blocks.registry.image_details import INDEX_TYPES, MANIFEST_TYPES
from blocks.registry.manifests import Manifest, digest_of, read_whole
from blocks.registry.session import Session

BLOB_SECONDS = 900.0
"""Longest time for one blob."""

PLATFORM = ("linux", "amd64")
"""Of an index, the image that is meant when one is (Kargo)."""


async def read_artifact(session: Session, reference: str) -> tuple[Manifest, bytes]:
    """Fetch a manifest or an index with its bytes. Raises NotFound, or Invalid when it is neither."""
    found = await read_whole(session, reference)
    if found is None:
        raise NotFound(f"{session.where} has no {reference!r}, or these credentials may not see it")
    if found[0].kind not in (*INDEX_TYPES, *MANIFEST_TYPES):
        raise Invalid(f"{reference!r} of {session.where} is a {found[0].kind!r}, which is neither image nor artifact")
    return found


@dataclass(frozen=True)
class Layer:
    """A blob that a manifest names, `size` in bytes as it says."""

    digest: str
    size: int


async def find_layer(session: Session, reference: str, media_type: str = "") -> Layer:
    """Find the first layer of an artifact, or the first of a media type. Raises NotFound without one."""
    manifest, _ = await read_artifact(session, reference)
    if manifest.kind in INDEX_TYPES:
        manifest, _ = await read_artifact(session, _of_platform(session, manifest, reference))
    for layer in descriptors(manifest.content.get("layers")):
        if media_type in ("", layer.get("mediaType")):
            return Layer(digest_of(session, layer), size_of(layer))
    wanted = f"layer of media type {media_type!r}" if media_type else "layer"
    raise NotFound(f"{reference!r} of {session.where} has no {wanted}")


async def pull_blob(session: Session, digest: str, file: IO[bytes], max_bytes: int) -> None:
    """Write a blob into a file. Raises NotFound, Invalid when it is too large, BadAnswer when it is another."""
    got = await session.download(f"/blobs/{digest}", file, Limits(BLOB_SECONDS, attempts=1, max_bytes=max_bytes))
    if got is None:
        raise NotFound(f"{session.where} has no blob {digest}, which its manifest names")
    if got != digest:
        raise BadAnswer(f"{session.where} answered content with digest {got} for blob {digest}")


def descriptors(value: Any) -> list[Mapping[str, Any]]:
    """The entries of a manifest's list that are descriptors."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def size_of(descriptor: Mapping[str, Any]) -> int:
    """The bytes a descriptor says there are; 0 when it does not."""
    size = descriptor.get("size")
    return size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else 0


def _of_platform(session: Session, index: Manifest, reference: str) -> str:
    for entry in descriptors(index.content.get("manifests")):
        platform = entry.get("platform")
        if isinstance(platform, dict) and (platform.get("os"), platform.get("architecture")) == PLATFORM:
            return digest_of(session, entry)
    raise NotFound(f"{reference!r} of {session.where} is an index without an image for {'/'.join(PLATFORM)}")
