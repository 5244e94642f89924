"""Asking one server that keeps Applications: JSON answers, and streams of JSON lines."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import httpx

from blocks.errors import BadAnswer, Conflict, DrayageError, Invalid, NotFound, Terminal, Unauthorized, Unreachable
from blocks.http_client import UNSENDABLE, UNTRUSTED_ADVICE, Limits, failure_of, request
from blocks.pacing.rate_headers import retry_after

Json = dict[str, Any]
Advice = Mapping[int, tuple[type[DrayageError], str]]
"""Status to the error it means and what to do about it."""

ELSEWHERE = (301, 302, 303, 307, 308)
"""Redirects are not followed: a token goes to the server that was configured, and to no other."""

OWN_WORDS = (400, 401, 403, 404, 409, 410, 412, 422, *ELSEWHERE)
"""Statuses whose answers say what is wrong; all others are worded as everywhere."""

LIMITS = Limits(timeout=15.0, attempts=3, max_bytes=64 * 1024 * 1024)
"""A page of a hundred Applications may be large: each has at most 1.5 MiB."""

LONGEST_LINE = 8 * 1024 * 1024
SILENCE = 150.0
"""Seconds after which a stream that says nothing is taken for dead."""

OPENING = 8.0
"""Seconds in which a stream must begin, else it counts as broken: some proxies keep all to themselves until its end."""

MOST_CONNECTIONS = 64
MOST_STREAMS = 256
"""Streams to one server, which have connections of their own: many namespaces starve no request."""

AT_ONCE = 24
"""Requests at the same time; further ones wait for their turn, which no timeout counts."""


class Expired(Conflict):
    """The place where a stream should go on is too long ago: list again."""


ADVICE: Advice = {
    400: (Invalid, "check the step's settings"),
    401: (Unauthorized, "check the token of the Argo CD connection"),
    404: (NotFound, "check name and namespace, and that Argo CD is installed there"),
    409: (Conflict, "somebody else changed it first"),
    410: (Expired, "the list changed while it was read"),
    412: (Conflict, "somebody else changed it first"),
    422: (Invalid, "check the step's settings"),
}
"""What both kinds of servers mean alike."""


class Asking:
    """Requests to one server; `headers` makes those that open it, in a thread when it `blocks`."""

    def __init__(
        self,
        server: str,
        headers: Callable[[], Mapping[str, str]],
        advice: Advice,
        *,
        opens: bool = True,
        blocks: bool = False,
        server_name: str = "",
        **options: Any,
    ) -> None:
        """Keep how to ask; nothing is sent yet. `options` are those of `httpx.AsyncClient`.

        `opens` says whether the headers hold a secret at all. `server_name` is the name in the server's certificate
        where it is not that of the address. Raises Invalid for what is no address.
        """
        if "@" in server:
            raise Invalid("the server of the connection holds a user before '@': write the address alone, and a token")
        if not server.lower().startswith(("https://", "http://")):
            raise Invalid(f"the server {server!r} of the connection is no address: write it with https:// before it")
        self.server = server.rstrip("/")
        self.sends_in_clear = opens and server.lower().startswith("http://")
        self._extensions = {"sni_hostname": server_name} if server_name else {}
        self._headers, self._blocks = headers, blocks
        self._advice = {**ADVICE, **advice}
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._http = httpx.AsyncClient(limits=_most(MOST_CONNECTIONS), **options)
        self._streams = httpx.AsyncClient(limits=_most(MOST_STREAMS), **options)

    async def ask(
        self,
        what: str,
        method: str,
        path: str,
        *,
        limits: Limits = LIMITS,
        headers: Mapping[str, str] = {},
        **more: Any,
    ) -> Json:
        """Return the JSON object of one request, tried again where that may help. `what` words it for people.

        `more` is for httpx, such as `params` and `content`.
        """
        return _object(what, self.server, await self._answer(what, method, path, limits, headers, more))

    async def text(self, what: str, path: str, params: Mapping[str, str]) -> str:
        """Return the text at a path, such as a log."""
        return (await self._answer(what, "GET", path, LIMITS, {}, {"params": params})).decode(errors="replace")

    async def _answer(
        self, what: str, method: str, path: str, limits: Limits, headers: Mapping[str, str], more: dict[str, Any]
    ) -> bytes:
        every = {**await self._opening(), **headers}
        url = self.server + path
        try:
            async with self._turn:
                answer = await request(
                    self._http,
                    method,
                    url,
                    headers=every,
                    limits=limits,
                    accept_errors=OWN_WORDS,
                    extensions=self._extensions,
                    **more,
                )
        except DrayageError as error:
            error.args = (_advised(f"tried to {what}: {error}"),)
            raise
        if not answer.is_success:
            raise self._error(what, answer.status_code, answer.content, answer.headers.get("location", ""))
        return answer.content

    async def lines(self, what: str, path: str, params: Mapping[str, str]) -> AsyncGenerator[Json | None, None]:
        """Yield None as soon as the server has opened a stream, then each of its lines, until it ends."""
        try:
            async with aclosing(await self._opened(path, params)) as answer:
                if not answer.is_success:
                    raise self._failed(what, answer, await _beginning(answer))
                yield None
                async with aclosing(_lines(answer)) as lines:
                    async for line in lines:
                        yield _object(what, self.server, line)
        except TimeoutError:
            raise Unreachable(f"tried to {what} at {self.server}: no stream began within {OPENING:g} s") from None
        except (httpx.LocalProtocolError, UnicodeEncodeError):
            raise Invalid(f"tried to {what} at {self.server}: {UNSENDABLE}") from None
        except httpx.ReadTimeout:
            raise Unreachable(f"tried to {what} at {self.server}: nothing came for {SILENCE:g} s") from None
        except httpx.HTTPError as error:
            failure = failure_of(f"tried to {what} at {self.server}", str(error) or type(error).__name__)
            failure.args = (_advised(str(failure)),)
            raise failure from None

    async def _opened(self, path: str, params: Mapping[str, str]) -> httpx.Response:
        """Return a stream's answer, of which only the headers are there."""
        every = await self._opening()
        timeout = httpx.Timeout(LIMITS.timeout, read=SILENCE)
        url, name = self.server + path, self._extensions
        asked = self._streams.build_request("GET", url, params=params, headers=every, timeout=timeout, extensions=name)
        async with asyncio.timeout(OPENING):
            return await self._streams.send(asked, stream=True)

    def refusal(self, what: str, status: int, message: str) -> DrayageError:
        """Word what the server said within a stream."""
        return self._error(what, status, json.dumps({"message": message}).encode())

    async def close(self) -> None:
        """Give back the connections."""
        await self._streams.aclose()
        await self._http.aclose()

    async def _opening(self) -> Mapping[str, str]:
        return await asyncio.to_thread(self._headers) if self._blocks else self._headers()

    def _failed(self, what: str, answer: httpx.Response, body: bytes) -> DrayageError:
        if answer.status_code == 429 or answer.status_code >= 500:
            after = retry_after(dict(answer.headers), datetime.now(UTC))
            return Unreachable(f"tried to {what} at {self.server}: it answered {answer.status_code}", after)
        return self._error(what, answer.status_code, body, answer.headers.get("location", ""))

    def _error(self, what: str, status: int, body: bytes, location: str = "") -> DrayageError:
        leaf: type[DrayageError]
        if status in ELSEWHERE:
            where = location.partition("?")[0]
            return Invalid(
                f"tried to {what} at {self.server}: it answered {status} and sends elsewhere, to {where!r}: "
                "let the connection's 'server' be the address that answers itself"
            )
        leaf, advice = self._advice.get(status, (Terminal, "this is not what such a server answers"))
        return leaf(f"tried to {what} at {self.server}: it answered {status} {_message(body)}: {advice}")


def _most(connections: int) -> httpx.Limits:
    return httpx.Limits(max_connections=connections, max_keepalive_connections=8)


def _advised(said: str) -> str:
    """Say of a certificate what helps here."""
    return said.replace(UNTRUSTED_ADVICE, "write its authority's PEM text into the connection's block")


async def _beginning(answer: httpx.Response) -> bytes:
    """Read the beginning of an error's body."""
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > 100_000:
            break
    return bytes(body)


async def _lines(answer: httpx.Response) -> AsyncGenerator[bytes, None]:
    left = bytearray()
    async for chunk in answer.aiter_bytes():
        left += chunk
        *whole, rest = left.split(b"\n")
        left = bytearray(rest)
        for line in whole:
            if line.strip():
                yield bytes(line)
        if len(left) > LONGEST_LINE:
            raise BadAnswer(f"a stream had a line of more than {LONGEST_LINE} bytes, the limit")


def _object(what: str, server: str, text: bytes) -> Json:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadAnswer(f"tried to {what} at {server}: no JSON object came back")
    return found


def _message(body: bytes) -> str:
    """The server's own sentence where it has one."""
    try:
        return str(json.loads(body)["message"])[:300]
    except (TypeError, ValueError, KeyError):
        return ""
