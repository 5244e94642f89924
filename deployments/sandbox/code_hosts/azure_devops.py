"""Azure DevOps' pull requests, below `/<organisation>/<project>/_apis/git`."""

from typing import ClassVar

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from blocks.errors import Conflict, DrayageError, NotFound
from deployments.sandbox.code_hosts.dialect import Dialect, Json, Refusal, content_of, count, number_of
from deployments.sandbox.pull_requests import Duplicate, Method, Moved, NothingToMerge, Pull

METHODS: dict[str, Method] = {
    "noFastForward": "merge",
    "rebase": "rebase",
    "rebaseMerge": "rebase-merge",
    "squash": "squash",
}
SIGN_IN = 203
"""Answered to nobody, with a page for people."""


class AzureDevOps(Dialect):
    """`/repositories/<name>/pullrequests` and what belongs to it. A slow one is merged after the answer."""

    NAMED: ClassVar[tuple[str, ...]] = ("organisation", "project", "name")
    SCHEMES: ClassVar[tuple[str, ...]] = ("basic", "bearer")
    ANONYMOUS: ClassVar[int] = SIGN_IN
    STATUSES: ClassVar[dict[type[DrayageError], int]] = {
        Duplicate: 409,
        NothingToMerge: 400,
        Moved: 409,
        Conflict: 409,
        NotFound: 404,
    }

    def routes(self) -> list[Route]:
        """List the routes."""
        requests = "/{organisation}/{project}/_apis/git/repositories/{name}/pullrequests"
        return [
            self.route(requests, GET=self.list, POST=self.open),
            self.route(f"{requests}/{{number:int}}", GET=self.get, PATCH=self.complete),
            self.route(f"{requests}/{{number:int}}/labels", POST=self.label),
        ]

    def error(self, status: int, words: str) -> Json:
        """Its shape of errors."""
        return {"$id": "1", "message": words, "typeKey": "GitPullRequestException", "errorCode": 0}

    def refused(self, refusal: Refusal) -> Response:
        """Answer a refusal, to nobody with the page to sign in."""
        if refusal.status == SIGN_IN:
            return HTMLResponse("<html><title>Azure DevOps Services | Sign In</title></html>", SIGN_IN)
        return super().refused(refusal)

    async def list(self, request: Request) -> Response:
        """List by status and branches."""
        asked = {name.removeprefix("searchCriteria."): value for name, value in request.query_params.items()}
        found = await self.pulls.select(self.repository(request))
        found = [each for each in found if asked.get("status", "active") in ("all", _status(each))]
        for criterion, field in (("sourceRefName", "head"), ("targetRefName", "base")):
            if name := asked.get(criterion):
                found = [each for each in found if f"refs/heads/{getattr(each, field)}" == name]
        skip, size = count(request, "$skip", 0, 1_000_000), count(request, "$top", 101, 1_000)
        some = [_shown(request, each) for each in found[skip : skip + size]]
        return JSONResponse({"value": some, "count": len(some)})

    async def open(self, request: Request) -> Response:
        """Open one."""
        body, repository = await content_of(request), self.repository(request)
        names = [str(body.get(side, "")) for side in ("sourceRefName", "targetRefName")]
        if not all(name.startswith("refs/heads/") for name in names) or not body.get("title"):
            raise Refusal(400, "TF401398: The pull request cannot be activated: a reference is not valid")
        head, base = (name.removeprefix("refs/heads/") for name in names)
        try:
            made = await self.pulls.open(repository, head, base, str(body["title"]), str(body.get("description") or ""))
        except Duplicate:
            words = "TF401179: An active pull request for the source and target branch already exists."
            raise Refusal(409, words) from None
        except NotFound:
            raise Refusal(400, "TF401398: The pull request cannot be activated: a branch does not exist") from None
        return JSONResponse(_shown(request, made), 201)

    async def get(self, request: Request) -> Response:
        """Show one."""
        return JSONResponse(_shown(request, await self.pulls.get(self.repository(request), number_of(request))))

    async def complete(self, request: Request) -> Response:
        """Merge one."""
        body, repository, number = await content_of(request), self.repository(request), number_of(request)
        strategy = str((body.get("completionOptions") or {}).get("mergeStrategy", "noFastForward"))
        if body.get("status") != "completed" or strategy not in METHODS:
            raise Refusal(400, "The status or the merge strategy is not valid")
        seen = str((body.get("lastMergeSourceCommit") or {}).get("commitId", ""))
        merged = await self.pulls.merge(repository, number, METHODS[strategy], seen)
        return JSONResponse(_shown(request, merged))

    async def label(self, request: Request) -> Response:
        """Add one label."""
        repository, number = self.repository(request), number_of(request)
        name = str((await content_of(request)).get("name", ""))
        known = (await self.pulls.get(repository, number)).labels
        await self.pulls.change(repository, number, labels=tuple(dict.fromkeys([*known, name])))
        return JSONResponse({"name": name, "active": True})


def _status(pull: Pull) -> str:
    return {"open": "active", "merged": "completed", "closed": "abandoned"}[pull.state]


def _merge_status(pull: Pull) -> str:
    if pull.slow:
        return "queued"
    return "conflicts" if pull.conflicts else "rejectedByPolicy" if pull.blocked else "succeeded"


def _shown(request: Request, pull: Pull) -> Json:
    shown: Json = {
        "pullRequestId": pull.number,
        "status": _status(pull),
        "title": pull.title,
        "description": pull.description,
        "isDraft": pull.draft,
        "sourceRefName": f"refs/heads/{pull.head}",
        "targetRefName": f"refs/heads/{pull.base}",
        "mergeStatus": _merge_status(pull),
        "lastMergeSourceCommit": {"commitId": pull.head_commit},
        "lastMergeTargetCommit": {"commitId": pull.base_commit},
        # Of an active one Azure DevOps names here the commit with which it tried the merge.
        "lastMergeCommit": {"commitId": pull.merge_commit or "e" * 40},
        "labels": [{"name": label, "active": True} for label in pull.labels],
        "creationDate": pull.created_at,
    }
    return shown | ({"forkSource": {"name": "refs/heads/x"}} if pull.fork else {})
