"""Two real registries, one with passwords, and the steps that bring from them and push to them."""

import hashlib
import json

import httpx
import pytest

from blocks.http_client import Limits
from blocks.image_registry import ImageRegistry
from blocks.records import Credentials
from tests.flows.promotion.workspace import step_context
from tests.servers.registry import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, docker_registry, push_blob, push_manifest

ANA = Credentials("ana-secret", "ana", "pa55word")
CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
PROVENANCE = "application/vnd.cncf.helm.chart.provenance.v1.prov"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A registry anybody may read and write."""
    with docker_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A registry that asks for a password."""
    with docker_registry(tmp_path_factory.mktemp("locked"), {"ana": "pa55word"}) as address:
        yield address


@pytest.fixture
async def context(tmp_path, locked):
    """What a step is given: a registry client, and credentials for the locked registry alone."""
    registry = ImageRegistry(allow_plain_http_credentials=True, limits=Limits(timeout=5, attempts=1))
    asked = []

    async def credentials(cred_type, repo_url):
        asked.append((cred_type, repo_url))
        return ANA if locked in repo_url else None

    work = tmp_path / "work"
    work.mkdir()
    yield step_context(work, registry=registry, credentials=credentials, previous={"asked": asked})
    await registry.aclose()


def digest(content):
    """As registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def push_artifact(address, repo, tag, contents, auth=None, **manifest):
    """Push an artifact of these layers (media type to bytes) and return its digest."""
    with httpx.Client(base_url=f"http://{address}/v2/{repo}", auth=auth, trust_env=False) as http:
        described = [{"mediaType": kind, "digest": push_blob(http, blob), "size": len(blob)} for kind, blob in contents]
        config = {"mediaType": OCI_CONFIG, "digest": push_blob(http, b"{}"), "size": 2}
        whole = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": described, **manifest}
        content = json.dumps(whole).encode()
        http.put(f"/manifests/{tag}", content=content, headers={"Content-Type": OCI_MANIFEST}).raise_for_status()
    return digest(content)


def push_index(address, repo, tag, images, **index):
    """Push an index of images, platform to digest, and return its digest."""
    entries = []
    for platform, each in images.items():
        os, architecture = platform.split("/")
        size = len(fetch(address, repo, each)[1])
        described = {"os": os, "architecture": architecture}
        entries.append({"mediaType": OCI_MANIFEST, "digest": each, "size": size, "platform": described})
    whole = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, **index}
    return push_manifest(address, repo, tag, whole)


def fetch(address, repo, reference, auth=None):
    """The manifest and its bytes, after checking that every blob it names is there."""
    kinds = {"Accept": f"{OCI_MANIFEST}, {OCI_INDEX}"}
    with httpx.Client(base_url=f"http://{address}/v2/{repo}", auth=auth, trust_env=False) as http:
        answer = http.get(f"/manifests/{reference}", headers=kinds)
        answer.raise_for_status()
        manifest = answer.json()
        for each in [*manifest.get("layers", []), *([manifest["config"]] if "config" in manifest else [])]:
            blob = http.get(f"/blobs/{each['digest']}")
            blob.raise_for_status()
            assert digest(blob.content) == each["digest"]
        return manifest, answer.content
