"""Sending requests elsewhere than where they are addressed: for pipelines that are tried in a world of their own.

Redirects belong to the context that opened them, as its tasks and threads inherit it; nobody else notices.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import httpx

from blocks.errors import Refused


@dataclass(frozen=True)
class Redirects:
    """Where addresses lead instead. `targets` maps what a URL begins with, up to a part's end, to its replacement."""

    targets: Mapping[str, str]

    def of(self, url: str) -> str:
        """Return where a URL leads, the longest beginning deciding. Raises Refused for one that leads nowhere."""
        fitting = [start for start in self.targets if url.startswith(start) and _ends(start, url)]
        if not fitting:
            known = ", ".join(sorted(self.targets)) or "nothing"
            raise Refused(f"{url} leads out of the world this pipeline is tried in, which has: {known}")
        start = max(fitting, key=len)
        return self.targets[start] + url[len(start) :]


def _ends(start: str, url: str) -> bool:
    """Whether what follows a beginning is another part, so that `…/app` does not stand for `…/application`."""
    rest = url[len(start) :]
    return start.endswith("/") or not rest or rest[0] in "/?#" or rest in (".git", ".git/")


_REDIRECTS: ContextVar[Redirects | None] = ContextVar("drayage_redirects", default=None)


@contextmanager
def redirected(redirects: Redirects) -> Iterator[None]:
    """Redirect all that is asked within, of Git and over HTTP. What has no target is refused, so nothing leaves."""
    token = _REDIRECTS.set(redirects)
    try:
        yield
    finally:
        _REDIRECTS.reset(token)


def current_redirects() -> Redirects | None:
    """What is redirected here; None where everything goes where it is addressed."""
    return _REDIRECTS.get()


def redirecting_transport() -> httpx.AsyncBaseTransport | None:
    """The transport for a client that is opened here; None where nothing is redirected."""
    redirects = current_redirects()
    return _Redirecting(redirects) if redirects else None


class _Redirecting(httpx.AsyncBaseTransport):
    """Sends each request to its target, under the name it was meant for."""

    def __init__(self, redirects: Redirects) -> None:
        self._redirects = redirects
        self._inner = httpx.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        meant = request.url
        request.url = httpx.URL(self._redirects.of(str(meant)))
        try:
            return await self._inner.handle_async_request(request)
        finally:
            request.url = meant

    async def aclose(self) -> None:
        await self._inner.aclose()
