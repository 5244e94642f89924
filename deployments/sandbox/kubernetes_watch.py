"""Watches: the history as JSON lines, from a resourceVersion on, for as long as the client asked."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from deployments.sandbox.kubernetes_errors import StatusError
from deployments.sandbox.kubernetes_objects import API_VERSION, KIND
from deployments.sandbox.kubernetes_selectors import Accepts
from deployments.sandbox.kubernetes_store import Change, ObjectStore

TIMEOUT_LIMIT = 300.0
"""Seconds after which a watch ends in any case; clients open the next one."""


BOOKMARK = 5.0
"""Seconds without an event after which a bookmark tells how far the history has come."""


async def watch(
    store: ObjectStore, since: str, accepts: Accepts, timeout: float, *, bookmarks: bool = False
) -> AsyncIterator[bytes]:
    """Yield one line per event; without a version, or with `0`, the present objects come first as ADDED.

    A version that is too old gives one ERROR event with code 410, as on the real server. With `bookmarks` a quiet
    watch says now and then up to which version nothing happened.
    """
    until = asyncio.get_running_loop().time() + min(timeout, TIMEOUT_LIMIT)
    heard, version = store.bell.rings, store.version
    if since in ("", "0"):
        for item in filter(accepts, store.items()):
            yield _line("ADDED", item)
    else:
        version = int(since)
    while not store.bell.closed and (left := until - asyncio.get_running_loop().time()) > 0:
        try:
            changes = store.changes_after(version)
        except StatusError as error:
            yield _line("ERROR", error.status())
            return
        for change in changes:
            version = change.version
            if kind := seen_as(change, accepts):
                yield _line(kind, change.item)
        rings = await store.bell.wait(heard, min(left, BOOKMARK) if bookmarks else left)
        if bookmarks and rings == heard:
            yield _line("BOOKMARK", _bookmark(version))
        heard = rings


def seen_as(change: Change, accepts: Accepts) -> str:
    """Say what a change is for a watch with selectors: entering is ADDED, leaving DELETED, else nothing."""
    was = change.before is not None and accepts(change.before)
    is_now = change.type != "DELETED" and accepts(change.item)
    if was and is_now:
        return "MODIFIED"
    return "ADDED" if is_now else "DELETED" if was else ""


def _bookmark(version: int) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"resourceVersion": str(version)}}


def _line(kind: str, item: Any) -> bytes:
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"
