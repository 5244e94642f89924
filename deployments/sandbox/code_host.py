"""A code host with GitHub's REST API for releases, as an Enterprise server has it: under `/api/v3`.

With `users`, a password is a token: without one nothing is there, and a wrong one is refused.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blocks.errors import NotFound
from deployments.sandbox.basic_auth import Users
from deployments.sandbox.git_repositories import GitRepositories
from deployments.sandbox.rate_limit import RateLimit
from deployments.sandbox.releases import Releases, shown

PAGE, MOST_ON_A_PAGE = 30, 100
SHA = "application/vnd.github.sha"


class CodeHost:
    """The endpoints over the releases that were made here; commits come from Git where it has the repository."""

    def __init__(self, git: GitRepositories, users: Users, state: Any = None) -> None:
        """Continue from a snapshot of releases."""
        self.releases = Releases(state)
        self.limit = RateLimit()
        self._git = git
        self._users = users

    def routes(self) -> list[Route]:
        """List the routes."""
        repository = "/api/v3/repos/{owner}/{name}"
        return [
            Route(f"{repository}/releases", self.list, methods=["GET"]),
            Route(f"{repository}/releases/tags/{{tag:path}}", self.by_tag, methods=["GET"]),
            Route(f"{repository}/commits/tags/{{tag:path}}", self.commit, methods=["GET"]),
            Route("/api/v3/{rest:path}", self.nothing, methods=["GET"]),
        ]

    async def list(self, request: Request) -> Response:
        """List releases, the newest first, on pages named by `Link`."""
        repository = self._repository(request)
        size, page = _number(request, "per_page", PAGE), _number(request, "page", 1)
        size = min(size, MOST_ON_A_PAGE)
        found = self.releases.of(repository, drafts=bool(self._account(request)))  # who may push sees drafts
        some = [shown(str(request.base_url), repository, each) for each in found[(page - 1) * size : page * size]]
        headers = {}
        if page * size < len(found):
            query = urlencode({"per_page": size, "page": page + 1})
            headers["link"] = f'<{request.url.replace(query=query)}>; rel="next"'
        return self._answer(request, some, headers)

    async def by_tag(self, request: Request) -> Response:
        """Show one published release."""
        repository, tag = self._repository(request), request.path_params["tag"]
        found = [each for each in self.releases.of(repository, drafts=False) if each["tag"] == tag]
        if not found:
            raise _not_found()
        return self._answer(request, shown(str(request.base_url), repository, found[0]))

    async def commit(self, request: Request) -> Response:
        """Show which commit a tag leads to, as bare text."""
        repository, tag = self._repository(request), request.path_params["tag"]
        told = [each["commit"] for each in self.releases.of(repository) if each["tag"] == tag and each["commit"]]
        commit = told[0] if told else await self._commit(repository, tag)
        if commit is None:
            return self._answer(request, {"message": f"No commit found for SHA: tags/{tag}"}, status=422)
        answer = self._answer(request, {"sha": commit})
        if SHA in request.headers.get("accept", "") and answer.status_code == 200:
            return Response(commit, headers=dict(self.limit.headers(self._account(request))), media_type=SHA)
        return answer

    async def nothing(self, request: Request) -> Response:
        """Answer for all that this host does not offer."""
        raise _not_found()

    async def _commit(self, repository: str, tag: str) -> str | None:
        try:
            refs = await self._git.refs(repository)
        except NotFound:
            return None
        return refs.get(f"refs/tags/{tag}")

    def _repository(self, request: Request) -> str:
        """Which repository is meant, once it is clear that it may be seen and that the limit allows it."""
        repository = f"{request.path_params['owner']}/{request.path_params['name']}"
        account = self._account(request)
        if self._users and account not in self._users.values():
            raise _not_found() if not account else HTTPException(401, "Bad credentials")
        if not self.releases.has(repository):
            raise _not_found()
        return repository

    def _account(self, request: Request) -> str:
        return request.headers.get("authorization", "").partition(" ")[2]

    def _answer(
        self, request: Request, body: Any, headers: Mapping[str, str] | None = None, status: int = 200
    ) -> Response:
        """Answer with an ETag; what has not changed does not count."""
        content = json.dumps(body)
        etag = f'W/"{hashlib.sha256(content.encode()).hexdigest()}"'
        account = self._account(request)
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={**self.limit.headers(account), "etag": etag})
        if not self.limit.take(account):
            said = {"message": "API rate limit exceeded"}
            return JSONResponse(said, 403, self.limit.headers(account))
        more = {**(headers or {}), **self.limit.headers(account), "etag": etag}
        return Response(content, status, more, media_type="application/json; charset=utf-8")


def _number(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name, "")
    return max(1, int(value)) if value.isdecimal() else default


def _not_found() -> HTTPException:
    return HTTPException(404, "Not Found")
