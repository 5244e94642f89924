"""Uvicorn's HTTP protocol with one thing more: an application can cut its connection."""

import asyncio

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


class Protocol(H11Protocol):
    """Puts a function that aborts the connection into every request's scope, as `sandbox.drop`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the connection for the requests that come over it."""
        super().connection_made(transport)
        app = self.app

        async def with_drop(scope: Scope, receive: Receive, send: Send) -> None:
            scope["sandbox.drop"] = transport.abort
            await app(scope, receive, send)

        self.app = with_drop
