"""What manifests say about an image: when it was built, for which platforms, with which annotations.

Pure functions over parsed manifests and configs of the OCI image format and Docker's schema 2. The rules for the
time an image was built are Kargo's.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from blocks.records import ImageDetails, Platform

CREATED = ("org.opencontainers.image.created", "org.label-schema.build-date")
"""Annotations and labels that tell when an image was built, the better one first."""

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
CONFIG_TYPES = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def image_details(digest: str, manifest: Mapping[str, Any], config: Mapping[str, Any]) -> ImageDetails:
    """Describe a plain image."""
    annotations = texts(manifest.get("annotations"))
    platform = _platform(config, {})
    return ImageDetails(digest, image_created(annotations, config), annotations, (platform,) if platform else ())


def index_details(digest: str, index: Mapping[str, Any], newest: datetime | None) -> ImageDetails:
    """Describe an index; `newest` is when the newest of its images was built."""
    annotations = texts(index.get("annotations"))
    platforms = tuple(
        platform
        for entry in image_entries(index)
        if (platform := _platform(entry["platform"], texts(entry.get("annotations"))))
    )
    return ImageDetails(digest, annotated(annotations) or newest, annotations, platforms)


def image_entries(index: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of an index that are images; attestations and the like have no known platform."""
    entries = index.get("manifests")
    if not isinstance(entries, list):
        return []
    return [entry for entry in entries if isinstance(entry, dict) and _platform(entry.get("platform"), {})]


def image_created(annotations: Mapping[str, str], config: Mapping[str, Any]) -> datetime | None:
    """Return when an image was built: its annotation, else the later of its label and its config's time.

    A label alone proves little, for images inherit those of their base image.
    """
    inner = config.get("config")
    label = annotated(texts(inner.get("Labels")) if isinstance(inner, dict) else {})
    times = [time for time in (label, timestamp(config.get("created"))) if time]
    return annotated(annotations) or max(times, default=None)


def annotated(annotations: Mapping[str, str]) -> datetime | None:
    """Return the time the annotations name, skipping what cannot be read; None when they name none."""
    return next((time for key in CREATED if (time := timestamp(annotations.get(key)))), None)


def timestamp(text: Any) -> datetime | None:
    """Read an RFC 3339 time; None when it is none."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def texts(value: Any) -> dict[str, str]:
    """Keep the entries of a map that are texts, as annotations and labels must be."""
    if not isinstance(value, dict):
        return {}
    return {key: text for key, text in value.items() if isinstance(key, str) and isinstance(text, str)}


def _platform(value: Any, annotations: dict[str, str]) -> Platform | None:
    described = texts(value)
    known = {key: text for key, text in described.items() if text and text != "unknown"}
    if "os" not in known or "architecture" not in known:
        return None
    return Platform(known["os"], known["architecture"], known.get("variant", ""), annotations)
