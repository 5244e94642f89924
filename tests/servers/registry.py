"""A real container registry on a loopback port, and images really pushed to it over HTTP."""

import hashlib
import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import httpx

from deployments.processes import free_port
from tests.components import program

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

Auth = tuple[str, str]


@contextmanager
def docker_registry(
    root: Path, users: Mapping[str, str] | None = None, tls: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """Run a registry that keeps its files under `root` and yield its address, `127.0.0.1:<port>`.

    With `users` (name to password) it asks for one of them; with `tls` (certificate and key) it speaks https.
    """
    root.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{free_port()}"
    config = root / "config.yml"
    config.write_text(json.dumps(_config(root, address, users, tls)))
    binary = program("docker-registry")
    with (root / "log").open("wb") as log:
        process = subprocess.Popen([binary, "serve", config], stdout=log, stderr=log, start_new_session=True)
        try:
            _wait(process, address)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=10)


def push_image(
    address: str,
    repo: str,
    tag: str,
    *,
    labels: Mapping[str, str] | None = None,
    created: str | None = "2025-01-01T00:00:00Z",
    platforms: list[str] | None = None,
    annotations: Mapping[str, str] | None = None,
    docker: bool = False,
    auth: Auth | None = None,
    secure: bool = False,
) -> str:
    """Push an image without layers and return the digest its tag points at.

    `platforms` (`["linux/amd64", …]`) makes it an index of one image each; `docker` uses Docker's media types;
    `annotations` go on what the tag points at.
    """
    scheme = "https" if secure else "http"
    with httpx.Client(base_url=f"{scheme}://{address}/v2/{repo}", auth=auth, trust_env=False, verify=False) as http:
        if platforms is None:
            manifest = _manifest(http, "linux/amd64", labels, created, docker) | _annotated(annotations)
            return _put(http, manifest, tag)
        entries = [_entry(http, platform, labels, created, docker) for platform in platforms]
        index = {"schemaVersion": 2, "mediaType": DOCKER_LIST if docker else OCI_INDEX, "manifests": entries}
        return _put(http, index | _annotated(annotations), tag)


def push_manifest(address: str, repo: str, reference: str, manifest: Mapping[str, object]) -> str:
    """Push any manifest as it is and return its digest."""
    with httpx.Client(base_url=f"http://{address}/v2/{repo}", trust_env=False) as http:
        return _put(http, manifest, reference)


def delete_image(address: str, repo: str, digest: str, auth: Auth | None = None) -> None:
    """Delete a manifest with all its tags."""
    httpx.delete(f"http://{address}/v2/{repo}/manifests/{digest}", auth=auth, trust_env=False).raise_for_status()


def _entry(
    http: httpx.Client, platform: str, labels: Mapping[str, str] | None, created: str | None, docker: bool
) -> dict[str, object]:
    manifest = _manifest(http, platform, labels, created, docker)
    content = json.dumps(manifest).encode()
    os, architecture, *variant = platform.split("/")
    described = {"os": os, "architecture": architecture} | ({"variant": variant[0]} if variant else {})
    digest = _put(http, manifest, _digest(content))
    return {"mediaType": manifest["mediaType"], "digest": digest, "size": len(content), "platform": described}


def _manifest(
    http: httpx.Client, platform: str, labels: Mapping[str, str] | None, created: str | None, docker: bool
) -> dict[str, object]:
    os, architecture, *variant = platform.split("/")
    config = {"os": os, "architecture": architecture, "config": {"Labels": dict(labels or {})}}
    config |= {"rootfs": {"type": "layers", "diff_ids": []}} | ({"variant": variant[0]} if variant else {})
    config |= {"created": created} if created else {}
    blob = json.dumps(config).encode()
    return {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
        "config": {
            "mediaType": DOCKER_CONFIG if docker else OCI_CONFIG,
            "digest": push_blob(http, blob),
            "size": len(blob),
        },
        "layers": [],
    }


def push_blob(http: httpx.Client, blob: bytes) -> str:
    """Upload a blob in one piece and return its digest."""
    started = http.post("/blobs/uploads/")
    started.raise_for_status()
    where = started.request.url.join(started.headers["location"]).copy_merge_params({"digest": _digest(blob)})
    http.put(where, content=blob).raise_for_status()
    return _digest(blob)


def _put(http: httpx.Client, manifest: Mapping[str, object], reference: str) -> str:
    content = json.dumps(manifest).encode()
    headers = {"Content-Type": str(manifest["mediaType"])}
    http.put(f"/manifests/{reference}", content=content, headers=headers).raise_for_status()
    return _digest(content)


def _annotated(annotations: Mapping[str, str] | None) -> dict[str, object]:
    return {"annotations": dict(annotations)} if annotations else {}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _config(
    root: Path, address: str, users: Mapping[str, str] | None, tls: tuple[Path, Path] | None
) -> dict[str, object]:
    storage = {"filesystem": {"rootdirectory": str(root / "data")}, "delete": {"enabled": True}}
    config: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": storage,
        "http": {"addr": address} | ({"tls": {"certificate": str(tls[0]), "key": str(tls[1])}} if tls else {}),
    }
    if users:
        lines = [f"{name}:{bcrypt.hashpw(word.encode(), bcrypt.gensalt(5)).decode()}" for name, word in users.items()]
        (root / "htpasswd").write_text("\n".join(lines) + "\n")
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(root / "htpasswd")}}
    return config


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    """Until it answers; fails with its exit when it ends first."""
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError(f"docker-registry ended with {process.returncode}, see the log beside its config")
        try:
            httpx.get(f"http://{address}/v2/", trust_env=False)  # also who speaks https answers
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("docker-registry did not answer within 10 s")
