"""Pull requests on Bitbucket Data Center, the Bitbucket one runs oneself."""

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import unquote

from blocks.code_hosts.address import Address, read_address, unlike
from blocks.code_hosts.api import Api, Way
from blocks.code_hosts.pull_request import MOST_PAGES, NewPullRequest, PullRequest
from blocks.code_hosts.reading import branch, differ, flag, number, objects, said, text, value

PAGE = 100
STRATEGIES = {
    "fast_forward": "ff-only",
    "ff": "ff",
    "ff-only": "ff-only",
    "merge_commit": "no-ff",
    "no-ff": "no-ff",
    "rebase-ff-only": "rebase-ff-only",
    "rebase-no-ff": "rebase-no-ff",
    "squash": "squash",
    "squash-ff-only": "squash-ff-only",
}
"""Data Center's names of ways to merge, also for those that Bitbucket Cloud calls otherwise."""


class BitbucketDataCenter:
    """One repository on Bitbucket Data Center."""

    METHODS: ClassVar[tuple[str, ...]] = tuple(STRATEGIES)
    LABELS: ClassVar[bool] = False

    def __init__(self, way: Way, repo_url: str) -> None:
        """Find the API; Bitbucket itself may be below a path. Raises Invalid."""
        base, project, name = _place(read_address(repo_url))
        self._repository = {"slug": unquote(name), "project": {"key": unquote(project)}}
        self._requests = f"/projects/{project}/repos/{name}/pull-requests"
        # Without the second header Bitbucket takes a write for one that a page in a browser was tricked into.
        self._api = Api(way, f"{base}/rest/api/1.0", {**way.bearer(), "X-Atlassian-Token": "no-check"})

    async def find(self, head: str, base: str) -> list[PullRequest]:
        """List those from one branch into another."""
        params = {"state": "ALL", "direction": "OUTGOING", "at": f"refs/heads/{head}", "limit": PAGE}
        answer = await self._api.ask("GET", self._requests, params=params | {"order": "NEWEST"})
        found = map(_read, objects(answer.body, "values"))
        return [each for each in found if (each.head, each.base) == (head, base)]

    async def open(self, new: NewPullRequest) -> PullRequest:
        """Open one."""
        content = {
            "title": new.title,
            "description": new.description,
            "fromRef": {"id": f"refs/heads/{new.head}", "repository": self._repository},
            "toRef": {"id": f"refs/heads/{new.base}", "repository": self._repository},
        }
        return _read((await self._api.ask("POST", self._requests, content=content)).body)

    async def label(self, number: int, labels: Sequence[str]) -> None:
        """Do nothing: there are no labels."""

    async def get(self, number: int) -> PullRequest:
        """Look at one."""
        return _read((await self._api.ask("GET", f"{self._requests}/{number}")).body)

    async def merge(self, pull_request: PullRequest, method: str = "") -> str:
        """Merge what was looked at, by its version: any change to the pull request makes another one."""
        path = f"{self._requests}/{pull_request.number}"
        now = (await self._api.ask("GET", path)).body
        if text(now, "fromRef", "latestCommit") != pull_request.head_commit:
            return "its head was changed meanwhile"
        version = value(now, "version")
        content = {"strategyId": STRATEGIES[method]} if method else {}
        params = {"version": version if isinstance(version, int) else 0}
        answer = await self._api.ask("POST", f"{path}/merge", params=params, content=content, known=(409,))
        return (_vetoes(answer.body) or answer.words) if answer.refused else ""

    async def open_numbers(self) -> tuple[set[int], bool]:
        """List all that are open."""
        found, start = set[int](), 0
        for _ in range(MOST_PAGES):
            params = {"state": "OPEN", "limit": PAGE, "start": start}
            answer = await self._api.ask("GET", self._requests, params=params)
            found |= {number(each, "id") for each in objects(answer.body, "values")}
            following = value(answer.body, "nextPageStart")
            if value(answer.body, "isLastPage") is not False or not isinstance(following, int):
                return found, True
            start = following
        return found, False


def _place(address: Address) -> tuple[str, str, str]:
    """Split into where Bitbucket is, project and repository.

    For Git that is `/scm/KEY/app`, by ssh `/KEY/app`; in the browser `/projects/KEY/repos/app` or, of a person,
    `/users/ana/repos/app`.
    """
    path = address.quoted
    if len(path) >= 4 and path[-2] == "repos" and path[-4] in ("projects", "users"):
        owner = path[-3] if path[-4] == "projects" else f"~{path[-3]}"
        return "/".join([address.web, *path[:-4]]), owner, path[-1]
    if "scm" in path[:-2] and path[-3] == "scm":
        return "/".join([address.web, *path[:-3]]), path[-2], path[-1]
    if len(path) == 2:
        return address.web, *path
    raise unlike(address, "Bitbucket Data Center", "https://bitbucket.example.com/scm/acme/app.git")


def _read(body: Any) -> PullRequest:
    state, links = text(body, "state"), value(body, "links", "self")
    head_commit = text(body, "fromRef", "latestCommit")
    made = text(body, "properties", "mergeCommit", "id") or head_commit  # a fast-forward makes none of its own
    return PullRequest(
        number(body, "id"),
        text(links[0], "href") if isinstance(links, list) and links else "",
        state == "OPEN",
        state == "MERGED",
        branch(text(body, "fromRef", "id")),
        branch(text(body, "toRef", "id")),
        head_commit,
        made if state == "MERGED" else "",
        "it is a draft" if state == "OPEN" and flag(body, "draft") else "",
        differ(body, ("fromRef", "repository", "id"), ("toRef", "repository", "id")),
    )


def _vetoes(body: Any) -> str:
    """What checks say against a merge."""
    errors = value(body, "errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    vetoes = value(first, "vetoes")
    return said([text(veto, "detailedMessage") or text(veto, "summaryMessage") for veto in vetoes or []])
