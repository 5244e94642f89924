"""Repository URLs in the one spelling used to compare them, as Kargo normalises them.

Subscriptions, credentials, webhooks and expression lookups all compare what comes out of here. A text that
cannot be normalised comes back unchanged.
"""

import re
from urllib.parse import quote, unquote

from blocks.registry.reference import DOCKER_HUB, split_image

_AUTHORITY = re.compile(r"(?:[^@\s]*@)?(?:\[[0-9a-f:.]+\]|[\w!$&'()*+,;=.~-]*)(?::[0-9]*)?", re.ASCII)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_VALID_PATH = re.compile(r"[\w!$&'()*+,;=:@\[\]/%.~-]*", re.ASCII)
_SCP = re.compile(r"((?:[\w-]+@)?[\w-]+(?:\.[\w-]+)*)(?::(.*))?", re.ASCII)


def sanitize(url: str) -> str:
    """Drop characters that cannot be printed and trim outer spaces."""
    return "".join(filter(str.isprintable, url)).strip()


def normalize_git(url: str) -> str:
    """Lower-case, without HTTP user info, trailing slash or `.git`; `user@host:path` becomes `ssh://`."""
    cleaned = sanitize(url).lower()
    scheme, separator, rest = cleaned.partition("://")
    if separator and scheme in ("http", "https", "ssh"):
        return _git_url(scheme, rest) or url
    return _scp_url(cleaned) or url


def normalize_image(url: str) -> str:
    """Lower-case, without tag, digest, Docker Hub's host names and its `library/`."""
    repository = split_image(sanitize(url).lower())
    if repository is None:
        return url
    registry, path = repository
    return path.removeprefix("library/") if registry in DOCKER_HUB else f"{registry}/{path}"


def normalize_chart(url: str) -> str:
    """Like an image without `oci://`; an http URL is only lower-cased."""
    cleaned = sanitize(url).lower().removeprefix("oci://")
    return cleaned if cleaned.startswith(("http://", "https://")) else normalize_image(cleaned)


def _git_url(scheme: str, rest: str) -> str | None:
    authority, slash, path = rest.partition("/")
    trimmed = _git_path(slash + path)
    if trimmed is None or not _AUTHORITY.fullmatch(authority):
        return None
    host = authority if scheme == "ssh" else authority.rpartition("@")[2]
    return f"{scheme}://{host}{trimmed}"


def _scp_url(text: str) -> str | None:
    matched = _SCP.fullmatch(text)
    if not matched:
        return None
    path = _git_path(matched[2] or "")
    if path is None or ":" in path.partition("/")[0]:
        return None
    return f"ssh://{matched[1]}/{path}" if path else f"ssh://{matched[1]}"


def _git_path(path: str) -> str | None:
    """The path without its ending, percent-encoded; None when it has a query or a broken escape."""
    if "?" in path or _BROKEN_ESCAPE.search(path):
        return None
    path, hash_, fragment = path.partition("#")
    trimmed = path.removesuffix("/").removesuffix(".git")
    if not _VALID_PATH.fullmatch(trimmed):
        trimmed = quote(unquote(trimmed), safe="$&+,/:;=@~")
    return trimmed + hash_ + fragment
