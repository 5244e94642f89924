"""How a registry wants to be asked: anonymously, with a password, or with a token it has somebody else issue."""

import re
from dataclasses import dataclass, field

import httpx

from blocks.budget import Budgets, account
from blocks.errors import BadAnswer, Refused, Unauthorized
from blocks.http_client import Limits, request
from blocks.records import Credentials
from blocks.registry.reference import is_loopback

_CHALLENGE = re.compile(r'(?:^|,)\s*(Bearer|Basic)\s+((?:[\w-]+=(?:"[^"]*"|[^\s,"]*)\s*,?\s*)*)', re.IGNORECASE)
_PARAMETER = re.compile(r'([\w-]+)=(?:"([^"]*)"|([^\s,"]*))')
_LONGEST = 4_096
"""Characters of a challenge we read."""


@dataclass(frozen=True)
class Challenge:
    """What a 401 asks for."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)


def challenge(response: httpx.Response) -> Challenge:
    """Read the challenge of a 401; of several, the token is preferred. Raises BadAnswer when it is garbage."""
    header = ", ".join(response.headers.get_list("www-authenticate"))[:_LONGEST]
    found = [
        Challenge(scheme.lower(), {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)})
        for scheme, rest in _CHALLENGE.findall(header)
    ]
    if not found:
        raise BadAnswer(
            f"{response.request.url} answered 401 without saying how to authenticate: "
            "check that a registry answers there"
        )
    return next((each for each in found if each.scheme == "bearer"), found[0])


@dataclass(frozen=True)
class Authenticator:
    """Answers challenges of registries with one set of credentials, or none."""

    credentials: Credentials | None
    allow_plain_http: bool
    limits: Limits
    budgets: Budgets

    @property
    def account(self) -> str:
        """Whose limits its requests count against."""
        return account(self.credentials)

    @property
    def described(self) -> str:
        """What it answers with, and what to do when that is refused."""
        if self.credentials is None:
            return "a token for anybody: apply a Secret for its repoURL"
        return f"credentials {self.credentials.name!r}: check their user name and password"

    async def answer(
        self, http: httpx.AsyncClient, response: httpx.Response, scope: str, needed: tuple[str, ...] = ()
    ) -> str:
        """Return the Authorization header that should satisfy a 401.

        A token is asked for the `needed` scopes, else for what the challenge names, else for `scope`.
        Raises Unauthorized when there is nothing to answer with, and what asking for a token raises.
        """
        asked = challenge(response)
        if asked.scheme == "bearer":
            return f"Bearer {await self._token(http, asked, needed or (asked.parameters.get('scope') or scope,))}"
        basic = self._basic(response.request.url)
        if basic is None:
            raise Unauthorized(
                f"{response.request.url} needs credentials, and none are known for this repository: "
                "apply a Secret for its repoURL"
            )
        return str(next(basic.auth_flow(httpx.Request("GET", response.request.url))).headers["Authorization"])

    async def _token(self, http: httpx.AsyncClient, asked: Challenge, scopes: tuple[str, ...]) -> str:
        realm = asked.parameters.get("realm", "")
        if not _may_be_asked(realm):
            raise BadAnswer(f"the registry sends us for a token to {realm!r}, which is no https URL")
        parameters = [("service", asked.parameters.get("service", "")), *(("scope", scope) for scope in scopes)]
        url = httpx.URL(realm)
        url = url.copy_with(params=[*url.params.multi_items(), *(each for each in parameters if each[1])])
        budget = self.budgets.of(url.netloc.decode(), self.account)
        answer = await request(http, "GET", str(url), limits=self.limits, auth=self._basic(url), budget=budget)
        return _token_in(answer)

    def _basic(self, url: httpx.URL) -> httpx.BasicAuth | None:
        if self.credentials is None or not (self.credentials.username or self.credentials.password):
            return None
        if url.scheme != "https" and not self.allow_plain_http:
            raise Refused(f"credentials {self.credentials.name!r} are not sent to {url.host} over plain http")
        return httpx.BasicAuth(self.credentials.username, self.credentials.password)


def _may_be_asked(realm: str) -> bool:
    try:
        url = httpx.URL(realm)
    except httpx.InvalidURL:
        return False
    return url.scheme == "https" or (url.scheme == "http" and is_loopback(url.netloc.decode()))


def _token_in(answer: httpx.Response) -> str:
    try:
        body = answer.json()
        token = body.get("token") or body.get("access_token")
    except (ValueError, AttributeError):
        token = None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise BadAnswer(f"{answer.request.url.copy_with(query=None)} answered without a token")
    return token
