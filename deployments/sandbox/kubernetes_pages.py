"""Lists in pages: `limit` and the `continue` token that carries on after the last object of a page."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from deployments.sandbox.kubernetes_errors import StatusError
from deployments.sandbox.kubernetes_objects import API_VERSION, KIND, Object


def page(items: Sequence[Object], version: int, oldest: int, limit: str, token: str) -> dict[str, Any]:
    """Cut one page out of sorted items as an `ApplicationList`; `Expired` for a token that is too old."""
    if limit and not limit.isdigit():
        raise StatusError("BadRequest", f"limit must be a number, not {limit!r}")
    if token:
        started, after = _read(token)
        if not oldest <= started <= version:
            raise StatusError("Expired", "The provided continue parameter is too old, list again without it")
        version, items = started, [item for item in items if _place(item) > after]
    size = int(limit or 0) or len(items)
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if len(items) > size:
        metadata["continue"] = _token(version, items[size - 1])
        metadata["remainingItemCount"] = len(items) - size
    return {"apiVersion": API_VERSION, "kind": f"{KIND}List", "metadata": metadata, "items": list(items[:size])}


def _place(item: Object) -> tuple[str, str]:
    return item["metadata"]["namespace"], item["metadata"]["name"]


def _token(version: int, last: Object) -> str:
    return base64.urlsafe_b64encode(json.dumps([version, *_place(last)]).encode()).decode()


def _read(token: str) -> tuple[int, tuple[str, str]]:
    try:
        version, namespace, name = json.loads(base64.urlsafe_b64decode(token))
        return int(version), (str(namespace), str(name))
    except (binascii.Error, ValueError, TypeError):
        raise StatusError("BadRequest", "continue key is not valid") from None
