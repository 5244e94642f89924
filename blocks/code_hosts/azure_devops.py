"""Pull requests on Azure DevOps: dev.azure.com, the older visualstudio.com, or a server of one's own."""

import base64
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from blocks.code_hosts.address import Address, read_address, unlike
from blocks.code_hosts.api import Answer, Api, Way
from blocks.code_hosts.pull_request import MOST_PAGES, NewPullRequest, PullRequest
from blocks.code_hosts.reading import branch, flag, number, objects, text, value

VERSION = "7.0"
"""The version of the API that is spoken, that of Azure DevOps Server 2022."""

PAGE = 100
NOT_NOW = (400, 409)
"""Answers to a merge that cannot be made now, or not of the commit that was looked at."""

HINDRANCES = {
    "conflicts": "the branches have conflicts",
    "rejectedByPolicy": "a policy of the branch does not allow it",
    "failure": "Azure DevOps could not try the merge",
}
"""Values of `mergeStatus`."""


class AzureDevOps:
    """One repository on Azure DevOps."""

    METHODS: ClassVar[tuple[str, ...]] = ("noFastForward", "rebase", "rebaseMerge", "squash")
    LABELS: ClassVar[bool] = True

    def __init__(self, way: Way, repo_url: str) -> None:
        """Find the API. Raises Invalid."""
        project, name = _place(read_address(repo_url))
        self._page = f"{project}/_git/{quote(name)}"
        self._requests = f"/repositories/{quote(name)}/pullrequests"
        self._api = Api(way, f"{project}/_apis/git", _authorization(way))

    async def find(self, head: str, base: str) -> list[PullRequest]:
        """List those from one branch into another."""
        criteria = {"status": "all", "sourceRefName": f"refs/heads/{head}", "targetRefName": f"refs/heads/{base}"}
        params = {f"searchCriteria.{key}": wanted for key, wanted in criteria.items()}
        answer = await self._ask("GET", params={**params, "$top": PAGE})
        found = map(self._read, objects(answer.body, "value"))
        return [each for each in found if (each.head, each.base) == (head, base)]

    async def open(self, new: NewPullRequest) -> PullRequest:
        """Open one."""
        content = {
            "sourceRefName": f"refs/heads/{new.head}",
            "targetRefName": f"refs/heads/{new.base}",
            "title": new.title,
            "description": new.description,
        }
        return self._read((await self._ask("POST", content=content)).body)

    async def label(self, number: int, labels: Sequence[str]) -> None:
        """Add labels; one that is there already stays."""
        for label in dict.fromkeys(labels):
            await self._ask("POST", f"/{number}/labels", content={"name": label})

    async def get(self, number: int) -> PullRequest:
        """Look at one."""
        return self._read((await self._ask("GET", f"/{number}")).body)

    async def merge(self, pull_request: PullRequest, method: str = "") -> str:
        """Complete what was looked at. Azure DevOps may merge after it has answered."""
        content: dict[str, Any] = {
            "status": "completed",
            "lastMergeSourceCommit": {"commitId": pull_request.head_commit},
        }
        if method:
            content["completionOptions"] = {"mergeStrategy": method}
        answer = await self._ask("PATCH", f"/{pull_request.number}", content=content, known=NOT_NOW)
        if answer.refused:
            return answer.words
        return HINDRANCES.get(text(answer.body, "mergeStatus"), "") if _is(answer.body, "active") else ""

    async def open_numbers(self) -> tuple[set[int], bool]:
        """List all that are open."""
        found: set[int] = set()
        for page in range(MOST_PAGES):
            params = {"searchCriteria.status": "active", "$top": PAGE, "$skip": page * PAGE}
            some = objects((await self._ask("GET", params=params)).body, "value")
            found |= {number(each, "pullRequestId") for each in some}
            if len(some) < PAGE:
                return found, True
        return found, False

    async def _ask(
        self,
        method: str,
        path: str = "",
        *,
        params: dict[str, Any] | None = None,
        content: Any = None,
        known: tuple[int, ...] = (),
    ) -> Answer:
        version = {"api-version": VERSION}
        return await self._api.ask(
            method, self._requests + path, params=version | (params or {}), content=content, known=known
        )

    def _read(self, body: Any) -> PullRequest:
        found = number(body, "pullRequestId")
        opened, merged = _is(body, "active"), _is(body, "completed")
        return PullRequest(
            found,
            f"{self._page}/pullrequest/{found}",
            opened,
            merged,
            branch(text(body, "sourceRefName")),
            branch(text(body, "targetRefName")),
            text(body, "lastMergeSourceCommit", "commitId"),
            text(body, "lastMergeCommit", "commitId") if merged else "",
            _not_ready(body) if opened else "",
            value(body, "forkSource") is not None,
        )


def _place(address: Address) -> tuple[str, str]:
    """Split into the project's page and the repository's name.

    Known are `/<organisation>/<project>/_git/<repository>`, without the project where it has the same name, and by
    ssh `/v3/<organisation>/<project>/<repository>`; on visualstudio.com the organisation is in the host's name.
    """
    path = address.path
    if address.ssh and len(path) == 4 and path[0] == "v3":
        cloud = address.host.endswith(("dev.azure.com", "visualstudio.com"))
        web = "https://dev.azure.com" if cloud else address.web
        return _joined(web, path[1:3]), path[3]
    if len(path) < 2 or path[-2] != "_git":
        raise unlike(address, "Azure DevOps", "https://dev.azure.com/acme/project/_git/app")
    before, name = path[:-2], path[-1]
    own_host = address.host.endswith(".visualstudio.com")
    named = tuple(part for part in before if part != "DefaultCollection") if own_host else before[1:]
    return _joined(address.web, before if named else (*before, name)), name


def _joined(web: str, path: Sequence[str]) -> str:
    return "/".join([web, *map(quote, path)])


def _authorization(way: Way) -> dict[str, str]:
    """A token of Entra ID is a JWT and goes as Bearer; a personal access token is a password without a user."""
    if way.token.startswith("eyJ") and way.token.count(".") == 2:
        return way.bearer()
    return {"Authorization": f"Basic {base64.b64encode(f':{way.token}'.encode()).decode()}"} if way.token else {}


def _is(body: Any, status: str) -> bool:
    return text(body, "status") == status


def _not_ready(body: Any) -> str:
    if flag(body, "isDraft"):
        return "it is a draft"
    return HINDRANCES.get(text(body, "mergeStatus"), "")
