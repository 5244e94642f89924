"""Tiny but real container images: a config and one layer, made here and pushed over HTTP."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urljoin

import httpx

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
TIMEOUT = 15.0
"""Seconds for one request."""


def digest_of(content: bytes) -> str:
    """Compute the digest by which content is known."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Image:
    """What a registry stores of one image; `blobs` by digest."""

    manifest: bytes
    blobs: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """The digest by which the image is known."""
        return digest_of(self.manifest)


def build_image(
    name: str, created: datetime, labels: Mapping[str, str] | None = None, annotations: Mapping[str, str] | None = None
) -> Image:
    """Make an image for linux/amd64 whose one file holds `name`; the same arguments give the same digest."""
    archive = _archive(name.encode())
    layer = gzip.compress(archive, mtime=0)
    config = json.dumps(
        {
            "created": created.isoformat(),
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": dict(labels or {})},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(archive)]},
            "history": [{"created": created.isoformat(), "created_by": "sandbox"}],
        }
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": [{"mediaType": LAYER, "digest": digest_of(layer), "size": len(layer)}],
        "annotations": dict(annotations or {}),
    }
    return Image(json.dumps(manifest).encode(), {digest_of(config): config, digest_of(layer): layer})


async def push_image(
    base_url: str,
    repository: str,
    tag: str,
    *,
    created: datetime,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
) -> str:
    """Push an image made for this tag to any registry, and return its digest.

    `created` needs a time zone. Raises `httpx.HTTPStatusError` when the registry refuses.
    """
    image = build_image(f"{repository}:{tag}", created, labels, annotations)
    async with httpx.AsyncClient(base_url=base_url, auth=auth, timeout=TIMEOUT, trust_env=False) as http:
        await push(http, repository, tag, image)
    return image.digest


async def push(http: httpx.AsyncClient, repository: str, tag: str, image: Image) -> None:
    """Push what a registry is to store through a client of that registry."""
    for digest, content in image.blobs.items():
        opened = await http.post(f"/v2/{repository}/blobs/uploads/")
        location = httpx.URL(urljoin(str(opened.raise_for_status().url), opened.headers["location"]))
        (await http.put(location.copy_merge_params({"digest": digest}), content=content)).raise_for_status()
    headers = {"content-type": MANIFEST}
    put = await http.put(f"/v2/{repository}/manifests/{tag}", content=image.manifest, headers=headers)
    put.raise_for_status()


def _archive(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("image")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
