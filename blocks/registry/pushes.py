"""Copying an image or artifact from one repository to another, or to another tag of the same.

What the target has is left alone: blobs it knows, blobs it can mount from another repository of the same registry,
and a tag that already points where it should. Blobs pass through a file, never through memory.
"""

import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import IO, Any

from blocks.errors import BadAnswer, Invalid, NotFound, Refused
from blocks.http_client import Limits
from blocks.registry.image_details import MANIFEST_TYPES, texts
from blocks.registry.manifests import MAX_DEPTH, Manifest, digest_of, read_digest
from blocks.registry.pulls import BLOB_SECONDS, descriptors, pull_blob, read_artifact, size_of
from blocks.registry.reference import DIGEST, Repository
from blocks.registry.session import Session, sha256

MOST_MANIFESTS = 200
"""Manifests and indexes of one artifact."""

CHUNK = 1024 * 1024

_ELSEWHERE = ("nondistributable", ".foreign.")
"""What the media types of layers have in them that stay where they are."""


@dataclass(frozen=True)
class Annotations:
    """What to add: to the index itself, and to the manifests of images (Kargo)."""

    index: Mapping[str, str] = field(default_factory=dict)
    manifest: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Artifact:
    """A manifest as it is to be pushed, with what it is made of."""

    manifest: Manifest
    content: bytes
    parts: tuple["Artifact", ...] = ()

    def all(self) -> Iterator["Artifact"]:
        """Parts before what they are part of."""
        for part in self.parts:
            yield from part.all()
        yield self

    def blobs(self) -> dict[str, int]:
        """Digests of config and layers with their sizes in bytes."""
        content = self.manifest.content
        found = [*descriptors([content.get("config")]), *descriptors(content.get("layers"))]
        kept = [each for each in found if not any(word in str(each.get("mediaType")) for word in _ELSEWHERE)]
        return {str(each.get("digest")): size_of(each) for each in kept}


def push_scopes(target: Repository, source: Repository) -> tuple[str, ...]:
    """What a token must allow for a copy, as token servers write it."""
    own = f"repository:{target.path}:pull,push"
    mount = source.host == target.host and source != target
    return (own, f"repository:{source.path}:pull") if mount else (own,)


async def copy_artifact(
    source: Session, reference: str, target: Session, to: str, annotations: Annotations, max_bytes: int
) -> tuple[str, bool]:
    """Copy; returns the digest `to` points at, and whether anything had to be done.

    `max_bytes` bounds the sum of all blobs unless both are the same repository. Raises Refused above it, NotFound
    without the source, and the other leaves of `blocks.errors`.
    """
    artifact = await read_annotated(source, reference, annotations)
    digest = artifact.manifest.digest
    if DIGEST.fullmatch(to) and to != digest:
        raise Invalid(f"what {reference!r} of {source.where} becomes has digest {digest}, not {to}: name a tag")
    if await read_digest(target, to) == digest:
        return digest, False
    if source.where != target.where:
        await _copy_blobs(source, target, artifact, max_bytes)
    for part in artifact.all():
        await _put(target, part, to if part is artifact else part.manifest.digest)
    return digest, True


async def read_annotated(source: Session, reference: str, annotations: Annotations) -> Artifact:
    """Read an artifact with all its parts, as it would be copied. Raises NotFound, or Invalid when it is none."""
    left = [MOST_MANIFESTS]

    async def read(reference: str, depth: int) -> Artifact:
        left[0] -= 1
        if left[0] < 0 or depth > MAX_DEPTH:
            raise Invalid(f"{source.where} has an index of more than {MOST_MANIFESTS} manifests or {MAX_DEPTH} levels")
        manifest, content = await read_artifact(source, reference)
        if manifest.kind in MANIFEST_TYPES:
            return _annotated(Artifact(manifest, content), annotations.manifest)
        entries = descriptors(manifest.content.get("manifests"))
        parts = tuple([await read(digest_of(source, entry), depth + 1) for entry in entries])
        whole = _with_parts(Artifact(manifest, content, parts), entries)
        return _annotated(whole, annotations.index) if depth == 1 else whole

    return await read(reference, 1)


def _annotated(artifact: Artifact, annotations: Mapping[str, str]) -> Artifact:
    if not annotations:
        return artifact
    known = texts(artifact.manifest.content.get("annotations"))
    return _rewritten(artifact, {"annotations": dict(sorted({**known, **annotations}.items()))})


def _with_parts(index: Artifact, entries: list[Mapping[str, Any]]) -> Artifact:
    """Have an index name the parts as they became; untouched when they are what they were."""
    if all(entry["digest"] == part.manifest.digest for entry, part in zip(entries, index.parts, strict=True)):
        return index
    named = [
        {**entry, "digest": part.manifest.digest, "size": len(part.content)}
        for entry, part in zip(entries, index.parts, strict=True)
    ]
    return _rewritten(index, {"manifests": named})


def _rewritten(artifact: Artifact, changes: dict[str, Any]) -> Artifact:
    changed = {**artifact.manifest.content, **changes}
    content = json.dumps(changed, separators=(",", ":"), ensure_ascii=False).encode()
    manifest = replace(artifact.manifest, digest=sha256(content), content=changed)
    return replace(artifact, manifest=manifest, content=content)


async def _copy_blobs(source: Session, target: Session, artifact: Artifact, max_bytes: int) -> None:
    blobs = {digest: size for part in artifact.all() for digest, size in part.blobs().items()}
    if (total := sum(blobs.values())) > max_bytes:
        raise Refused(f"the artifact has {total} bytes, more than the {max_bytes} that are copied between repositories")
    for digest, size in blobs.items():
        if not DIGEST.fullmatch(digest):
            raise Invalid(f"{source.where} has a manifest that names {digest[:100]!r} where a sha256 digest belongs")
        await _copy_blob(source, target, digest, size)


async def _copy_blob(source: Session, target: Session, digest: str, size: int) -> None:
    if await target.ask(f"/blobs/{digest}", method="HEAD") is not None:
        return
    mount = f"?mount={digest}&from={source.where.path}" if source.where.host == target.where.host else ""
    answer = await target.ask(f"/blobs/uploads/{mount}", method="POST")
    if answer is not None and answer.status_code == 201:
        return
    location = answer.headers.get("location") if answer is not None else None
    if answer is None or not location:
        raise NotFound(f"{target.where} takes no uploads: check that the repository exists and may be written to")
    with tempfile.TemporaryFile() as file:
        await pull_blob(source, digest, file, size)
        url = answer.request.url.join(location).copy_merge_params({"digest": digest})
        sent = await target.ask(
            str(url),
            method="PUT",
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(file.tell())},
            content=_Content(file),
            limits=Limits(BLOB_SECONDS, attempts=2),
        )
    if sent is None:
        raise BadAnswer(f"{target.where} lost an upload while it was under way; try again")


async def _put(target: Session, artifact: Artifact, reference: str) -> None:
    kind = {"Content-Type": artifact.manifest.kind}
    path = f"/manifests/{reference}"
    if await target.ask(path, method="PUT", headers=kind, content=artifact.content) is None:
        raise NotFound(f"{target.where} takes no manifests: check that the repository exists and may be written to")


@dataclass(frozen=True)
class _Content:
    """A file's bytes, from its beginning whenever they are asked for."""

    file: IO[bytes]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.file.seek(0)
        while chunk := self.file.read(CHUNK):
            yield chunk
