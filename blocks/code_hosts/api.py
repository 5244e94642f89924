"""Asking a code host's REST API with one set of credentials."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from blocks.budget import account
from blocks.code_hosts.reading import said
from blocks.errors import BadAnswer, NotFound, Terminal, Unauthorized
from blocks.records import Credentials

Request = Callable[..., Awaitable[httpx.Response]]
"""`blocks.web.Web.request`, or what has its parameters."""

REFUSALS = (400, 405, 406, 409, 412, 422, 423)
"""Answers by which a host says in words that it will not."""


@dataclass(frozen=True)
class Way:
    """How a code host is reached: `request` keeps budgets and limits, `insecure` skips TLS verification."""

    request: Request = field(repr=False)
    credentials: Credentials | None = None
    insecure: bool = False

    @property
    def token(self) -> str:
        """What proves who we are; empty when nobody."""
        return self.credentials.password if self.credentials else ""

    def bearer(self, scheme: str = "Bearer") -> dict[str, str]:
        """The header that carries the token."""
        return {"Authorization": f"{scheme} {self.token}"} if self.token else {}


@dataclass(frozen=True)
class Answer:
    """One answer: its JSON, whether it is a refusal that was expected, and whether another page follows."""

    body: Any
    status: int
    following: bool = False

    @property
    def refused(self) -> bool:
        """Whether the host said no."""
        return self.status >= 400

    @property
    def words(self) -> str:
        """Why it said no."""
        return said(self.body) or f"the code host answered {self.status}"


@dataclass(frozen=True)
class Api:
    """One API below a base URL. `headers` are sent with every request."""

    way: Way
    base: str
    headers: Mapping[str, str] = field(repr=False)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        content: Any = None,
        known: tuple[int, ...] = (),
    ) -> Answer:
        """Ask for JSON. Raises Terminal with the host's words for a refusal that is not among the `known` ones."""
        options = {"params": params, "json": content}
        try:
            answer = await self.way.request(
                method,
                self.base + path,
                headers={"Accept": "application/json", **self.headers},
                accept_errors=(*REFUSALS, *known),
                account=account(self.way.credentials),
                insecure=self.way.insecure,
                **{name: value for name, value in options.items() if value is not None},
            )
        except NotFound as error:
            raise NotFound(f"{error}: there is no such thing, or {self._who} do not see it") from None
        except Unauthorized as error:
            raise Unauthorized(f"{error} ({self._who})") from None
        read = Answer(_body(method, self.base + path, answer), answer.status_code, bool(answer.links.get("next")))
        if read.refused and read.status not in known:
            raise Terminal(f"{method} {self.base}{path} answered {read.status}: {read.words}")
        return read

    @property
    def _who(self) -> str:
        return f"credentials {self.way.credentials.name!r}" if self.way.credentials else "nobody's credentials"


def _body(method: str, url: str, answer: httpx.Response) -> Any:
    if not answer.content:
        return None
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        if not answer.is_success:  # a refusal is one without JSON too
            return None
        if answer.status_code == 203 or "text/html" in answer.headers.get("content-type", ""):
            # Azure DevOps shows its sign-in page, with success, to tokens it does not know.
            raise Unauthorized(
                f"{method} {url} answered a page for people instead of JSON: check the URL, and the credentials for it"
            ) from None
        raise BadAnswer(f"{method} {url} answered something that is no JSON") from None
