"""Pull requests on GitHub: github.com, a tenant of ghe.com, or an Enterprise server."""

from collections.abc import Sequence
from typing import Any, ClassVar

from blocks.code_hosts.address import read_address, unlike
from blocks.code_hosts.api import Api, Way
from blocks.code_hosts.pull_request import MOST_PAGES, NewPullRequest, PullRequest
from blocks.code_hosts.reading import differ, flag, number, objects, text, value
from blocks.errors import Invalid
from blocks.github import VERSION, repository_place

PAGE = 100
NOT_NOW = (405, 409)
"""Answers to a merge that cannot be made now, or not of the commit that was looked at."""


class GitHub:
    """One repository on GitHub."""

    METHODS: ClassVar[tuple[str, ...]] = ("merge", "rebase", "squash")
    LABELS: ClassVar[bool] = True

    def __init__(self, way: Way, repo_url: str, api: str = "") -> None:
        """Find the API, unless it is told. Raises Invalid."""
        try:
            place = repository_place(repo_url)
        except Invalid:
            raise unlike(read_address(repo_url), "GitHub", "https://github.com/acme/app") from None
        self._owner = place.owner
        self._repository = f"/repos/{place.owner}/{place.name}"
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": VERSION, **way.bearer()}
        self._api = Api(way, api or place.api, headers)

    async def find(self, head: str, base: str) -> list[PullRequest]:
        """List those from one branch into another."""
        params = {"state": "all", "head": f"{self._owner}:{head}", "base": base, "per_page": PAGE}
        answer = await self._api.ask("GET", f"{self._repository}/pulls", params=params)
        return [each for each in map(_read, objects(answer.body)) if (each.head, each.base) == (head, base)]

    async def open(self, new: NewPullRequest) -> PullRequest:
        """Open one."""
        content = {"title": new.title, "body": new.description, "head": new.head, "base": new.base}
        return _read((await self._api.ask("POST", f"{self._repository}/pulls", content=content)).body)

    async def label(self, number: int, labels: Sequence[str]) -> None:
        """Add labels; GitHub makes those that it does not know."""
        await self._api.ask("POST", f"{self._repository}/issues/{number}/labels", content={"labels": list(labels)})

    async def get(self, number: int) -> PullRequest:
        """Look at one."""
        return _read((await self._api.ask("GET", f"{self._repository}/pulls/{number}")).body)

    async def merge(self, pull_request: PullRequest, method: str = "") -> str:
        """Merge what was looked at."""
        content = {"sha": pull_request.head_commit} | ({"merge_method": method} if method else {})
        path = f"{self._repository}/pulls/{pull_request.number}/merge"
        answer = await self._api.ask("PUT", path, content=content, known=NOT_NOW)
        return answer.words if answer.refused else ""

    async def open_numbers(self) -> tuple[set[int], bool]:
        """List all that are open."""
        found: set[int] = set()
        for page in range(1, MOST_PAGES + 1):
            params = {"state": "open", "per_page": PAGE, "page": page}
            answer = await self._api.ask("GET", f"{self._repository}/pulls", params=params)
            found |= {number(each, "number") for each in objects(answer.body)}
            if not answer.following:
                return found, True
        return found, False


def _read(body: Any) -> PullRequest:
    merged = flag(body, "merged") or bool(text(body, "merged_at"))
    opened = text(body, "state") == "open"
    return PullRequest(
        number(body, "number"),
        text(body, "html_url"),
        opened,
        merged,
        text(body, "head", "ref"),
        text(body, "base", "ref"),
        text(body, "head", "sha"),
        text(body, "merge_commit_sha") if merged else "",
        _not_ready(body) if opened else "",
        differ(body, ("head", "repo", "full_name"), ("base", "repo", "full_name")),
    )


def _not_ready(body: Any) -> str:
    """Why it cannot be merged; `mergeable` is null until GitHub has found out, which a merge makes it do."""
    if flag(body, "draft"):
        return "it is a draft"
    if value(body, "mergeable") is False:
        return f"GitHub finds it not mergeable ({text(body, 'mergeable_state') or 'unknown'})"
    return ""
