"""One way to ask a metric service: what its refusals mean, in sentences that name it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from blocks.errors import BadAnswer, Invalid, Unauthorized
from blocks.http_client import Limits
from blocks.web import Web

SHOWN = 300
"""Characters of a service's own words that a message repeats."""

_ELSEWHERE = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Service:
    """Who is asked: `called` in sentences, with `check` for who is not let in; `account` is for budgets.

    Redirects are not followed, for most services are shown keys in headers of their own, which are for them alone.
    """

    web: Web = field(repr=False)
    called: str
    check: str
    account: str = ""
    timeout: float = 30.0

    async def ask(
        self, method: str, url: str, *, refusals: tuple[int, ...] = (400, 422), **options: Any
    ) -> httpx.Response:
        """Return a 2xx answer. `options` are those of `web.request`.

        Raises Unauthorized, Invalid with the service's own words for `refusals`, and what `web.request` raises.
        """
        answer = await self.web.request(
            method,
            url,
            limits=Limits(timeout=self.timeout),
            accept_errors=(401, 403, *refusals, *_ELSEWHERE),
            account=self.account,
            follow_redirects=False,
            **options,
        )
        status = answer.status_code
        if status in _ELSEWHERE:
            where = answer.headers.get("location", "").partition("?")[0][:SHOWN]
            raise Invalid(f"{self.called} answered {status}, it is to be asked at {where!r}: write that address")
        if status in (401, 403):
            raise Unauthorized(f"{self.called} answered {status}: {self.check}")
        if status in refusals:
            raise Invalid(f"{self.called} cannot answer the query ({status}): {said(answer)}")
        return answer

    def json(self, answer: httpx.Response) -> Any:
        """Decode an answer, all its numbers as floats. Raises BadAnswer."""
        try:
            return answer.json(parse_int=float)
        except (ValueError, RecursionError):
            raise self.odd("no JSON") from None

    def object(self, answer: httpx.Response) -> dict[str, Any]:
        """Decode an answer that is an object. Raises BadAnswer."""
        decoded = self.json(answer)
        if not isinstance(decoded, dict):
            raise self.odd("no JSON object")
        return decoded

    def odd(self, what: str) -> BadAnswer:
        """Word an answer that makes no sense."""
        return BadAnswer(f"{self.called} answered {what}: check its address, and what stands before it")


def said(answer: httpx.Response) -> str:
    """Find a service's own words in an error."""
    try:
        decoded = answer.json()
    except (ValueError, RecursionError):
        decoded = None
    found = words(decoded) or answer.text.strip()
    return found if len(found) <= SHOWN else f"{found[:SHOWN]}…"


def words(decoded: Any) -> str:
    """Find what an error says in the shapes that services use: a text, a list of them, or one under a usual name."""
    if isinstance(decoded, str):
        return decoded
    if isinstance(decoded, list):
        return "; ".join(filter(None, map(words, decoded[:5])))
    if isinstance(decoded, Mapping):
        names = ("errors", "error", "message", "errorMessage", "detail")
        return next((text for name in names if (text := words(decoded.get(name)))), "")
    return ""
