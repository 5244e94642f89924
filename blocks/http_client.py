"""One way to ask an HTTP server: bounded in time, size and tries, with errors a person can read.

Tries are repeated with jitter and honour `Retry-After` up to `RETRY_AFTER_LIMIT`; a longer wish is raised
as `RateLimited` so that the caller can come back later instead of holding a connection.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from blocks.budget import Budget
from blocks.errors import (
    BadAnswer,
    DrayageError,
    Invalid,
    NotFound,
    RateLimited,
    Refused,
    Retryable,
    Terminal,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from blocks.pacing.budget import Learn
from blocks.pacing.rate_headers import wait_asked
from blocks.redirect import redirecting_transport

RETRY_AFTER_LIMIT = 20.0
"""Seconds we wait inside one call when a server names a time."""

UNTRUSTED_ADVICE = "let SSL_CERT_FILE name its authority, or have it not checked with insecureSkipTLSVerify"

UNSENDABLE = "a header, such as a token's, is empty or holds what no header may: check it for blanks and line ends"

MAX_CONNECTIONS = 1_000
"""Connections of one client, so many that servers which hang leave some for those that do not."""
KEPT_CONNECTIONS = 50


@dataclass(frozen=True)
class Limits:
    """Bounds of one call: seconds per try, number of tries, and bytes of an answer."""

    timeout: float = 15.0
    attempts: int = 3
    max_bytes: int = 8 * 1024 * 1024


@asynccontextmanager
async def client(*, insecure: bool = False) -> AsyncIterator[httpx.AsyncClient]:
    """Open a client that follows redirects; `insecure` skips TLS verification, as a subscription may ask."""
    pool = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=KEPT_CONNECTIONS)
    async with httpx.AsyncClient(
        follow_redirects=True, verify=not insecure, limits=pool, transport=redirecting_transport()
    ) as opened:
        yield opened


async def request(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    limits: Limits = Limits(),
    accept_errors: tuple[int, ...] = (),
    budget: Budget | None = None,
    **options: Any,
) -> httpx.Response:
    """Ask and return a read response with a 2xx status, or one of `accept_errors`.

    Every try takes a turn of the `budget`, which learns from each answer. Raises the leaf of `blocks.errors` that
    fits. Only `Retryable` ones are tried again.
    """
    for attempt in range(1, limits.attempts + 1):
        try:
            async with budget.turn() if budget else nullcontext() as learn:
                response = await _once(http, method, url, headers or {}, limits, options, learn)
                if response.is_success or _accepted(response, accept_errors):
                    return response
                raise error_of(method, url, response)
        except Retryable as error:
            pause = _pause(error, attempt)
            if attempt == limits.attempts or pause > RETRY_AFTER_LIMIT:
                raise
            await asyncio.sleep(pause)
    raise AssertionError("unreachable: attempts is at least 1")


async def _once(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    headers: Mapping[str, str],
    limits: Limits,
    options: dict[str, Any],
    learn: Learn | None,
) -> httpx.Response:
    try:
        async with asyncio.timeout(limits.timeout):
            async with http.stream(method, url, headers=dict(headers), timeout=limits.timeout, **options) as answer:
                body = bytearray()
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > limits.max_bytes:
                        raise BadAnswer(f"{method} {url} answered more than {limits.max_bytes} bytes, the limit")
                if learn:
                    # Where a redirect led to says nothing about the host that was asked.
                    learn((*answer.history, answer)[0].headers.multi_items())
                return decoded(answer, bytes(body))
    except TimeoutError:
        raise Unreachable(f"{method} {url} gave no answer within {limits.timeout:g} s") from None
    except httpx.InvalidURL as error:
        raise Terminal(f"{url!r} is not a URL: {error}") from None
    except (httpx.LocalProtocolError, UnicodeEncodeError):  # their words repeat the header, with its secret
        raise Invalid(f"{method} {url} cannot be asked: {UNSENDABLE}") from None
    except httpx.HTTPError as error:
        raise failure_of(f"{method} {url} failed", str(error) or type(error).__name__) from None


def failure_of(tried: str, why: str) -> DrayageError:
    """Word that there was no answer."""
    if "CERTIFICATE_VERIFY_FAILED" not in why:
        return Unreachable(f"{tried}: {why}")
    reason = why.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
    return Refused(f"{tried}: the certificate of the server is not trusted ({reason}): {UNTRUSTED_ADVICE}")


def decoded(answer: httpx.Response, body: bytes) -> httpx.Response:
    """Rebuild a response whose body is already read and decoded."""
    dropped = {b"content-encoding", b"content-length", b"transfer-encoding"}
    # As bytes, for a header that is no ASCII could not be written back.
    headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in dropped]
    return httpx.Response(answer.status_code, headers=headers, content=body, request=answer.request)


def error_of(method: str, url: str, response: httpx.Response) -> DrayageError:
    """Word an answer that is no success; its body may be unread."""
    status = response.status_code
    said = f"{method} {url} answered {status} {response.reason_phrase}"
    after = _wait_asked(response)
    if status == 429 or _limits_us(response):
        return RateLimited(f"{said}: too many requests", after)
    if status in (401, 403):
        return Unauthorized(f"{said}: check the credentials for this repository")
    if status == 404:
        return NotFound(said)
    if status >= 500:
        return Unavailable(said, after)
    return Terminal(said)


def _accepted(response: httpx.Response, accept_errors: tuple[int, ...]) -> bool:
    """Who takes a 403 for an answer does not mean one that stands for a 429."""
    return response.status_code in accept_errors and (429 in accept_errors or not _limits_us(response))


def _limits_us(response: httpx.Response) -> bool:
    """Whether a server forbids for now what it allows later: GitHub says so with a 403."""
    return response.status_code == 403 and _wait_asked(response) is not None


def _wait_asked(response: httpx.Response) -> float | None:
    return wait_asked(response.status_code, response.headers, response.content, datetime.now(UTC))


def _pause(error: Retryable, attempt: int) -> float:
    """Exponential with full jitter, never shorter than what the server asked for. Unit: seconds."""
    jitter = random.uniform(0.1, 0.4 * 2**attempt)  # noqa: S311  not a secret
    return (error.retry_after or 0.0) + jitter
