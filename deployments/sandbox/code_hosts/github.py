"""GitHub's pull requests, as an Enterprise server has them: below `/api/v3`."""

from typing import ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blocks.errors import Conflict, DrayageError, NotFound
from deployments.sandbox.code_hosts.dialect import Dialect, Json, Refusal, content_of, count, linked, number_of, wanted
from deployments.sandbox.pull_requests import Duplicate, Method, Moved, NothingToMerge, Pull

METHODS: dict[str, Method] = {"merge": "merge", "squash": "squash", "rebase": "rebase"}


class GitHub(Dialect):
    """`/repos/<owner>/<name>/pulls` and what belongs to it."""

    SCHEMES: ClassVar[tuple[str, ...]] = ("bearer", "token")
    LIMITED: ClassVar[int] = 403
    STATUSES: ClassVar[dict[type[DrayageError], int]] = {
        Duplicate: 422,
        NothingToMerge: 422,
        Moved: 409,
        Conflict: 405,
        NotFound: 404,
    }

    def routes(self) -> list[Route]:
        """List the routes."""
        repository = "/api/v3/repos/{owner}/{name}"
        return [
            self.route(f"{repository}/pulls", GET=self.list, POST=self.open),
            self.route(f"{repository}/pulls/{{number:int}}", GET=self.get),
            self.route(f"{repository}/pulls/{{number:int}}/merge", PUT=self.merge),
            self.route(f"{repository}/issues/{{number:int}}/labels", POST=self.label),
        ]

    def error(self, status: int, words: str) -> Json:
        """The words, and for what is not valid also where."""
        if status != 422:
            return {"message": words, "documentation_url": "https://docs.github.com/rest"}
        return {"message": "Validation Failed", "errors": [{"resource": "PullRequest", "message": words}]}

    async def list(self, request: Request) -> Response:
        """List by state, head (`owner:branch`) and base."""
        repository, asked = self.repository(request), request.query_params
        found = await self.pulls.select(repository)
        found = [each for each in found if _fits(each, asked.get("state", "open"))]
        if head := asked.get("head"):
            found = [each for each in found if f"{request.path_params['owner']}:{each.head}" == head]
        if base := asked.get("base"):
            found = [each for each in found if each.base == base]
        size, page = count(request, "per_page", 30), count(request, "page", 1, 10_000)
        some = [_shown(request, each) for each in found[(page - 1) * size : page * size]]
        return linked(request, some, len(found), page, size)

    async def open(self, request: Request) -> Response:
        """Open one."""
        body = await content_of(request)
        title, head, base = wanted(body, "title", "head", "base")
        repository = self.repository(request)
        try:
            made = await self.pulls.open(repository, head, base, title, str(body.get("body") or ""))
        except Duplicate:
            raise Refusal(422, f"A pull request already exists for {head}.") from None
        except NotFound as error:
            raise Refusal(422, str(error)) from None
        return JSONResponse(_shown(request, made, alone=True), 201)

    async def get(self, request: Request) -> Response:
        """Show one."""
        pull = await self.pulls.get(self.repository(request), number_of(request))
        return JSONResponse(_shown(request, pull, alone=True))

    async def merge(self, request: Request) -> Response:
        """Merge one."""
        body = await content_of(request)
        method = METHODS.get(str(body.get("merge_method", "merge")))
        if method is None:
            raise Refusal(422, "invalid merge method")
        repository = self.repository(request)
        merged = await self.pulls.merge(repository, number_of(request), method, str(body.get("sha", "")))
        said = {"sha": merged.merge_commit, "merged": True, "message": "Pull Request successfully merged"}
        return JSONResponse(said)

    async def label(self, request: Request) -> Response:
        """Add labels."""
        labels = (await content_of(request)).get("labels") or []
        repository, number = self.repository(request), number_of(request)
        known = (await self.pulls.get(repository, number)).labels
        pull = await self.pulls.change(repository, number, labels=tuple(dict.fromkeys([*known, *labels])))
        return JSONResponse([{"name": label} for label in pull.labels])


def _repository(pull: Pull, fork: bool = False) -> Json:
    return {"full_name": f"{pull.repository}-fork" if fork else pull.repository}


def _fits(pull: Pull, state: str) -> bool:
    return state == "all" or (pull.state == "open") == (state == "open")


def _shown(request: Request, pull: Pull, *, alone: bool = False) -> Json:
    """As in a list; `alone` it is looked at whether it can be merged."""
    merged = pull.state == "merged"
    shown = {
        "number": pull.number,
        "html_url": f"{request.base_url}{pull.repository}/pull/{pull.number}",
        "state": "open" if pull.state == "open" else "closed",
        "title": pull.title,
        "body": pull.description or None,
        "draft": pull.draft,
        "labels": [{"name": label} for label in pull.labels],
        "merged_at": pull.updated_at if merged else None,
        # Of an open one GitHub names here the commit with which it tried the merge.
        "merge_commit_sha": pull.merge_commit if merged else "e" * 40,
        "head": {"ref": pull.head, "sha": pull.head_commit, "repo": _repository(pull, pull.fork)},
        "base": {"ref": pull.base, "sha": pull.base_commit, "repo": _repository(pull)},
        "created_at": pull.created_at,
        "updated_at": pull.updated_at,
    }
    if not alone:
        return shown
    mergeable = None if pull.slow or pull.state != "open" else not pull.conflicts
    state = "unknown" if mergeable is None else "dirty" if pull.conflicts else "blocked" if pull.blocked else "clean"
    return shown | {"merged": merged, "mergeable": mergeable, "mergeable_state": state}
