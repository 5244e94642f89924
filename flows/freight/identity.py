"""What makes two Freight the same: a name that is the hash of what they contain (Kargo's rule, byte for byte)."""

import posixpath
from collections.abc import Iterable
from hashlib import sha1
from typing import Any

from flows.warehouse.urls import normalize_chart, normalize_git

Content = dict[str, Any]
"""`commits`, `images`, `charts` and `artifacts` of Freight, each a list, each optional."""


def freight_name(origin: str, content: Content, kind: str = "Warehouse") -> str:
    """Return the name Freight has wherever it is recorded, 40 hexadecimal digits; `origin` names its Warehouse."""
    return _sha1(canonical(origin, content, kind))


def canonical(origin: str, content: Content, kind: str = "Warehouse") -> str:
    """Return the text whose hash is the name: the origin, then every artifact, sorted."""
    parts = [
        *map(_commit, content.get("commits") or ()),
        *map(_image, content.get("images") or ()),
        *map(_chart, content.get("charts") or ()),
        *map(_artifact, content.get("artifacts") or ()),
    ]
    return f"{kind}/{origin}:{'|'.join(sorted(parts))}"


def collection_canonical(names: Iterable[str]) -> str:
    """Return the text whose hash identifies a Freight collection."""
    return ",".join(sorted(names))


def collection_id(names: Iterable[str]) -> str:
    """Return the id of a Freight collection; the order of the names does not matter."""
    return _sha1(collection_canonical(names))


def _commit(commit: dict[str, Any]) -> str:
    return _joined(normalize_git(commit["repoURL"]), commit.get("tag"), commit["id"], commit.get("subscriptionName"))


def _image(image: dict[str, Any]) -> str:
    reference = f"{image.get('tag') or ''}@{image.get('digest') or ''}"
    return _joined(image["repoURL"], reference, image.get("subscriptionName"))


def _chart(chart: dict[str, Any]) -> str:
    """Joined as a path is, which makes `https://` one slash: Kargo's names depend on it."""
    url = posixpath.normpath("/".join(filter(None, (normalize_chart(chart["repoURL"]), chart.get("name")))))
    return _joined(url, chart["version"], chart.get("subscriptionName"))


def _artifact(artifact: dict[str, Any]) -> str:
    return ":".join((artifact["artifactType"], artifact["subscriptionName"], artifact["version"]))


def _joined(*parts: str | None) -> str:
    return ":".join(part for part in parts if part)


def _sha1(text: str) -> str:
    return sha1(text.encode(), usedforsecurity=False).hexdigest()
