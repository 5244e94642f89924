"""Bitbucket Data Center's pull requests, below `/rest/api/1.0`. They have versions, and no labels."""

from typing import ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blocks.errors import Conflict, DrayageError, NotFound
from deployments.sandbox.code_hosts.dialect import Dialect, Json, Refusal, content_of, count, number_of
from deployments.sandbox.pull_requests import Duplicate, Method, NothingToMerge, Pull

METHODS: dict[str, Method] = {
    "no-ff": "merge",
    "squash": "squash",
    "ff-only": "fast-forward",
    "rebase-no-ff": "rebase-merge",
    "rebase-ff-only": "rebase",
}


class BitbucketDataCenter(Dialect):
    """`/projects/<key>/repos/<name>/pull-requests` and what belongs to it."""

    NAMED: ClassVar[tuple[str, ...]] = ("key", "name")
    ANONYMOUS: ClassVar[int] = 401
    STATUSES: ClassVar[dict[type[DrayageError], int]] = {
        Duplicate: 409,
        NothingToMerge: 409,
        Conflict: 409,
        NotFound: 404,
    }

    def routes(self) -> list[Route]:
        """List the routes."""
        requests = "/rest/api/1.0/projects/{key}/repos/{name}/pull-requests"
        return [
            self.route(requests, GET=self.list, POST=self.open),
            self.route(f"{requests}/{{number:int}}", GET=self.get),
            self.route(f"{requests}/{{number:int}}/merge", POST=self.merge),
        ]

    def error(self, status: int, words: str) -> Json:
        """Its shape of errors; a merge that is not allowed names vetoes."""
        if status == 409 and words.startswith("veto: "):
            veto = {"summaryMessage": "Not all required checks are successful", "detailedMessage": words[6:]}
            return {"errors": [{"message": "Merging the pull request has been vetoed.", "vetoes": [veto]}]}
        return {"errors": [{"context": None, "message": words, "exceptionName": None}]}

    async def list(self, request: Request) -> Response:
        """List by state and by the branch they come from."""
        asked, repository = request.query_params, self.repository(request)
        state, head = asked.get("state", "OPEN"), asked.get("at", "").removeprefix("refs/heads/")
        found = [each for each in await self.pulls.select(repository) if state in ("ALL", _state(each))]
        if head:
            side = "head" if asked.get("direction") == "OUTGOING" else "base"
            found = [each for each in found if getattr(each, side) == head]
        size, start = count(request, "limit", 25), count(request, "start", 0, 1_000_000)
        listed: Json = {
            "values": [_shown(request, each) for each in found[start : start + size]],
            "size": len(found[start : start + size]),
            "limit": size,
            "start": start,
            "isLastPage": start + size >= len(found),
        }
        if not listed["isLastPage"]:
            listed["nextPageStart"] = start + size
        return JSONResponse(listed)

    async def open(self, request: Request) -> Response:
        """Open one."""
        body, repository = await content_of(request), self.repository(request)
        try:
            head, base = (str(body[side]["id"]).removeprefix("refs/heads/") for side in ("fromRef", "toRef"))
            made = await self.pulls.open(repository, head, base, str(body["title"]), str(body.get("description") or ""))
        except (KeyError, TypeError):
            raise Refusal(400, "title, fromRef and toRef are required") from None
        except Duplicate:
            words = "Only one pull request may be open for a given source and target branch: one exists already."
            raise Refusal(409, words) from None
        return JSONResponse(_shown(request, made), 201)

    async def get(self, request: Request) -> Response:
        """Show one."""
        return JSONResponse(_shown(request, await self.pulls.get(self.repository(request), number_of(request))))

    async def merge(self, request: Request) -> Response:
        """Merge one of the version that is named."""
        if request.headers.get("x-atlassian-token") != "no-check":
            raise Refusal(403, "XSRF check failed")
        repository, number = self.repository(request), number_of(request)
        pull = await self.pulls.get(repository, number)
        if request.query_params.get("version") != str(_version(pull)):
            raise Refusal(409, "The pull request has changed: you are attempting to modify an out-of-date one.")
        strategy = str((await content_of(request)).get("strategyId", "no-ff"))
        if strategy not in METHODS:
            raise Refusal(400, f"The merge strategy {strategy} is not enabled")
        try:
            merged = await self.pulls.merge(repository, number, METHODS[strategy])
        except Conflict as error:
            raise Refusal(409, f"veto: {error}") from None
        return JSONResponse(_shown(request, merged))


def _state(pull: Pull) -> str:
    return {"open": "OPEN", "merged": "MERGED", "closed": "DECLINED"}[pull.state]


def _version(pull: Pull) -> int:
    """Another one after every push to the branch."""
    return int(pull.head_commit[:6], 16)


def _shown(request: Request, pull: Pull) -> Json:
    key, name = pull.repository.rsplit("/", 1)
    page = f"{request.base_url}projects/{key}/repos/{name}/pull-requests/{pull.number}"
    merged = pull.state == "merged" and pull.method != "fast-forward"
    return {
        "id": pull.number,
        "version": _version(pull),
        "title": pull.title,
        "description": pull.description,
        "state": _state(pull),
        "open": pull.state == "open",
        "closed": pull.state != "open",
        "draft": pull.draft,
        "fromRef": _ref(pull.head, pull.head_commit, 8 if pull.fork else 7),
        "toRef": _ref(pull.base, pull.base_commit, 7),
        "properties": {"mergeCommit": {"id": pull.merge_commit}} if merged else {},
        "links": {"self": [{"href": page}]},
    }


def _ref(branch: str, commit: str, repository: int) -> Json:
    name = {"id": f"refs/heads/{branch}", "displayId": branch, "latestCommit": commit}
    return {**name, "repository": {"id": repository}}
