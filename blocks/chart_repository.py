"""Helm chart repositories over HTTP: which versions a chart has.

An index that has not changed costs one answer without a body. Charts in OCI registries are listed by
`blocks.image_registry`.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from blocks import http_client
from blocks.budget import Budget, Budgets, account
from blocks.charts.asking import Asker
from blocks.charts.index import Index, read_index
from blocks.charts.location import Location, locate
from blocks.errors import BadAnswer
from blocks.http_client import Limits
from blocks.records import Credentials
from blocks.single_flight import SingleFlight

LIMITS = Limits(timeout=60.0, attempts=2, max_bytes=100 * 1024 * 1024)
"""An index is one file however many charts there are."""

MAX_REMEMBERED = 500_000
"""Charts and versions of all indexes that one process remembers; the least recently used go first."""

LONGEST_VALIDATOR = 512
"""Characters of an `ETag` or a date that are kept; a longer one counts as none."""


@dataclass(frozen=True)
class Listing:
    """The versions of one chart as the index has them, and the `ETag` by which the server knows that index.

    `etag` is empty when the server gave none; then nothing can be learnt from the listing next time.
    """

    versions: tuple[str, ...]
    etag: str = ""


@dataclass(frozen=True)
class _Known:
    """An index, the hash of its bytes, and how to ask whether it is still the one."""

    index: Index
    digest: bytes
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True)
class _Seen:
    """What one request showed; `known` is None when what the asker has is still so."""

    begun: float
    known: _Known | None


@dataclass(frozen=True)
class _Source:
    """One index, as one set of credentials sees it."""

    where: Location
    credentials: Credentials | None
    insecure: bool


class ChartRepositories:
    """Asks any chart repository, each call with the credentials of whoever wants to know.

    Credentials go over plain http only with `allow_plain_http_credentials`, and to no other host a server may point
    to. All methods raise the leaves of `blocks.errors`. Belongs to one event loop.
    """

    def __init__(
        self, *, allow_plain_http_credentials: bool = False, limits: Limits = LIMITS, budgets: Budgets | None = None
    ) -> None:
        """Keep the settings; connections are opened when first needed."""
        self._allow_plain_http = allow_plain_http_credentials
        self._limits = limits
        self._budgets = budgets or Budgets()
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._opened = AsyncExitStack()
        self._remembered: OrderedDict[_Source, _Known] = OrderedDict()
        self._flights: SingleFlight[_Seen] = SingleFlight()
        self._reading = asyncio.Semaphore(1)

    @property
    def allow_plain_http_credentials(self) -> bool:
        """Whether credentials may go over plain http."""
        return self._allow_plain_http

    async def listing(
        self,
        repo_url: str,
        name: str,
        credentials: Credentials | None = None,
        *,
        insecure: bool = False,
        known: Listing | None = None,
        thorough: bool = False,
    ) -> Listing:
        """Return what the index says of one chart.

        Who asks for the same index at the same time shares one request; who is `thorough` only one that began after
        this call. `known`, a listing of before, spares a process that remembers nothing the download. `insecure`
        skips TLS verification. Raises NotFound when there is no such repository, or no such chart in it.
        """
        source, asked = _Source(locate(repo_url), credentials, insecure), time.monotonic()
        seen, before = await self._look(source, known)
        while thorough and seen.begun < asked:
            seen, before = await self._look(source, known)
        if found := seen.known or before:
            return Listing(found.index.versions(name, source.where.url), found.etag)
        if known is None:
            raise _unasked(source)
        return known

    async def aclose(self) -> None:
        """Close the connections."""
        self._clients.clear()
        self._remembered.clear()
        await self._opened.aclose()

    async def _look(self, source: _Source, listing: Listing | None) -> tuple[_Seen, _Known | None]:
        """Look at an index, or join who does, with the best condition there is. Returns what was known before, too."""
        before = self._remembered.get(source)
        if before:
            conditions = _conditions(before.etag, before.last_modified)
        else:
            conditions = _conditions(listing.etag if listing else "")
        key = (source, *sorted(conditions.items()))
        # Taken here so that everybody's budget is noted, also of who shares another's request.
        budget = self._budgets.of(source.where.host, account(source.credentials))
        return await self._flights.do(key, lambda: self._request(source, before, conditions, budget)), before

    async def _request(
        self, source: _Source, before: _Known | None, conditions: dict[str, str], budget: Budget
    ) -> _Seen:
        begun = time.monotonic()
        asker = Asker(source.credentials, self._allow_plain_http, self._limits, budget)
        answer = await asker.ask(await self._client(source.insecure), source.where, conditions)
        if answer.status_code == 304 and not conditions:
            raise _unasked(source)
        known = before if answer.status_code == 304 else await self._read(source, before, answer)
        if known:
            self._remember(source, known)
        return _Seen(begun, known)

    async def _read(self, source: _Source, before: _Known | None, answer: httpx.Response) -> _Known:
        """Read one index at a time, for it takes a processor for seconds; not at all when the bytes are the same."""
        digest = hashlib.sha256(answer.content).digest()
        if before and before.digest == digest:
            index = before.index
        else:
            async with self._reading:
                index = await asyncio.to_thread(read_index, answer.content, source.where.url)
        return _Known(index, digest, _validator(answer, "etag"), _last_modified(answer))

    def _remember(self, source: _Source, known: _Known) -> None:
        self._remembered[source] = known
        self._remembered.move_to_end(source)
        left = sum(1 + each.index.size for each in self._remembered.values())
        while left > MAX_REMEMBERED:
            _, gone = self._remembered.popitem(last=False)
            left -= 1 + gone.index.size

    async def _client(self, insecure: bool) -> httpx.AsyncClient:
        if insecure not in self._clients:
            self._clients[insecure] = await self._opened.enter_async_context(http_client.client(insecure=insecure))
        return self._clients[insecure]


def _conditions(etag: str, last_modified: str = "") -> dict[str, str]:
    """The headers that ask for another index only."""
    headers = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: value for name, value in headers.items() if value}


def _validator(answer: httpx.Response, header: str) -> str:
    """A header that is to be sent back as it came; what cannot be sent counts as none."""
    value = str(answer.headers.get(header, ""))
    return value if len(value) <= LONGEST_VALIDATOR and value.isascii() and value.isprintable() else ""


def _last_modified(answer: httpx.Response) -> str:
    """The date of an index; none when it may have changed again in that second (RFC 9110 section 8.8.2.2)."""
    modified = _validator(answer, "last-modified")
    try:
        age = parsedate_to_datetime(_validator(answer, "date")) - parsedate_to_datetime(modified)
    except (TypeError, ValueError):
        return ""
    return modified if age.total_seconds() >= 1 else ""


def _unasked(source: _Source) -> BadAnswer:
    return BadAnswer(f"GET {source.where.url} answered 304 Not Modified though nothing was known of it")
