"""Issues and workflows of the sandbox's code host, in memory, as GitHub has them: below `/api/v3`."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.sandbox.basic_auth import Users
from deployments.sandbox.rate_limit import RateLimit
from deployments.sandbox.request_body import read_object

Json = dict[str, Any]

FIELDS = ("title", "body", "state", "state_reason", "labels", "assignees", "milestone")


class Workflow(BaseModel):
    """A workflow to be started by hand."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="owner/name.")
    file: str = Field(default="", description="The workflow's file name; empty only opens the repository.")
    inputs: list[str] = Field(default_factory=list, description="Names of its inputs.")
    run_name: str = Field(default="", description="Names of its runs; {input} stands for an input.")
    quick: str = Field(default="", description="Conclusion its runs have at once; empty lets them run.")


class Ending(BaseModel):
    """How a run ended."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str = Field(description="owner/name.")
    run: int = Field(description="The run's number.")
    conclusion: str = Field(default="success", description="How it ended.")


T = TypeVar("T", bound=BaseModel)


class GitHubWork:
    """What there is by repository (`owner/name`), and the endpoints over it.

    With `users`, a password is a token: without one nothing is there, and a wrong one is refused. `quick` workflows are
    over at once; others run until `finish`. `hidden` runs are not listed yet, as it is for a while after a dispatch.
    """

    def __init__(self, users: Users, limit: RateLimit, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Start with nothing."""
        self.issues: dict[str, list[Json]] = {}
        self.comments: dict[tuple[str, int], list[Json]] = {}
        self.workflows: dict[str, dict[str, Json]] = {}
        self.runs: dict[str, list[Json]] = {}
        self.hidden = False
        self._users, self._limit, self._now = users, limit, now

    def open_repository(self, repository: str) -> None:
        """Make a repository without issues and workflows."""
        self.issues.setdefault(repository, [])
        self.workflows.setdefault(repository, {})
        self.runs.setdefault(repository, [])

    def add_workflow(self, repository: str, file: str, *inputs: str, run_name: str = "", quick: str = "") -> None:
        """Add a workflow to be started by hand. `run_name` may name an input as `{input}`, `quick` is a conclusion."""
        self.open_repository(repository)
        self.workflows[repository][file] = {"inputs": inputs, "run_name": run_name, "quick": quick}

    def finish(self, repository: str, run: int, conclusion: str = "success") -> None:
        """End a run."""
        found = next(each for each in self.runs[repository] if each["id"] == run)
        found |= {"status": "completed", "conclusion": conclusion, "updated_at": self._time()}

    def routes(self) -> list[Route]:
        """List the routes."""
        repository = "/api/v3/repos/{owner}/{name}"
        return [
            self._route(f"{repository}/issues", GET=self._list, POST=self._create),
            self._route(f"{repository}/issues/{{number:int}}", GET=self._get, PATCH=self._update),
            self._route(f"{repository}/issues/{{number:int}}/comments", GET=self._list_comments, POST=self._comment),
            self._route("/api/v3/search/issues", GET=self._search),
            self._route(f"{repository}/actions/workflows/{{file}}/dispatches", POST=self._dispatch),
            self._route(f"{repository}/actions/workflows/{{file}}/runs", GET=self._workflow_runs),
            self._route(f"{repository}/actions/runs", GET=self._all_runs),
            self._route(f"{repository}/actions/runs/{{id:int}}", GET=self._run),
            Route("/sandbox/workflows", self.tell_workflow, methods=["POST"]),
            Route("/sandbox/workflow-runs", self.tell_run, methods=["POST"]),
        ]

    async def tell_workflow(self, request: Request) -> Response:
        """Add a workflow, and the repository with it: `{repository, file, inputs, run_name, quick}`; or only that."""
        told = _told(Workflow, await read_object(request))
        self.open_repository(told.repository)
        if told.file:
            self.add_workflow(told.repository, told.file, *told.inputs, run_name=told.run_name, quick=told.quick)
        return JSONResponse(told.model_dump(), 201)

    async def tell_run(self, request: Request) -> Response:
        """End a run: `{repository, run, conclusion}`; 404 without it."""
        told = _told(Ending, await read_object(request))
        if all(each["id"] != told.run for each in self.runs.get(told.repository, [])):
            raise _not_found()
        self.finish(told.repository, told.run, told.conclusion)
        return JSONResponse(told.model_dump())

    def _route(self, path: str, **handlers: Callable[[Request, str, Json], Response]) -> Route:
        async def answer(request: Request) -> Response:
            account = request.headers.get("authorization", "").partition(" ")[2]
            if self._users and account not in self._users.values():
                raise _not_found() if not account else HTTPException(401, "Bad credentials")
            if not self._limit.take(account):
                return JSONResponse({"message": "API rate limit exceeded"}, 403, self._limit.headers(account))
            repository = f"{request.path_params.get('owner')}/{request.path_params.get('name')}"
            if "owner" in request.path_params and repository not in self.issues:
                raise _not_found()
            body = json.loads(await request.body() or b"{}")
            response = handlers[request.method](request, repository, body)
            response.headers.update(self._limit.headers(account))
            return response

        return Route(path, answer, methods=[*handlers])

    def _list(self, request: Request, repository: str, body: Json) -> Response:
        asked = request.query_params
        state, since = asked.get("state", "open"), asked.get("since", "")
        found = [each for each in reversed(self.issues[repository]) if state in ("all", each["state"])]
        return _page(request, [each for each in found if each["updated_at"] >= since])

    def _create(self, request: Request, repository: str, body: Json) -> Response:
        if not body.get("title"):
            return JSONResponse({"message": "Validation Failed", "errors": [{"field": "title"}]}, 422)
        issues = self.issues[repository]
        number = len(issues) + 1
        issue = {"number": number, "state": "open", "body": None, "state_reason": None, "created_at": self._time()}
        issue |= {"html_url": f"{request.base_url}{repository}/issues/{number}", "labels": [], "assignees": []}
        issues.append(issue)
        return JSONResponse(self._set(issue, body), 201)

    def _get(self, request: Request, repository: str, body: Json) -> Response:
        return JSONResponse(self._issue(request, repository))

    def _update(self, request: Request, repository: str, body: Json) -> Response:
        return JSONResponse(self._set(self._issue(request, repository), body))

    def _set(self, issue: Json, body: Json) -> Json:
        named = {key: body[key] for key in FIELDS if key in body}
        if "labels" in named:
            named["labels"] = [{"name": each} for each in named["labels"]]
        if "assignees" in named:
            named["assignees"] = [{"login": each} for each in named["assignees"]]
        issue |= {**named, "updated_at": self._time()}
        return issue

    def _list_comments(self, request: Request, repository: str, body: Json) -> Response:
        known = self.comments.get((repository, self._issue(request, repository)["number"]), [])
        return _page(request, [each for each in known if each["updated_at"] >= request.query_params.get("since", "")])

    def _comment(self, request: Request, repository: str, body: Json) -> Response:
        issue = self._issue(request, repository)
        known = self.comments.setdefault((repository, issue["number"]), [])
        id = sum(map(len, self.comments.values())) + 1
        comment = {"id": id, "body": body["body"], "updated_at": self._time()}
        known.append({**comment, "html_url": f"{issue['html_url']}#issuecomment-{id}"})
        return JSONResponse(known[-1], 201)

    def _search(self, request: Request, repository: str, body: Json) -> Response:
        words = request.query_params.get("q", "").split()
        place = next((word[5:] for word in words if word.startswith("repo:")), "")
        if place not in self.issues:
            return JSONResponse({"message": "Validation Failed"}, 422)
        states = [word[6:] for word in words if re.fullmatch("state:(open|closed)", word)]
        texts = [word.strip('"').lower() for word in words if ":" not in word]
        found = [
            each
            for each in self.issues[place]
            if (not states or each["state"] in states)
            and all(text in f"{each['title']} {each['body'] or ''}".lower() for text in texts)
        ]
        return JSONResponse({"total_count": len(found), "incomplete_results": False, "items": found})

    def _issue(self, request: Request, repository: str) -> Json:
        number = request.path_params["number"]
        if number > len(self.issues[repository]):
            raise _not_found()
        issue: Json = self.issues[repository][number - 1]
        return issue

    def _dispatch(self, request: Request, repository: str, body: Json) -> Response:
        workflow = self.workflows[repository].get(request.path_params["file"])
        if workflow is None:
            raise _not_found()
        inputs = body.get("inputs") or {}
        if odd := [key for key in inputs if key not in workflow["inputs"]]:
            return JSONResponse({"message": f"Unexpected inputs provided: {json.dumps(odd)}"}, 422)
        id = sum(map(len, self.runs.values())) + 1001
        quick, file = workflow["quick"], request.path_params["file"]
        self.runs[repository].append(
            {
                "id": id,
                "display_title": workflow["run_name"].format(**inputs) or file,
                "path": f".github/workflows/{file}",
                "event": "workflow_dispatch",
                "head_branch": body["ref"],
                "inputs": inputs,
                "status": "completed" if quick else "queued",
                "conclusion": quick or None,
                "html_url": f"{request.base_url}{repository}/actions/runs/{id}",
                "created_at": self._time(),
            }
        )
        return Response(status_code=204)

    def _workflow_runs(self, request: Request, repository: str, body: Json) -> Response:
        file = request.path_params["file"]
        if file not in self.workflows[repository]:
            raise _not_found()
        return self._runs(request, [each for each in self.runs[repository] if each["path"].endswith(f"/{file}")])

    def _all_runs(self, request: Request, repository: str, body: Json) -> Response:
        return self._runs(request, self.runs[repository])

    def _runs(self, request: Request, found: list[Json]) -> Response:
        newest = [] if self.hidden else [*reversed(found)][: int(request.query_params.get("per_page", "30"))]
        return JSONResponse({"total_count": len(found), "workflow_runs": newest})

    def _run(self, request: Request, repository: str, body: Json) -> Response:
        found = [each for each in self.runs[repository] if each["id"] == request.path_params["id"]]
        if not found:
            raise _not_found()
        return JSONResponse(found[0])

    def _time(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _page(request: Request, found: list[Json]) -> Response:
    """One page, named by `Link` where there are more."""
    size, page = (int(request.query_params.get(name, default)) for name, default in (("per_page", "30"), ("page", "1")))
    headers = {}
    if page * size < len(found):
        query = urlencode({**request.query_params, "page": page + 1})
        headers["link"] = f'<{request.url.replace(query=query)}>; rel="next"'
    return JSONResponse(found[(page - 1) * size : page * size], headers=headers)


def _told(model: type[T], body: Json) -> T:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise HTTPException(400, str(error)) from None


def _not_found() -> HTTPException:
    return HTTPException(404, "Not Found")
