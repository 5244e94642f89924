"""GitLab's merge requests, below `/api/v4`."""

from typing import ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blocks.errors import Conflict, DrayageError, NotFound
from deployments.sandbox.code_hosts.dialect import Dialect, Json, Refusal, content_of, count, linked, number_of, wanted
from deployments.sandbox.pull_requests import Duplicate, Method, Moved, NothingToMerge, Pull, State

STATES: dict[str, State] = {"opened": "open", "closed": "closed", "merged": "merged"}


class GitLab(Dialect):
    """`/projects/<path, percent-encoded>/merge_requests` and what belongs to it."""

    NAMED: ClassVar[tuple[str, ...]] = ("project",)
    STATUSES: ClassVar[dict[type[DrayageError], int]] = {
        Duplicate: 409,
        NothingToMerge: 400,
        Moved: 409,
        Conflict: 405,
        NotFound: 404,
    }

    def routes(self) -> list[Route]:
        """List the routes. Starlette decodes the path's percent signs before it looks."""
        requests = "/api/v4/projects/{project:path}/merge_requests"
        return [
            self.route(f"{requests}/{{number:int}}/merge", PUT=self.merge),
            self.route(f"{requests}/{{number:int}}", GET=self.get, PUT=self.update),
            self.route(requests, GET=self.list, POST=self.open),
        ]

    def error(self, status: int, words: str) -> Json:
        """Words, in a list where it is a conflict."""
        if status == 429:
            return {"error": words}
        return {"message": [words] if status == 409 else f"{status} {words}"}

    async def list(self, request: Request) -> Response:
        """List by state and branches."""
        asked = request.query_params
        found = await self.pulls.select(self.repository(request), STATES.get(asked.get("state", "all")))
        for parameter, field in (("source_branch", "head"), ("target_branch", "base")):
            if value := asked.get(parameter):
                found = [each for each in found if getattr(each, field) == value]
        size, page = count(request, "per_page", 20), count(request, "page", 1, 10_000)
        some = [_shown(request, each) for each in found[(page - 1) * size : page * size]]
        return linked(request, some, len(found), page, size)

    async def open(self, request: Request) -> Response:
        """Open one."""
        body = await content_of(request)
        try:
            head, base, title = wanted(body, "source_branch", "target_branch", "title")
        except Refusal as refusal:
            raise Refusal(400, refusal.words) from None
        project = self.repository(request)
        try:
            made = await self.pulls.open(project, head, base, title, str(body.get("description") or ""))
        except Duplicate as error:
            words = f"Another open merge request already exists for this source branch: !{error}"
            raise Refusal(409, words) from None
        except NotFound:
            raise Refusal(400, "Validation failed: Source or target branch does not exist") from None
        return JSONResponse(_shown(request, made), 201)

    async def get(self, request: Request) -> Response:
        """Show one."""
        return JSONResponse(_shown(request, await self.pulls.get(self.repository(request), number_of(request))))

    async def update(self, request: Request) -> Response:
        """Add labels."""
        project, number = self.repository(request), number_of(request)
        added = [each.strip() for each in str((await content_of(request)).get("add_labels", "")).split(",")]
        known = (await self.pulls.get(project, number)).labels
        labels = tuple(dict.fromkeys([*known, *(each for each in added if each)]))
        return JSONResponse(_shown(request, await self.pulls.change(project, number, labels=labels)))

    async def merge(self, request: Request) -> Response:
        """Merge one, or squash it."""
        body = await content_of(request)
        method: Method = "squash" if body.get("squash") is True else "merge"
        project, number = self.repository(request), number_of(request)
        merged = await self.pulls.merge(project, number, method, str(body.get("sha", "")))
        return JSONResponse(_shown(request, merged))


def _status(pull: Pull) -> str:
    if pull.state != "open":
        return "not_open"
    if pull.slow:
        return "checking"
    if pull.draft:
        return "draft_status"
    return "conflict" if pull.conflicts else "not_approved" if pull.blocked else "mergeable"


def _shown(request: Request, pull: Pull) -> Json:
    squashed = pull.method == "squash"
    return {
        "id": 1_000 + pull.number,
        "iid": pull.number,
        "web_url": f"{request.base_url}{pull.repository}/-/merge_requests/{pull.number}",
        "state": "opened" if pull.state == "open" else pull.state,
        "title": pull.title,
        "description": pull.description,
        "source_branch": pull.head,
        "target_branch": pull.base,
        "sha": pull.head_commit,
        "source_project_id": 8 if pull.fork else 7,
        "target_project_id": 7,
        "merge_commit_sha": None if squashed else pull.merge_commit or None,
        "squash_commit_sha": pull.merge_commit if squashed else None,
        "draft": pull.draft,
        "detailed_merge_status": _status(pull),
        "labels": list(pull.labels),
        "created_at": pull.created_at,
        "updated_at": pull.updated_at,
    }
