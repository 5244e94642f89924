"""Pull requests on Gitea and what came of it: Forgejo, Codeberg."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

from blocks.code_hosts.address import read_address, unlike
from blocks.code_hosts.api import Api, Way
from blocks.code_hosts.pull_request import MOST_PAGES, NewPullRequest, PullRequest
from blocks.code_hosts.reading import branch, differ, flag, number, objects, text, value

PAGE = 50
"""As many as Gitea gives on a page, unless its administrator says otherwise."""

NOT_NOW = (405, 409)
"""Answers to a merge that cannot be made now, or not of the commit that was looked at."""

COLOR = "#6e7781"
"""Of labels that are made."""


class Gitea:
    """One repository on Gitea."""

    METHODS: ClassVar[tuple[str, ...]] = (
        "fast-forward-only",
        "manually-merged",
        "merge",
        "rebase",
        "rebase-merge",
        "squash",
    )
    LABELS: ClassVar[bool] = True

    def __init__(self, way: Way, repo_url: str) -> None:
        """Find the API; Gitea itself may be below a path. Raises Invalid."""
        address = read_address(repo_url)
        if len(address.path) < 2:
            raise unlike(address, "Gitea", "https://gitea.example.com/acme/app")
        *below, owner, name = address.quoted
        self._repository = f"/repos/{owner}/{name}"
        self._api = Api(way, "/".join([address.web, *below, "api/v1"]), way.bearer("token"))

    async def find(self, head: str, base: str) -> list[PullRequest]:
        """List those from one branch into another, of what changed last: Gitea does not look for branches itself."""
        params = {"state": "all", "sort": "recentupdate"}
        found = [_read(each) async for page, _ in self._pages("/pulls", params) for each in page]
        return [each for each in found if (each.head, each.base) == (head, base)]

    async def open(self, new: NewPullRequest) -> PullRequest:
        """Open one."""
        content = {"title": new.title, "body": new.description, "head": new.head, "base": new.base}
        return _read((await self._api.ask("POST", f"{self._repository}/pulls", content=content)).body)

    async def label(self, number: int, labels: Sequence[str]) -> None:
        """Add labels, which Gitea knows by number; those that it does not know are made."""
        known = {text(each, "name"): value(each, "id") async for page, _ in self._pages("/labels") for each in page}
        for label in dict.fromkeys(labels):
            if label not in known:
                content = {"name": label, "color": COLOR}
                made = await self._api.ask("POST", f"{self._repository}/labels", content=content)
                known[label] = value(made.body, "id")
        ids = {"labels": [known[label] for label in dict.fromkeys(labels)]}
        await self._api.ask("POST", f"{self._repository}/issues/{number}/labels", content=ids)

    async def get(self, number: int) -> PullRequest:
        """Look at one."""
        return _read((await self._api.ask("GET", f"{self._repository}/pulls/{number}")).body)

    async def merge(self, pull_request: PullRequest, method: str = "") -> str:
        """Merge what was looked at."""
        content = {"Do": method or "merge", "head_commit_id": pull_request.head_commit}
        if method == "manually-merged":
            content["MergeCommitID"] = pull_request.head_commit
        path = f"{self._repository}/pulls/{pull_request.number}/merge"
        answer = await self._api.ask("POST", path, content=content, known=NOT_NOW)
        return answer.words if answer.refused else ""

    async def open_numbers(self) -> tuple[set[int], bool]:
        """List all that are open."""
        found, complete = set[int](), False
        async for page, following in self._pages("/pulls", {"state": "open"}):
            found |= {number(each, "number") for each in page}
            complete = not following
        return found, complete

    async def _pages(
        self, path: str, params: dict[str, Any] | None = None
    ) -> AsyncIterator[tuple[list[dict[str, Any]], bool]]:
        """Read a list's pages, each with whether another one follows."""
        for page in range(1, MOST_PAGES + 1):
            asked = {**(params or {}), "limit": PAGE, "page": page}
            answer = await self._api.ask("GET", self._repository + path, params=asked)
            yield objects(answer.body), answer.following
            if not answer.following:
                return


def _read(body: Any) -> PullRequest:
    merged, opened = flag(body, "merged"), text(body, "state") == "open"
    return PullRequest(
        number(body, "number"),
        text(body, "html_url"),
        opened,
        merged,
        # `ref` is another one once the branch is deleted.
        text(body, "head", "label") or branch(text(body, "head", "ref")),
        text(body, "base", "ref"),
        text(body, "head", "sha"),
        text(body, "merge_commit_sha") if merged else "",
        _not_ready(body) if opened else "",
        differ(body, ("head", "repo_id"), ("base", "repo_id")),
    )


def _not_ready(body: Any) -> str:
    if flag(body, "draft"):
        return "it is a draft"
    return "Gitea finds it not mergeable" if value(body, "mergeable") is False else ""
