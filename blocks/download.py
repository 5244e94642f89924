"""Downloading what is too large to hold: chunk by chunk into a file, bounded in time and size, its digest taken."""

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import nullcontext
from typing import IO

import httpx

from blocks.budget import Budget
from blocks.errors import Invalid, Terminal, Unreachable
from blocks.http_client import UNSENDABLE, Limits, decoded, error_of, failure_of

CHUNK = 1024 * 1024
"""Bytes that are in memory at once."""


async def download(
    http: httpx.AsyncClient,
    url: str,
    file: IO[bytes],
    *,
    headers: Mapping[str, str] | None = None,
    limits: Limits,
    budget: Budget | None = None,
    accept_errors: tuple[int, ...] = (),
) -> tuple[httpx.Response, str]:
    """GET a URL once, into a file. Returns the answer without its body, and the body's digest as `sha256:<hex>`.

    Answers of `accept_errors` are returned with nothing written. Raises Invalid when there are more than
    `limits.max_bytes`, and the other leaves of `blocks.errors` as `blocks.http_client.request` does.
    """
    asked = {"Accept-Encoding": "identity", **(headers or {})}
    async with budget.turn() if budget else nullcontext() as learn:
        try:
            async with (
                asyncio.timeout(limits.timeout),
                http.stream("GET", url, headers=asked, timeout=limits.timeout) as answer,
            ):
                if learn:
                    learn((*answer.history, answer)[0].headers.multi_items())
                if answer.is_success:
                    return answer, await _write(answer, url, file, limits.max_bytes)
                refused = decoded(answer, await _beginning(answer))
        except TimeoutError:
            raise Unreachable(f"GET {url} was not finished within {limits.timeout:g} s") from None
        except httpx.InvalidURL as error:
            raise Terminal(f"{url!r} is not a URL: {error}") from None
        except (httpx.LocalProtocolError, UnicodeEncodeError):  # their words repeat the header, with its secret
            raise Invalid(f"GET {url} cannot be asked: {UNSENDABLE}") from None
        except httpx.HTTPError as error:
            raise failure_of(f"GET {url} failed", str(error) or type(error).__name__) from None
        if refused.status_code in accept_errors:
            return refused, ""
        raise error_of("GET", url, refused)


async def _beginning(answer: httpx.Response) -> bytes:
    """What an error begins with, which may say how long to wait."""
    async for chunk in answer.aiter_bytes(CHUNK):
        return chunk
    return b""


async def _write(answer: httpx.Response, url: str, file: IO[bytes], max_bytes: int) -> str:
    said = answer.headers.get("content-length", "")
    size, digest = int(said) if said.isascii() and said.isdigit() else 0, hashlib.sha256()
    received = 0
    if size <= max_bytes:
        async for chunk in answer.aiter_bytes(CHUNK):
            received += len(chunk)
            if received > max_bytes:
                break
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
    if max(size, received) > max_bytes:
        raise Invalid(f"GET {url} answered more than {max_bytes} bytes, the limit")
    return f"sha256:{digest.hexdigest()}"
