"""Asking for an index with one set of credentials, and what it means when the server refuses."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from blocks import http_client
from blocks.budget import Budget
from blocks.charts.location import Location
from blocks.errors import DrayageError, NotFound, Refused, Unauthorized
from blocks.http_client import Limits
from blocks.records import Credentials


@dataclass(frozen=True)
class Asker:
    """Who asks, and how. Credentials are sent at once, as Helm does, but to the repository's own server only."""

    credentials: Credentials | None
    allow_plain_http: bool
    limits: Limits
    budget: Budget

    async def ask(self, http: httpx.AsyncClient, where: Location, headers: Mapping[str, str]) -> httpx.Response:
        """Return an answer with a 2xx status, or 304. Raises the leaves of `blocks.errors`."""
        answer = await http_client.request(
            http,
            "GET",
            where.url,
            headers=headers,
            limits=self.limits,
            budget=self.budget,
            accept_errors=(304, 401, 403, 404),
            params=httpx.QueryParams(where.query) if where.query else None,
            auth=self._auth(where),
        )
        if answer.status_code in (401, 403, 404):
            raise self._refusal(where, answer)
        return answer

    def _auth(self, where: Location) -> httpx.BasicAuth | None:
        if self.credentials is None or self._withheld(where):
            return None
        return httpx.BasicAuth(self.credentials.username, self.credentials.password)

    def _withheld(self, where: Location) -> bool:
        return where.scheme != "https" and not self.allow_plain_http

    def _refusal(self, where: Location, answer: httpx.Response) -> DrayageError:
        said = f"{where.url} answered {answer.status_code}{_moved(where, answer.request.url)}"
        if answer.status_code == 404:
            return NotFound(f"{said}: check the repoURL, below which index.yaml must lie")
        if self.credentials is None:
            return Unauthorized(f"{said}, and no credentials are known for it: apply a Secret of cred-type helm")
        name = f"credentials {self.credentials.name!r}"
        if self._withheld(where):
            return Refused(f"{said}, and {name} are not sent to it over plain http: use its https address")
        return Unauthorized(f"{said} when given {name}: check their user name and password")


def _moved(where: Location, answered: httpx.URL) -> str:
    """Where a redirect led, when that is a server to which no credentials go."""
    asked = httpx.URL(where.url)
    if (asked.scheme, asked.netloc) == (answered.scheme, answered.netloc):
        return ""
    return f" after a redirect to {answered.netloc.decode()}, where its credentials are not sent,"
