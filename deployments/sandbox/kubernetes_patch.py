"""Patches: JSON merge patch (RFC 7396) and JSON patch (RFC 6902)."""

import copy
from typing import Any

import jsonpatch

from deployments.sandbox.kubernetes_errors import StatusError

MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"


def patched(item: dict[str, Any], patch: Any, content_type: str) -> dict[str, Any]:
    """Apply a patch to a copy; `UnsupportedMediaType` for other kinds, `Invalid` when it does not fit."""
    kind = content_type.partition(";")[0].strip()
    if kind == MERGE and isinstance(patch, dict):
        return dict(merge(item, patch))
    if kind == JSON and isinstance(patch, list):
        return _json_patched(item, patch)
    if kind in (MERGE, JSON):
        raise StatusError("BadRequest", f"the body is no {kind}: a merge patch is an object, a JSON patch a list")
    raise StatusError("UnsupportedMediaType", f"patches of type {kind!r} are not supported, use {MERGE} or {JSON}")


def merge(target: Any, patch: Any) -> Any:
    """Merge by RFC 7396: objects key by key, null deletes, all else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = copy.deepcopy(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def _json_patched(item: dict[str, Any], patch: list[Any]) -> dict[str, Any]:
    try:
        result: Any = jsonpatch.apply_patch(item, patch)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError) as error:
        raise StatusError("Invalid", f"the JSON patch does not apply: {error}") from None
    if not isinstance(result, dict):
        raise StatusError("Invalid", "the JSON patch leaves no object")
    return dict(result)
