"""Bitbucket Cloud's pull requests, below `/2.0`. Commits are abbreviated, and there are no labels."""

import re
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blocks.errors import Conflict, DrayageError, NotFound
from deployments.sandbox.code_hosts.dialect import Dialect, Json, Refusal, content_of, count, number_of
from deployments.sandbox.pull_requests import Duplicate, Method, NothingToMerge, Pull

METHODS: dict[str, Method] = {"merge_commit": "merge", "squash": "squash", "fast_forward": "fast-forward"}
SHORT = 12
CLAUSE = re.compile(r'(source|destination)\.branch\.name="((?:[^"\\]|\\.)*)"')


class BitbucketCloud(Dialect):
    """`/repositories/<workspace>/<name>/pullrequests` and what belongs to it."""

    SCHEMES: ClassVar[tuple[str, ...]] = ("bearer", "basic")
    STATUSES: ClassVar[dict[type[DrayageError], int]] = {NothingToMerge: 400, Conflict: 400, NotFound: 404}

    def routes(self) -> list[Route]:
        """List the routes."""
        repository = "/2.0/repositories/{owner}/{name}"
        return [
            self.route(f"{repository}/pullrequests", GET=self.list, POST=self.open),
            self.route(f"{repository}/pullrequests/{{number:int}}", GET=self.get),
            self.route(f"{repository}/pullrequests/{{number:int}}/merge", POST=self.merge),
            self.route(f"{repository}/commit/{{commit}}", GET=self.commit),
        ]

    def error(self, status: int, words: str) -> Json:
        """Its shape of errors."""
        return {"type": "error", "error": {"message": words}}

    async def list(self, request: Request) -> Response:
        """List by states and by a query about branches."""
        asked, repository = request.query_params, self.repository(request)
        states = asked.getlist("state") or ["OPEN"]
        found = [each for each in await self.pulls.select(repository) if _state(each) in states]
        for side, name in CLAUSE.findall(asked.get("q", "")):
            plain = re.sub(r"\\(.)", r"\1", name)
            found = [each for each in found if (each.head if side == "source" else each.base) == plain]
        size, page = count(request, "pagelen", 10, 50), count(request, "page", 1, 10_000)
        some = [_shown(request, each) for each in found[(page - 1) * size : page * size]]
        listed: Json = {"values": some, "page": page, "pagelen": size, "size": len(found)}
        if page * size < len(found):
            listed["next"] = str(request.url.include_query_params(page=page + 1))
        return JSONResponse(listed)

    async def open(self, request: Request) -> Response:
        """Open one; an open one of the same branches is changed instead."""
        body, repository = await content_of(request), self.repository(request)
        try:
            head, base = (str(body[side]["branch"]["name"]) for side in ("source", "destination"))
            title = str(body["title"])
        except (KeyError, TypeError):
            raise Refusal(400, "title, source and destination are required") from None
        description = str(body.get("description") or "")
        try:
            made = await self.pulls.open(repository, head, base, title, description)
        except Duplicate as error:
            made = await self.pulls.change(repository, int(str(error)), title=title, description=description)
        except NotFound:
            raise Refusal(400, "source: branch not found") from None
        return JSONResponse(_shown(request, made), 201)

    async def get(self, request: Request) -> Response:
        """Show one."""
        return JSONResponse(_shown(request, await self.pulls.get(self.repository(request), number_of(request))))

    async def merge(self, request: Request) -> Response:
        """Merge one."""
        strategy = str((await content_of(request)).get("merge_strategy", "merge_commit"))
        if strategy not in METHODS:
            raise Refusal(400, f"merge_strategy: {strategy} is not allowed")
        merged = await self.pulls.merge(self.repository(request), number_of(request), METHODS[strategy])
        return JSONResponse(_shown(request, merged))

    async def commit(self, request: Request) -> Response:
        """Show a commit by the start of its id."""
        found = await self.pulls.merges.git.commit_named(self.repository(request), request.path_params["commit"])
        if not found:
            raise Refusal(404, "Commit not found")
        return JSONResponse({"type": "commit", "hash": found})


def _state(pull: Pull) -> str:
    return {"open": "OPEN", "merged": "MERGED", "closed": "DECLINED"}[pull.state]


def _shown(request: Request, pull: Pull) -> Json:
    merged = pull.state == "merged"
    return {
        "type": "pullrequest",
        "id": pull.number,
        "title": pull.title,
        "description": pull.description,
        "state": _state(pull),
        "draft": pull.draft,
        "links": {"html": {"href": f"{request.base_url}{pull.repository}/pull-requests/{pull.number}"}},
        "source": _side(pull, pull.head, pull.head_commit, fork=pull.fork),
        "destination": _side(pull, pull.base, pull.base_commit),
        "merge_commit": {"type": "commit", "hash": pull.merge_commit[:SHORT]} if merged else None,
        "created_on": pull.created_at,
        "updated_on": pull.updated_at,
    }


def _side(pull: Pull, branch: str, commit: str, *, fork: bool = False) -> Json:
    name = f"{pull.repository}-fork" if fork else pull.repository
    return {"branch": {"name": branch}, "commit": {"hash": commit[:SHORT]}, "repository": {"full_name": name}}
