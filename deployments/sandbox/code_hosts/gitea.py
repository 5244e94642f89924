"""Gitea's pull requests, below `/api/v1`."""

from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blocks.errors import Conflict, DrayageError, NotFound
from deployments.sandbox.code_hosts.dialect import Dialect, Json, Refusal, content_of, count, linked, number_of, wanted
from deployments.sandbox.pull_requests import Duplicate, Method, Moved, NothingToMerge, Pull

METHODS: dict[str, Method] = {
    "merge": "merge",
    "rebase": "rebase",
    "rebase-merge": "rebase-merge",
    "squash": "squash",
    "fast-forward-only": "fast-forward",
}


class Gitea(Dialect):
    """`/repos/<owner>/<name>/pulls` and what belongs to it. Labels are known by number, and must be made before."""

    SCHEMES: ClassVar[tuple[str, ...]] = ("token", "bearer")
    STATUSES: ClassVar[dict[type[DrayageError], int]] = {
        Duplicate: 409,
        NothingToMerge: 422,
        Moved: 409,
        Conflict: 405,
        NotFound: 404,
    }

    def __init__(self, *given: Any) -> None:
        """Begin without labels."""
        super().__init__(*given)
        self._labels: dict[str, list[str]] = {}

    def routes(self) -> list[Route]:
        """List the routes."""
        repository = "/api/v1/repos/{owner}/{name}"
        return [
            self.route(f"{repository}/pulls", GET=self.list, POST=self.open),
            self.route(f"{repository}/pulls/{{number:int}}", GET=self.get),
            self.route(f"{repository}/pulls/{{number:int}}/merge", POST=self.merge),
            self.route(f"{repository}/labels", GET=self.labels, POST=self.make_label),
            self.route(f"{repository}/issues/{{number:int}}/labels", POST=self.label),
        ]

    def error(self, status: int, words: str) -> Json:
        """The words, and where the API is described."""
        return {"message": words, "url": "http://127.0.0.1/api/swagger"}

    async def list(self, request: Request) -> Response:
        """List by state alone."""
        state = request.query_params.get("state", "open")
        found = await self.pulls.select(self.repository(request))
        found = [each for each in found if state == "all" or (each.state == "open") == (state == "open")]
        size, page = count(request, "limit", 30, 50), count(request, "page", 1, 10_000)
        some = [await self._shown(request, each) for each in found[(page - 1) * size : page * size]]
        return linked(request, some, len(found), page, size)

    async def open(self, request: Request) -> Response:
        """Open one."""
        body = await content_of(request)
        title, head, base = wanted(body, "title", "head", "base")
        try:
            made = await self.pulls.open(self.repository(request), head, base, title, str(body.get("body") or ""))
        except Duplicate:
            words = f"pull request already exists for these targets [head_branch: {head}, base_branch: {base}]"
            raise Refusal(409, words) from None
        return JSONResponse(await self._shown(request, made), 201)

    async def get(self, request: Request) -> Response:
        """Show one."""
        pull = await self.pulls.get(self.repository(request), number_of(request))
        return JSONResponse(await self._shown(request, pull))

    async def merge(self, request: Request) -> Response:
        """Merge one; the answer is empty."""
        body = await content_of(request)
        repository, number = self.repository(request), number_of(request)
        if body.get("Do") == "manually-merged":
            return await self._merged_by_hand(repository, number, str(body.get("MergeCommitID", "")))
        method = METHODS.get(str(body.get("Do", "")))
        if method is None:
            raise Refusal(422, "[Do]: Required")
        await self.pulls.merge(repository, number, method, str(body.get("head_commit_id", "")))
        return Response(status_code=200)

    async def labels(self, request: Request) -> Response:
        """List the labels of a repository."""
        known = self._labels.get(self.repository(request), [])
        return JSONResponse([{"id": number, "name": name} for number, name in enumerate(known, 1)])

    async def make_label(self, request: Request) -> Response:
        """Make a label."""
        (name, _) = wanted(await content_of(request), "name", "color")
        known = self._labels.setdefault(self.repository(request), [])
        known.append(name)
        return JSONResponse({"id": len(known), "name": name}, 201)

    async def label(self, request: Request) -> Response:
        """Add labels by their numbers."""
        repository, number = self.repository(request), number_of(request)
        numbers = (await content_of(request)).get("labels") or []
        known = self._labels.get(repository, [])
        if not all(isinstance(each, int) and 0 < each <= len(known) for each in numbers):
            raise Refusal(422, "label ids not found")
        before = (await self.pulls.get(repository, number)).labels
        labels = tuple(dict.fromkeys([*before, *(known[each - 1] for each in numbers)]))
        await self.pulls.change(repository, number, labels=labels)
        return JSONResponse([{"name": label} for label in labels])

    async def _merged_by_hand(self, repository: str, number: int, commit: str) -> Response:
        """Believe that a commit on the base merged it."""
        pull = await self.pulls.get(repository, number)
        tip = await self.pulls.merges.tip(repository, pull.base)
        if not commit or not await self.pulls.merges.contains(repository, tip, commit):
            raise Refusal(409, "wrong commit ID")
        await self.pulls.change(repository, number, state="merged", merge_commit=commit)
        return Response(status_code=200)

    async def _shown(self, request: Request, pull: Pull) -> Json:
        there = bool(await self.pulls.merges.tip(pull.repository, pull.head))
        merged = pull.state == "merged"
        return {
            "id": 1_000 + pull.number,
            "number": pull.number,
            "html_url": f"{request.base_url}{pull.repository}/pulls/{pull.number}",
            "state": "open" if pull.state == "open" else "closed",
            "title": pull.title,
            "body": pull.description,
            "draft": pull.draft,
            "merged": merged,
            "mergeable": pull.state == "open" and not (pull.conflicts or pull.slow),
            "merge_commit_sha": pull.merge_commit if merged else None,
            "labels": [{"name": label} for label in pull.labels],
            "head": {
                "label": pull.head,
                "ref": pull.head if there else f"refs/pull/{pull.number}/head",
                "sha": pull.head_commit,
                "repo_id": 8 if pull.fork else 7,
            },
            "base": {"label": pull.base, "ref": pull.base, "sha": pull.base_commit, "repo_id": 7},
            "created_at": pull.created_at,
            "updated_at": pull.updated_at,
        }
