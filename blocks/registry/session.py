"""Asking one repository with one set of credentials."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import httpx

from blocks import http_client
from blocks.budget import Budgets
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
    ) -> None:
        """Keep what to ask with."""
        self.where = where
        self._base = where.base
        self._http = http
        self._authenticator = authenticator
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._budgets = budgets
        self._limits = limits
        self._authorization: str | None = None
        self._authorizing = asyncio.Lock()

    async def ask(
        self, path: str, *, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> httpx.Response | None:
        """Ask for a path below the repository, or a whole URL; None when there is no such thing (404).

        Raises the leaves of `blocks.errors`.
        """
        async with self._slots:
            known = self._authorization
            try:
                answer = await self._send(method, self._url(path), headers)
            except Terminal:
                if not await self._speaks_tls():
                    raise
                answer = await self._send(method, self._url(path), headers)
            if answer.status_code == 401:
                await self._authorize(answer, known)
                answer = await self._send(method, self._url(path), headers)
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
                scope = f"repository:{self.where.path}:pull"
                self._authorization = await self._authenticator.answer(self._http, refused, scope)

    async def _send(self, method: str, url: str, headers: Mapping[str, str] | None) -> httpx.Response:
        authorization = {"Authorization": self._authorization} if self._authorization else {}
        return await http_client.request(
            self._http,
            method,
            url,
            headers={**(headers or {}), **authorization},
            limits=self._limits,
            accept_errors=(401, 404),
            budget=self._budgets.of(self.where.host, self._authenticator.account),
        )


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
