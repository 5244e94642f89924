"""What all dialects share: who may ask and how often, and how a refusal of the model becomes an answer."""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blocks.errors import Conflict, DrayageError, NotFound
from deployments.sandbox.basic_auth import Users
from deployments.sandbox.pull_requests import Duplicate, Moved, NothingToMerge, PullRequests
from deployments.sandbox.rate_limit import RateLimit
from deployments.sandbox.request_body import read_bytes

Json = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]

RETRY_AFTER = "30"
"""Seconds for which a host that limits wants peace, where it says so."""


class Refusal(Exception):
    """An answer other than success, in the host's words."""

    def __init__(self, status: int, words: str, headers: Mapping[str, str] | None = None) -> None:
        """Keep what to answer."""
        super().__init__(words)
        self.status, self.words, self.headers = status, words, headers


class Dialect:
    """One host's REST API. With users, a password is a token."""

    NAMED: ClassVar[tuple[str, ...]] = ("owner", "name")
    """The parts of the path that name a repository."""
    SCHEMES: ClassVar[tuple[str, ...]] = ("bearer",)
    ANONYMOUS: ClassVar[int] = 404
    """What is answered to nobody, who sees nothing."""
    STATUSES: ClassVar[dict[type[DrayageError], int]] = {
        Duplicate: 409,
        NothingToMerge: 400,
        Moved: 409,
        Conflict: 405,
        NotFound: 404,
    }
    LIMITED: ClassVar[int] = 429

    def __init__(self, pulls: PullRequests, users: Users, limit: RateLimit | None = None) -> None:
        """Speak about these pull requests."""
        self.pulls = pulls
        self.limit = limit or RateLimit()
        self._users = users

    def routes(self) -> list[Route]:
        """List the routes."""
        raise NotImplementedError

    def error(self, status: int, words: str) -> Any:
        """The host's shape of an error."""
        return {"message": words}

    def repository(self, request: Request) -> str:
        """Which repository is asked about. Raises NotFound."""
        name = "/".join(request.path_params[part] for part in self.NAMED)
        self.pulls.merges.git.path(name)
        return name

    def route(self, path: str, **methods: Endpoint) -> Route:
        """Make one route of endpoints by method."""

        async def endpoint(request: Request) -> Response:
            try:
                self._admit(request)
                return await methods[request.method](request)
            except Refusal as refusal:
                return self.refused(refusal)
            except DrayageError as error:
                status = next((self.STATUSES[kind] for kind in self.STATUSES if isinstance(error, kind)), 422)
                return self.refused(Refusal(status, str(error)))

        return Route(path, endpoint, methods=list(methods))

    def refused(self, refusal: Refusal) -> Response:
        """Answer a refusal."""
        return JSONResponse(self.error(refusal.status, refusal.words), refusal.status, refusal.headers)

    def _admit(self, request: Request) -> None:
        token = self._token(request)
        if self._users and token not in self._users.values():
            raise Refusal(401 if token else self.ANONYMOUS, "Unauthorized" if token else "Not Found")
        if not self.limit.take(token):
            # GitHub says with its headers when, the others with a time to wait.
            headers = self.limit.headers(token) if self.LIMITED == 403 else {"retry-after": RETRY_AFTER}
            raise Refusal(self.LIMITED, "API rate limit exceeded", headers)

    def _token(self, request: Request) -> str:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in self.SCHEMES:
            return scheme and "of an unknown scheme"
        if scheme.lower() != "basic":
            return given
        try:
            return base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return "unreadable"


async def content_of(request: Request) -> Json:
    """Read the JSON object of a request."""
    try:
        body = json.loads(await read_bytes(request) or b"{}")
    except ValueError:
        raise Refusal(400, "Problems parsing JSON") from None
    if not isinstance(body, dict):
        raise Refusal(400, "Body should be a JSON object")
    return body


def wanted(body: Json, *fields: str) -> list[str]:
    """Read fields that must be there."""
    if missing := [field for field in fields if not isinstance(body.get(field), str) or not body[field]]:
        raise Refusal(422, f"{', '.join(missing)} is missing")
    return [str(body[field]) for field in fields]


def number_of(request: Request) -> int:
    """The number in the path."""
    return int(request.path_params["number"])


def count(request: Request, name: str, default: int, most: int = 100) -> int:
    """A number in the query."""
    value = request.query_params.get(name, "")
    return min(int(value), most) if value.isdecimal() else default


def linked(request: Request, some: list[Json], all_of_them: int, page: int, size: int) -> Response:
    """One page of a list, with a `Link` to the next one where there is one."""
    following = page * size < all_of_them
    link = {"link": f'<{request.url.include_query_params(page=page + 1)}>; rel="next"'} if following else {}
    return JSONResponse(some, headers=link)
