"""Asking any URL that people write: guarded, bounded, with errors a person can read."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import httpx

from blocks import http_client
from blocks.budget import Budgets
from blocks.errors import Invalid, Refused
from blocks.guarded_client import environment_proxy, guarded_client
from blocks.http_client import Limits


class Web:
    """Connections to wherever subscriptions of further kinds lead. Belongs to one event loop.

    Link-local addresses are never asked, and credentials go over plain http only with
    `allow_plain_http_credentials`.
    """

    def __init__(
        self,
        *,
        allow_plain_http_credentials: bool = False,
        limits: Limits | None = None,
        budgets: Budgets | None = None,
    ) -> None:
        """Keep the settings; connections are opened when first needed."""
        self._allow_plain_http = allow_plain_http_credentials
        self._limits = limits or Limits()
        self.budgets = budgets or Budgets()
        self._clients: dict[tuple[str | None, bool], httpx.AsyncClient] = {}
        self._opened = AsyncExitStack()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        account: str = "",
        insecure: bool = False,
        accept_errors: tuple[int, ...] = (),
        once: bool = False,
        limits: Limits | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Ask and return a read response with a 2xx status, or one of `accept_errors`.

        `account` names the credentials the headers carry, whose limits these requests count against; `insecure`
        skips TLS verification; `once` keeps from asking again what must not be done twice; `limits` are others than
        usual; options are httpx's `params`, `json`, `content`, `data`. Raises the leaves of `blocks.errors`.
        """
        bounds = limits or self._limits
        self._check(method, url, headers or {})
        http = await self._client(url, insecure)
        return await http_client.request(
            http,
            method,
            url,
            headers=headers,
            limits=replace(bounds, attempts=1) if once else bounds,
            accept_errors=accept_errors,
            budget=self.budgets.of(httpx.URL(url).netloc.decode(), account),
            **options,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        self._clients.clear()
        await self._opened.aclose()

    def _check(self, method: str, url: str, headers: Mapping[str, str]) -> None:
        secret = any(name.lower() in ("authorization", "cookie") for name in headers)
        if secret and not url.lower().startswith("https://") and not self._allow_plain_http:
            raise Refused(
                f"{method} {url} would send credentials unencrypted; use https, "
                "or set DRAYAGE_ALLOW_CREDENTIALS_OVER_HTTP where that is harmless"
            )

    async def _client(self, url: str, insecure: bool) -> httpx.AsyncClient:
        try:
            proxy = environment_proxy(url)
        except httpx.InvalidURL as error:
            raise Invalid(f"{url!r} is not a URL: {error}") from None
        if (proxy, insecure) not in self._clients:
            opened = guarded_client(url, insecure=insecure, proxy=proxy)
            self._clients[proxy, insecure] = await self._opened.enter_async_context(opened)
        return self._clients[proxy, insecure]
