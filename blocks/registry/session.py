"""Asking one repository with one set of credentials."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import IO, Any

import httpx

from blocks import http_client
from blocks.budget import Budget, Budgets
from blocks.download import download
from blocks.errors import BadAnswer, Terminal, Unauthorized
from blocks.http_client import Limits
from blocks.registry.auth import Authenticator
from blocks.registry.reference import Repository

CONCURRENT = 8
"""Requests at the same time to one repository; a repository that hangs takes no other's turn."""


class Session:
    """Remembers how the registry wanted to be asked. Shared by all who ask it, so that one token serves them."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        where: Repository,
        authenticator: Authenticator,
        limits: Limits,
        budgets: Budgets,
        scopes: tuple[str, ...] = (),
    ) -> None:
        """Keep what to ask with. `scopes` are what tokens must allow; without, what the registry names."""
        self.where = where
        self._scopes = scopes
        self._base = where.base
        self._http = http
        self._authenticator = authenticator
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._budgets = budgets
        self._limits = limits
        self._authorization: str | None = None
        self._authorizing = asyncio.Lock()

    async def ask(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        content: Any = None,
        limits: Limits | None = None,
    ) -> httpx.Response | None:
        """Ask for a path below the repository, or a whole URL; None when there is no such thing (404).

        `content` is bytes to send, or an object that can be asked for them again and again. Raises the leaves of
        `blocks.errors`.
        """
        return await self._answered(lambda: self._send(method, self._url(path), headers, content, limits))

    async def download(self, path: str, file: IO[bytes], limits: Limits) -> str | None:
        """Write what is below the repository into a file and return its digest; None when there is no such thing."""
        digest = ""

        async def fetch() -> httpx.Response:
            nonlocal digest
            url = self._url(path)
            answer, digest = await download(
                self._http,
                url,
                file,
                headers=self._headers(url),
                limits=limits,
                budget=self._budget(),
                accept_errors=(401, 404),
            )
            return answer

        return None if await self._answered(fetch) is None else digest

    async def _answered(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response | None:
        """Send, and again as the registry wants it: with TLS, with who we are."""
        async with self._slots:
            known = self._authorization
            try:
                answer = await send()
            except Terminal:
                if not await self._speaks_tls():
                    raise
                answer = await send()
            if answer.status_code == 401:
                await self._authorize(answer, known)
                answer = await send()
        if answer.status_code == 401:
            raise Unauthorized(f"{self.where} answered 401 again when given {self._authenticator.described}")
        return None if answer.status_code == 404 else answer

    def _url(self, path: str) -> str:
        return path if "://" in path else f"{self._base}{path}"

    async def _speaks_tls(self) -> bool:
        """Whether a registry on this machine turns out to want https; from then on it gets it."""
        if not self._base.startswith("http:"):
            return False
        root = f"http://{self.where.host}/v2/"
        answer = await http_client.request(self._http, "GET", root, limits=self._limits, accept_errors=(400, 401, 404))
        if answer.status_code == 400 and b"HTTPS" in answer.content:
            self._base = self._base.replace("http:", "https:", 1)
            return True
        return False

    async def _authorize(self, refused: httpx.Response, known: str | None) -> None:
        """Answer the challenge, unless somebody else just did."""
        async with self._authorizing:
            if self._authorization == known:
                usual = f"repository:{self.where.path}:pull"
                self._authorization = await self._authenticator.answer(self._http, refused, usual, self._scopes)

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str] | None, content: Any, limits: Limits | None
    ) -> httpx.Response:
        return await http_client.request(
            self._http,
            method,
            url,
            headers={**(headers or {}), **self._headers(url)},
            limits=limits or self._limits,
            accept_errors=(401, 404),
            budget=self._budget(),
            content=content,
        )

    def _headers(self, url: str) -> dict[str, str]:
        """Say who we are, to the registry alone: uploads may lead to a storage elsewhere."""
        if self._authorization is None or httpx.URL(url).netloc != httpx.URL(self._base).netloc:
            return {}
        return {"Authorization": self._authorization}

    def _budget(self) -> Budget:
        return self._budgets.of(self.where.host, self._authenticator.account)


def sha256(content: bytes) -> str:
    """Return the digest of some bytes as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def json_object(answer: httpx.Response) -> dict[str, Any]:
    """Read an answer that must be a JSON object. Raises BadAnswer when it is none."""
    try:
        value = json.loads(answer.content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadAnswer(
            f"GET {answer.request.url} answered something that is no JSON object: check that a registry answers there"
        )
    return value
