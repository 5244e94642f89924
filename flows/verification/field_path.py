"""Fields of a Stage's metadata that an argument may take its value from: `metadata.labels['app']`."""

import re
from collections.abc import Mapping
from typing import Any

from blocks.errors import Invalid

PATH = re.compile(r"metadata\.(?:(name|namespace)|(labels|annotations)\[(['\"])(.+)\3\])")

KNOWN = "metadata.name, metadata.namespace, metadata.labels['key'] and metadata.annotations['key']"


def refused(path: str) -> str:
    """Say why a path leads nowhere whatever the Stage is; empty when it may lead somewhere."""
    if PATH.fullmatch(path):
        return ""
    return f"there is no Rollout to take {path!r} from; of the Stage there are {KNOWN}: use one, or the Stage's args"


def read_field(path: str, metadata: Mapping[str, Any]) -> str:
    """Return what a path leads to in a Stage's metadata. Raises Invalid when there is nothing."""
    found = PATH.fullmatch(path)
    if found is None:
        raise Invalid(refused(path))
    field, mapping, _, key = found.groups()
    value = metadata.get(field) if field else (metadata.get(mapping) or {}).get(key)
    if value is None:
        raise Invalid(f"the Stage has no {path}, which an analysis template refers to: add it to the Stage")
    return str(value)


def with_more(metadata: Mapping[str, Any], more: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A Stage's metadata with further labels and annotations, which win (Kargo: analysisRunMetadata)."""
    merged = {kind: {**(metadata.get(kind) or {}), **more.get(kind, {})} for kind in ("labels", "annotations")}
    return {**metadata, **merged}
