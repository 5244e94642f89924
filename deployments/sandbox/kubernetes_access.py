"""Who may use the Kubernetes API: everybody, or who brings the configured bearer token."""

import secrets

from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.sandbox.kubernetes_errors import StatusError


class TokenGuard:
    """Asks for the token before any endpoint; no token at all is 403, a wrong one 401, as on a real server."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        """Guard `app`; without a token everybody passes."""
        self.app = app
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if self.token is not None:
            if not given:
                raise StatusError("Forbidden", f'User "system:anonymous" cannot use {scope["path"]}')
            if not secrets.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
                raise StatusError("Unauthorized", "Unauthorized")
        await self.app(scope, receive, send)
