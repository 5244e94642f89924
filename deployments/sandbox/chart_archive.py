"""Tiny but real Helm charts: one ConfigMap, packed as Helm packs them, and as a registry stores them."""

import gzip
import io
import json
import tarfile
from datetime import datetime

import httpx
import yaml

from deployments.sandbox.images import MANIFEST, TIMEOUT, Image, digest_of, push

CONFIG = "application/vnd.cncf.helm.config.v1+json"
LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  version: {{ .Chart.Version | quote }}
"""


def build_chart(name: str, version: str) -> bytes:
    """Pack a chart; the same arguments give the same bytes."""
    described = yaml.safe_dump({"apiVersion": "v2", "name": name, "version": version})
    files = {"Chart.yaml": described, "values.yaml": "{}\n", "templates/config-map.yaml": CONFIG_MAP}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(buffer.getvalue(), mtime=0)


def as_image(name: str, version: str, created: datetime) -> Image:
    """Wrap a chart as registries store it."""
    layer, config = build_chart(name, version), json.dumps({"name": name, "version": version}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": [{"mediaType": LAYER, "digest": digest_of(layer), "size": len(layer)}],
        "annotations": {"org.opencontainers.image.created": created.isoformat()},
    }
    return Image(json.dumps(manifest).encode(), {digest_of(config): config, digest_of(layer): layer})


async def push_chart(
    base_url: str, repository: str, version: str, *, created: datetime, auth: tuple[str, str] | None = None
) -> str:
    """Push a chart to any registry as `helm push` does, and return its digest; `repository` ends with its name.

    Raises `httpx.HTTPStatusError` when the registry refuses.
    """
    image = as_image(repository.rpartition("/")[2], version, created)
    async with httpx.AsyncClient(base_url=base_url, auth=auth, timeout=TIMEOUT, trust_env=False) as http:
        await push(http, repository, version.replace("+", "_"), image)
    return image.digest
