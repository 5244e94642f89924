"""Applications as the Kubernetes API lists and streams them."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from blocks.applications.asking import Asking, Expired
from blocks.applications.feed import Seen
from blocks.records import Application

ALL = "/apis/argoproj.io/v1alpha1/applications"
PAGE = 100
STREAM_SECONDS = 240
"""How long a stream is asked for; the server ends it, and the next goes on where it was."""


def path(namespace: str) -> str:
    """Where the Applications of a namespace are, or those of all."""
    return f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications" if namespace else ALL


class KubernetesSource:
    """Lists in pages; a stream goes on from a resourceVersion, which bookmarks keep new."""

    resumes = True

    def __init__(self, asking: Asking) -> None:
        """Ask a Kubernetes API server."""
        self._asking = asking

    async def pages(
        self, scope: str, selector: str = "", size: int = PAGE
    ) -> AsyncGenerator[tuple[list[Application], str], None]:
        """Yield pages of Applications with the list's resourceVersion."""
        params = {"limit": str(size)} | ({"labelSelector": selector} if selector else {})
        what = f"list Applications of {f'namespace {scope!r}' if scope else 'all namespaces'}"
        while True:
            page = await self._asking.ask(what, "GET", path(scope), params=params)
            metadata = page.get("metadata") or {}
            yield page.get("items") or [], str(metadata.get("resourceVersion") or "")
            if not metadata.get("continue"):
                return
            params["continue"] = metadata["continue"]

    async def watch(self, scope: str, version: str) -> AsyncGenerator[Seen, None]:
        """Yield what happens after a resourceVersion."""
        what = f"watch Applications of {f'namespace {scope!r}' if scope else 'all namespaces'}"
        params = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(STREAM_SECONDS),
        }
        async with aclosing(self._asking.lines(what, path(scope), params)) as lines:
            async for line in lines:
                yield Seen("OPENED") if line is None else self._seen(what, line)

    def _seen(self, what: str, line: dict[str, Any]) -> Seen:
        kind, item = str(line.get("type") or ""), line.get("object") or {}
        if kind == "ERROR":
            code = int(item.get("code") or 500)
            message = str(item.get("message") or "")
            raise Expired(message) if code == 410 else self._asking.refusal(what, code, message)
        version = str((item.get("metadata") or {}).get("resourceVersion") or "")
        return Seen(kind, None if kind == "BOOKMARK" else item, version)
