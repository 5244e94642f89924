"""The registry's files: blobs by digest, and per repository what it may see of them, its manifests and tags.

    blobs/<hex>                               content of layers, configs and manifests
    repositories/<name>/_blobs/<hex>          empty: this repository holds that blob
    repositories/<name>/_manifests/<hex>      the manifest's media type
    repositories/<name>/_tags/<tag>           the digest the tag points at

All functions block on the disk; call them in a thread. Digests are `sha256:<64 hex digits>`.
"""

import hashlib
import json
import re
import secrets
from pathlib import Path
from typing import Any

from deployments.sandbox.images import Image, digest_of
from deployments.sandbox.registry_errors import RegistryError

NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
FOREIGN = ("urls", "data")
"""A descriptor with one of these needs no blob here."""


class RegistryStore:
    """Everything under one folder."""

    def __init__(self, root: Path) -> None:
        """Keep the folder, made when missing."""
        self.root = root
        self.blobs = root / "blobs"
        self.repositories = root / "repositories"
        for folder in (self.blobs, self.repositories):
            folder.mkdir(parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """List the repositories that ever held a manifest."""
        found = self.repositories.rglob("_manifests")
        return sorted(path.parent.relative_to(self.repositories).as_posix() for path in found)

    def tags(self, name: str) -> list[str]:
        """List a repository's tags in lexical order; `NAME_UNKNOWN` when nothing was ever pushed to it."""
        if not (self.repositories / name / "_manifests").is_dir():
            raise RegistryError("NAME_UNKNOWN", f"repository {name} is not known to the registry")
        return sorted(path.name for path in self._tag_files(name))

    def blob(self, name: str, digest: str) -> Path:
        """Find a blob that this repository holds; `BLOB_UNKNOWN` otherwise."""
        if not (self.repositories / name / "_blobs" / _hex(digest)).exists():
            raise RegistryError("BLOB_UNKNOWN", f"repository {name} holds no blob {digest}")
        return self.blobs / _hex(digest)

    def add_blob(self, name: str, file: Path, digest: str) -> None:
        """Take an uploaded file as the repository's blob; `DIGEST_INVALID` when its content is another."""
        with file.open("rb") as content:
            found = f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
        if found != digest:
            raise RegistryError("DIGEST_INVALID", f"the upload's digest is {found}, not {digest}")
        file.replace(self.blobs / _hex(digest))
        self._link_blob(name, digest)

    def mount_blob(self, name: str, digest: str, origin: str) -> bool:
        """Let a repository hold another one's blob; False when that one does not hold it."""
        if not (self.repositories / origin / "_blobs" / _hex(digest)).exists():
            return False
        self._link_blob(name, digest)
        return True

    def delete_blob(self, name: str, digest: str) -> None:
        """Take a blob from a repository."""
        self.blob(name, digest)
        (self.repositories / name / "_blobs" / _hex(digest)).unlink()

    def manifest(self, name: str, reference: str) -> tuple[str, str, bytes]:
        """Find a manifest by tag or digest as its digest, media type and content."""
        digest = reference if DIGEST.fullmatch(reference) else self._tagged(name, reference)
        known = self.repositories / name / "_manifests" / _hex(digest)
        if not known.exists():
            raise RegistryError("MANIFEST_UNKNOWN", f"repository {name} has no manifest {reference}")
        return digest, known.read_text(), (self.blobs / _hex(digest)).read_bytes()

    def put_manifest(self, name: str, reference: str, media_type: str, content: bytes) -> str:
        """Store a manifest under its digest, and its tag when `reference` is one, and return the digest.

        `MANIFEST_INVALID` for what is no manifest, `MANIFEST_BLOB_UNKNOWN` when something it needs was not pushed.
        """
        digest = digest_of(content)
        if ":" in reference and reference != digest:
            raise RegistryError("DIGEST_INVALID", f"the manifest's digest is {digest}, not {reference}")
        if ":" not in reference and not TAG.fullmatch(reference):
            raise RegistryError("MANIFEST_INVALID", f"{reference!r} cannot be a tag")
        self._check_parts(name, _document(content))
        _replace(self.blobs / _hex(digest), content)
        _replace(self._folder(name, "_manifests") / _hex(digest), media_type.encode())
        if ":" not in reference:
            _replace(self._folder(name, "_tags") / reference, digest.encode())
        return digest

    def put_image(self, name: str, tag: str, media_type: str, image: Image) -> None:
        """Store a whole image under a tag, as if it had been pushed."""
        if not re.fullmatch(NAME, name):
            raise RegistryError("NAME_INVALID", f"{name!r} cannot be a repository's name")
        for digest, content in image.blobs.items():
            _replace(self.blobs / _hex(digest), content)
            self._link_blob(name, digest)
        self.put_manifest(name, tag, media_type, image.manifest)

    def delete_manifest(self, name: str, reference: str) -> None:
        """Delete one tag, or by digest a manifest with every tag that points at it."""
        digest, _, _ = self.manifest(name, reference)
        if ":" not in reference:
            return (self._folder(name, "_tags") / reference).unlink()
        (self._folder(name, "_manifests") / _hex(digest)).unlink()
        for tag in self._tag_files(name):
            if tag.read_text() == digest:
                tag.unlink()
        return None

    def _tag_files(self, name: str) -> list[Path]:
        return [path for path in self._folder(name, "_tags").iterdir() if TAG.fullmatch(path.name)]

    def _tagged(self, name: str, tag: str) -> str:
        file = self.repositories / name / "_tags" / tag
        if not TAG.fullmatch(tag) or not file.exists():
            raise RegistryError("MANIFEST_UNKNOWN", f"repository {name} has no tag {tag!r}")
        return file.read_text()

    def _check_parts(self, name: str, document: dict[str, Any]) -> None:
        parts = [document.get("config"), *(document.get("layers") or [])]
        for part in parts:
            if part and not any(part.get(key) for key in FOREIGN):
                self._check(name, "_blobs", part)
        for part in document.get("manifests") or []:
            self._check(name, "_manifests", part)

    def _check(self, name: str, folder: str, part: dict[str, Any]) -> None:
        if not (self.repositories / name / folder / _hex(str(part.get("digest")))).exists():
            raise RegistryError("MANIFEST_BLOB_UNKNOWN", f"the manifest needs {part.get('digest')}, push it first")

    def _link_blob(self, name: str, digest: str) -> None:
        (self._folder(name, "_blobs") / _hex(digest)).touch()

    def _folder(self, name: str, kind: str) -> Path:
        folder = self.repositories / name / kind
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _hex(digest: str) -> str:
    if not DIGEST.fullmatch(digest):
        raise RegistryError("DIGEST_INVALID", f"{digest!r} is no digest of the form sha256:<64 hex digits>")
    return digest.removeprefix("sha256:")


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise RegistryError("MANIFEST_INVALID", f"the manifest is not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("schemaVersion") != 2:
        raise RegistryError("MANIFEST_INVALID", "a manifest is a JSON object with schemaVersion 2")
    return document


def _replace(file: Path, content: bytes) -> None:
    beside = file.with_name(f".{file.name[:32]}.{secrets.token_hex(4)}")
    beside.write_bytes(content)
    beside.replace(file)
