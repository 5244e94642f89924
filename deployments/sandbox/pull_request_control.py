"""What a person does with pull requests of the sandbox, under `/sandbox/pull-requests`, whatever host they are on."""

from dataclasses import asdict
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blocks.errors import Conflict, NotFound
from deployments.sandbox.pull_requests import Pull, PullRequests
from deployments.sandbox.request_body import read_object

CHANGES: dict[str, dict[str, Any]] = {
    "close": {"state": "closed"},
    "block": {"blocked": "1 approving review is required"},
    "unblock": {"blocked": ""},
}
"""What actions other than `merge` change."""


class PullRequestControl:
    """The endpoints over all pull requests."""

    def __init__(self, pulls: PullRequests) -> None:
        """Control these."""
        self.pulls = pulls

    def routes(self) -> list[Route]:
        """List the routes."""
        return [
            Route("/sandbox/pull-requests", self.list, methods=["GET"]),
            Route("/sandbox/pull-requests", self.act, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        """List those of `?repository=`, the newest first."""
        found = await self.pulls.select(request.query_params.get("repository", ""))
        return JSONResponse([asdict(each) for each in found])

    async def act(self, request: Request) -> Response:
        """Do `{repository, number, action}`: merge, close, block or unblock."""
        body = await read_object(request)
        repository, number, action = body.get("repository"), body.get("number"), body.get("action")
        if not isinstance(repository, str) or not isinstance(number, int):
            raise HTTPException(400, "repository, a string, and number are required")
        try:
            return JSONResponse(asdict(await self._done(repository, number, str(action))))
        except NotFound as error:
            raise HTTPException(404, str(error)) from None
        except Conflict as error:
            raise HTTPException(409, str(error)) from None

    async def _done(self, repository: str, number: int, action: str) -> Pull:
        if action == "merge":
            return await self.pulls.merge(repository, number)
        if action not in CHANGES:
            raise HTTPException(400, f"action must be one of merge, {', '.join(CHANGES)}")
        return await self.pulls.change(repository, number, **CHANGES[action])
