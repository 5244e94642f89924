"""GitHub Actions: dispatching workflows, and what became of their runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from blocks.errors import BadAnswer, NotFound
from blocks.github import Answer, GitHub, RepositoryPlace

PAGE = 100


@dataclass(frozen=True)
class WorkflowRun:
    """One run. `status` is `completed` at the end, and `conclusion` only then something."""

    id: int
    title: str
    status: str
    conclusion: str
    url: str
    created_at: str

    @property
    def completed(self) -> bool:
        """Whether it is over."""
        return self.status == "completed"


class Actions:
    """The workflows of one repository. All methods raise the leaves of `blocks.errors`."""

    def __init__(self, github: GitHub, repository: RepositoryPlace) -> None:
        """Keep whom to ask about what."""
        self._github = github
        self._url = f"{repository.url}/actions"

    async def dispatch(self, workflow: str, ref: str, inputs: Mapping[str, Any]) -> None:
        """Start a workflow by hand. GitHub does not say which run that makes. Raises NotFound without it."""
        url = f"{self._url}/workflows/{quote(workflow, safe='')}/dispatches"
        await self._there("POST", url, content={"ref": ref, "inputs": dict(inputs)})

    async def dispatched(self, workflow: str) -> list[WorkflowRun]:
        """Return the newest 100 runs of a workflow that were started by hand, newest first. Raises NotFound."""
        url = f"{self._url}/workflows/{quote(workflow, safe='')}/runs"
        return await self._runs(url, {"event": "workflow_dispatch", "per_page": PAGE})

    async def newest(self) -> list[WorkflowRun]:
        """Return the newest 100 runs of all workflows, newest first."""
        return await self._runs(f"{self._url}/runs", {"per_page": PAGE})

    async def run(self, id: int) -> WorkflowRun:
        """Return one run. Raises NotFound."""
        return _run((await self._there("GET", f"{self._url}/runs/{id}")).body)

    async def _runs(self, url: str, params: Mapping[str, Any]) -> list[WorkflowRun]:
        body = (await self._there("GET", url, params=params)).body
        if not isinstance(body, dict) or not isinstance(body.get("workflow_runs"), list):
            raise BadAnswer(f"GET {url} answered something that is no list of runs")
        return [_run(each) for each in body["workflow_runs"]]

    async def _there(self, method: str, url: str, **options: Any) -> Answer:
        answer = await self._github.ask(method, url, **options)
        if answer is None:
            raise NotFound(
                f"{method} {url} found nothing; check the repository, the workflow's file, the run's number, and that "
                "the credentials may see them"
            )
        return answer


def _run(body: Any) -> WorkflowRun:
    if not isinstance(body, dict) or not isinstance(body.get("id"), int):
        raise BadAnswer("GitHub answered something that is no workflow run")
    keys = ("display_title", "status", "conclusion", "html_url", "created_at")
    return WorkflowRun(body["id"], *(value if isinstance(value := body.get(key), str) else "" for key in keys))
