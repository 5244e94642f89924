"""Image references: which registry, which repository, and how it may be reached."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from blocks.errors import Invalid

DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")

_REGISTRY = re.compile(r"(?:\[[0-9a-f:.]+\]|[\w!$&'()*+,;=.~-]*)(?::[0-9]*)?", re.ASCII)
_REPOSITORY = re.compile(r"[a-z0-9_./-]{2,255}")
_TAG = re.compile(r"[\w.-]{1,128}", re.ASCII)
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
"""What the specification lets a tag be; anything else is not put into a URL."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Repository:
    """One repository of one registry; `host` with its port, `path` as the registry's API wants it."""

    host: str
    path: str

    @property
    def base(self) -> str:
        """URL of its API: https, and http only for a registry on this machine."""
        return f"{'http' if is_loopback(self.host) else 'https'}://{self.host}/v2/{self.path}"

    def __str__(self) -> str:
        return f"{self.host}/{self.path}"


def repository(repo_url: str) -> Repository:
    """Find the repository an image reference names. Raises Invalid when it names none."""
    found = split_image(repo_url.strip().lower().removeprefix("oci://"))
    if found is None:
        raise Invalid(f"{repo_url!r} is no image repository; write it like 'ghcr.io/acme/app', without tag")
    host, path = found
    if host in DOCKER_HUB:
        return Repository("registry-1.docker.io", path if "/" in path else f"library/{path}")
    return Repository(host, path)


def split_reference(reference: str) -> tuple[str, str]:
    """Take a reference to an artifact apart into its repoURL and its tag or digest; without either it is `latest`.

    `oci://` before it stays out. Raises Invalid for what is no reference.
    """
    plain = reference.strip().removeprefix("oci://")
    base, _, digest = plain.partition("@")
    head, colon, tag = base.rpartition(":")
    tagged = bool(colon) and "/" not in tag
    repo_url = head if tagged else base
    if split_image(plain) is None or split_image(repo_url) is None or (tagged and not TAG.fullmatch(tag)):
        raise Invalid(f"{reference!r} names no artifact; write it like 'ghcr.io/acme/app:1.2.0'")
    return repo_url, digest or (tag if tagged else "latest")


def split_image(reference: str) -> tuple[str, str] | None:
    """Take an image reference apart into registry host and repository path; tag and digest are dropped.

    A reference without a host is on Docker Hub (`docker.io`). None when it is no image reference.
    """
    base, at, digest = reference.partition("@")
    if at and not DIGEST.fullmatch(digest):
        return None
    head, colon, tag = base.rpartition(":")
    if colon and "/" not in tag:
        if not _TAG.fullmatch(tag):
            return None
        base = head
    host, path = _split_host(base)
    return (host, path) if _REGISTRY.fullmatch(host) and _REPOSITORY.fullmatch(path) else None


def _split_host(base: str) -> tuple[str, str]:
    """The first part is a host if it looks like one, as Docker decides it."""
    host, slash, path = base.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return host, path
    return "docker.io", base


def is_loopback(host: str) -> bool:
    """Whether a host, with or without port, is this machine."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
