"""OCI and Docker registries: which tags a repository has, and what their manifests say."""

from collections import OrderedDict
from contextlib import AsyncExitStack

import httpx

from blocks import http_client
from blocks.http_client import Limits
from blocks.records import Credentials, ImageDetails
from blocks.registry.auth import Authenticator
from blocks.registry.budget import Budget
from blocks.registry.manifests import read_details, read_digest
from blocks.registry.reference import Repository, repository
from blocks.registry.session import Session
from blocks.registry.tag_list import read_tags

MAX_SESSIONS = 1_000
"""Repositories whose way of being asked is remembered."""


class ImageRegistry:
    """Asks any registry, each call with the credentials of whoever wants to know, and none too often.

    Plain http is spoken only to this machine, and credentials go over it only with
    `allow_plain_http_credentials`. All methods raise the leaves of `blocks.errors`. Belongs to one event loop.
    """

    def __init__(self, *, allow_plain_http_credentials: bool = False, limits: Limits | None = None) -> None:
        """Keep the settings; connections are opened when first needed."""
        self._allow_plain_http = allow_plain_http_credentials
        self._limits = limits or Limits()
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._opened = AsyncExitStack()
        self._budget = Budget()
        self._sessions: OrderedDict[tuple[Repository, Credentials | None, bool], Session] = OrderedDict()

    async def tags(self, repo_url: str, credentials: Credentials | None = None, *, insecure: bool = False) -> list[str]:
        """Return all tags in the registry's order, those of signatures included; `insecure` skips TLS verification.

        Raises NotFound when there is no such repository, Invalid when it has too many tags to list.
        """
        return await read_tags(await self._session(repo_url, credentials, insecure))

    async def digest(
        self, repo_url: str, tag: str, credentials: Credentials | None = None, *, insecure: bool = False
    ) -> str | None:
        """Return which digest a tag points at, as the registry says, without fetching it; None without such a tag."""
        return await read_digest(await self._session(repo_url, credentials, insecure), tag)

    async def details(
        self, repo_url: str, reference: str, credentials: Credentials | None = None, *, insecure: bool = False
    ) -> ImageDetails | None:
        """Describe what a tag or digest points at; None when there is no such thing.

        The digest is the hash of the manifest's own bytes. Raises Invalid when it is no image.
        """
        return await read_details(await self._session(repo_url, credentials, insecure), reference)

    async def aclose(self) -> None:
        """Close the connections."""
        self._clients.clear()
        self._sessions.clear()
        await self._opened.aclose()

    async def _session(self, repo_url: str, credentials: Credentials | None, insecure: bool) -> Session:
        where = repository(repo_url)
        key = (where, credentials, insecure)
        http = await self._client(insecure)
        if key not in self._sessions:
            authenticator = Authenticator(credentials, self._allow_plain_http, self._limits)
            self._sessions[key] = Session(http, where, authenticator, self._limits)
        self._sessions.move_to_end(key)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return self._sessions[key]

    async def _client(self, insecure: bool) -> httpx.AsyncClient:
        if insecure not in self._clients:
            http = await self._opened.enter_async_context(http_client.client(insecure=insecure))
            http.event_hooks = {"request": [self._budget]}
            self._clients[insecure] = http
        return self._clients[insecure]
