"""OCI and Docker registries: which tags a repository has, and what their manifests say."""

import math
from collections import OrderedDict
from contextlib import AsyncExitStack

import httpx

from blocks import http_client
from blocks.budget import Budgets, account
from blocks.http_client import Limits
from blocks.records import Credentials, ImageDetails
from blocks.registry.auth import Authenticator
from blocks.registry.manifests import Manifest, describe, read_digest, read_manifest
from blocks.registry.pushes import push_scopes
from blocks.registry.reference import Repository, repository
from blocks.registry.session import Session
from blocks.registry.tag_list import read_tags
from blocks.shared import Shared

SHARED = 256
"""Answers of each sort that are kept for a moment."""

MAX_SESSIONS = 1_000
"""Repositories whose way of being asked is remembered."""


class ImageRegistry:
    """Asks any registry, each call with the credentials of whoever wants to know, and none too often.

    Who asks the same at the same time shares the answer, which may be `shared_seconds` old unless it must be `fresh`.

    Plain http is spoken only to this machine, and credentials go over it only with
    `allow_plain_http_credentials`. All methods raise the leaves of `blocks.errors`. Belongs to one event loop.
    """

    def __init__(
        self,
        *,
        allow_plain_http_credentials: bool = False,
        limits: Limits | None = None,
        shared_seconds: float = 0.0,
        budgets: Budgets | None = None,
    ) -> None:
        """Keep the settings; connections are opened when first needed. `shared_seconds`: how old an answer may be."""
        self._allow_plain_http = allow_plain_http_credentials
        self._limits = limits or Limits()
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._opened = AsyncExitStack()
        self._budgets = budgets or Budgets()
        self._shared_seconds = shared_seconds
        self._lists: Shared[list[str]] = Shared(SHARED, kept=shared_seconds)
        self._digests: Shared[str | None] = Shared(SHARED, kept=shared_seconds)
        self._manifests: Shared[Manifest | None] = Shared(SHARED, kept=shared_seconds)
        self._images: Shared[ImageDetails] = Shared(SHARED, kept=shared_seconds)
        self._sessions: OrderedDict[tuple[Repository, Credentials | None, bool, Repository | None], Session] = (
            OrderedDict()
        )

    async def tags(
        self, repo_url: str, credentials: Credentials | None = None, *, insecure: bool = False, fresh: bool = False
    ) -> list[str]:
        """Return all tags in the registry's order, those of signatures included; `insecure` skips TLS verification.

        Raises NotFound when there is no such repository, Invalid when it has too many tags to list.
        """
        session = await self._session(repo_url, credentials, insecure)
        return list(await self._lists.ask(session, lambda: read_tags(session), seconds=self._age(fresh)))

    async def digest(
        self,
        repo_url: str,
        tag: str,
        credentials: Credentials | None = None,
        *,
        insecure: bool = False,
        fresh: bool = False,
    ) -> str | None:
        """Return which digest a tag points at, as the registry says, without fetching it; None without such a tag."""
        session = await self._session(repo_url, credentials, insecure)
        return await self._digests.ask((session, tag), lambda: read_digest(session, tag), seconds=self._age(fresh))

    async def manifest(
        self,
        repo_url: str,
        reference: str,
        credentials: Credentials | None = None,
        *,
        insecure: bool = False,
        fresh: bool = False,
    ) -> Manifest | None:
        """Fetch what a tag or digest points at; None when there is no such thing. Its bytes are its digest's."""
        session = await self._session(repo_url, credentials, insecure)
        key, seconds = (session, reference), self._age(fresh)
        return await self._manifests.ask(key, lambda: read_manifest(session, reference), seconds=seconds)

    async def describe(
        self, repo_url: str, manifest: Manifest, credentials: Credentials | None = None, *, insecure: bool = False
    ) -> ImageDetails:
        """Describe the image of a manifest. Raises Invalid when it is none, NotFound when its config is missing."""
        session = await self._session(repo_url, credentials, insecure)
        key = (session, manifest.digest)
        return await self._images.ask(key, lambda: describe(session, manifest), seconds=math.inf)

    async def details(
        self, repo_url: str, reference: str, credentials: Credentials | None = None, *, insecure: bool = False
    ) -> ImageDetails | None:
        """Describe what a tag or digest points at; None when there is no such thing. Raises as `describe`."""
        manifest = await self.manifest(repo_url, reference, credentials, insecure=insecure)
        return await self.describe(repo_url, manifest, credentials, insecure=insecure) if manifest else None

    def _age(self, fresh: bool) -> float:
        """How old an answer may be, in seconds."""
        return 0.0 if fresh else self._shared_seconds

    async def aclose(self) -> None:
        """Close the connections."""
        self._clients.clear()
        self._sessions.clear()
        await self._opened.aclose()

    async def opened(
        self,
        repo_url: str,
        credentials: Credentials | None = None,
        *,
        insecure: bool = False,
        copies_from: Repository | None = None,
    ) -> Session:
        """Open a repository for `blocks.registry.pulls`; for `blocks.registry.pushes` say what is copied into it."""
        return await self._session(repo_url, credentials, insecure, copies_from)

    async def _session(
        self, repo_url: str, credentials: Credentials | None, insecure: bool, copies_from: Repository | None = None
    ) -> Session:
        where = repository(repo_url)
        self._budgets.of(where.host, account(credentials))  # noted also when the answer is shared
        key = (where, credentials, insecure, copies_from)
        http = await self._client(insecure)
        if key not in self._sessions:
            authenticator = Authenticator(credentials, self._allow_plain_http, self._limits, self._budgets)
            scopes = push_scopes(where, copies_from) if copies_from else ()
            self._sessions[key] = Session(http, where, authenticator, self._limits, self._budgets, scopes)
        self._sessions.move_to_end(key)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return self._sessions[key]

    async def _client(self, insecure: bool) -> httpx.AsyncClient:
        if insecure not in self._clients:
            http = await self._opened.enter_async_context(http_client.client(insecure=insecure))
            self._clients[insecure] = http
        return self._clients[insecure]
