"""Merge requests on GitLab: gitlab.com, or a server of one's own."""

from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from blocks.code_hosts.address import read_address, unlike
from blocks.code_hosts.api import Api, Way
from blocks.code_hosts.pull_request import MOST_PAGES, NewPullRequest, PullRequest
from blocks.code_hosts.reading import differ, flag, number, objects, text

PAGE = 100
NOT_NOW = (405, 406, 409, 422)
"""Answers to a merge that cannot be made now, or not of the commit that was looked at."""

UNKNOWN = ("", "mergeable", "unchecked", "checking", "preparing", "approvals_syncing")
"""Words of `detailed_merge_status` that hinder nothing, or do so for a moment only."""


class GitLab:
    """One project on GitLab."""

    METHODS: ClassVar[tuple[str, ...]] = ("merge", "squash")
    LABELS: ClassVar[bool] = True

    def __init__(self, way: Way, repo_url: str) -> None:
        """Find the API. Raises Invalid."""
        address = read_address(repo_url)
        if len(address.path) < 2:
            raise unlike(address, "GitLab", "https://gitlab.com/acme/team/app")
        project = quote("/".join(address.path), safe="")
        self._requests = f"/projects/{project}/merge_requests"
        self._api = Api(way, f"{address.web}/api/v4", way.bearer())

    async def find(self, head: str, base: str) -> list[PullRequest]:
        """List those from one branch into another."""
        params = {"source_branch": head, "target_branch": base, "state": "all", "order_by": "created_at"}
        answer = await self._api.ask("GET", self._requests, params=params | {"sort": "desc", "per_page": PAGE})
        return [each for each in map(_read, objects(answer.body)) if (each.head, each.base) == (head, base)]

    async def open(self, new: NewPullRequest) -> PullRequest:
        """Open one."""
        content = {
            "source_branch": new.head,
            "target_branch": new.base,
            "title": new.title,
            "description": new.description,
        }
        return _read((await self._api.ask("POST", self._requests, content=content)).body)

    async def label(self, number: int, labels: Sequence[str]) -> None:
        """Add labels; GitLab makes those that it does not know, and takes a comma for the end of one."""
        content = {"add_labels": ",".join(label.replace(",", " ") for label in labels)}
        await self._api.ask("PUT", f"{self._requests}/{number}", content=content)

    async def get(self, number: int) -> PullRequest:
        """Look at one."""
        return _read((await self._api.ask("GET", f"{self._requests}/{number}")).body)

    async def merge(self, pull_request: PullRequest, method: str = "") -> str:
        """Merge what was looked at; without a method the merge request's own choice about squashing counts."""
        content: dict[str, Any] = {"sha": pull_request.head_commit}
        if method:
            content["squash"] = method == "squash"
        path = f"{self._requests}/{pull_request.number}/merge"
        answer = await self._api.ask("PUT", path, content=content, known=NOT_NOW)
        return answer.words if answer.refused else ""

    async def open_numbers(self) -> tuple[set[int], bool]:
        """List all that are open; one that is just being merged counts as such."""
        found: set[int] = set()
        for page in range(1, MOST_PAGES + 1):
            params = {"state": "opened", "per_page": PAGE, "page": page}
            answer = await self._api.ask("GET", self._requests, params=params)
            found |= {number(each, "iid") for each in objects(answer.body)}
            if not answer.following:
                return found, True
        return found, False


def _read(body: Any) -> PullRequest:
    state = text(body, "state")
    opened, merged = state in ("opened", "locked"), state == "merged"
    commits = ("merge_commit_sha", "squash_commit_sha", "sha")  # a fast-forward makes none of its own
    return PullRequest(
        number(body, "iid"),
        text(body, "web_url"),
        opened,
        merged,
        text(body, "source_branch"),
        text(body, "target_branch"),
        text(body, "sha"),
        next((found for key in commits if (found := text(body, key))), "") if merged else "",
        _not_ready(body) if opened else "",
        differ(body, ("source_project_id",), ("target_project_id",)),
    )


def _not_ready(body: Any) -> str:
    if flag(body, "draft"):
        return "it is a draft"
    status = text(body, "detailed_merge_status")
    return "" if status in UNKNOWN else f"GitLab finds it not mergeable ({status})"
