"""The way outside for what others wrote."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from blocks.errors import Refused

MOST_REQUESTS = 200
"""Requests of one discovery, or of one attempt of a step."""

Ask = Callable[..., Awaitable[Any]]


class Http:
    """Asks servers: no link-local address, in limited time, size and number, with errors of `blocks.errors`."""

    def __init__(self, request: Ask, whose: str) -> None:
        """Keep the way outside, `blocks.web.Web.request`, and for whom it is."""
        self._request = request
        self._whose = whose
        self._asked = 0

    async def get(self, url: str, **options: Any) -> httpx.Response:
        """Ask by GET: `await http.get(url, headers=…, params=…)`."""
        return await self.request("GET", url, **options)

    async def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Ask and return a read response with a 2xx status, or one of `accept_errors`.

        Options: `headers`, `params`, `json`, `account`, `accept_errors`, `insecure`, as `blocks.web` has them. Raises
        the leaves of `blocks.errors`.
        """
        self._asked += 1
        if self._asked > MOST_REQUESTS:
            raise Refused(f"{self._whose} may ask {MOST_REQUESTS} times, and {method} {url} would be one more")
        response: httpx.Response = await self._request(method, url, **options)
        return response
