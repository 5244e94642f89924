"""Pull requests on Bitbucket Cloud, bitbucket.org."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from blocks.code_hosts.address import read_address, unlike
from blocks.code_hosts.api import Api, Way
from blocks.code_hosts.pull_request import MOST_PAGES, NewPullRequest, PullRequest
from blocks.code_hosts.reading import differ, flag, number, objects, text, value

API = "https://api.bitbucket.org/2.0"
PAGE = 50
NOT_NOW = (400, 409)
"""Answers to a merge that cannot be made now."""

ACCESS_TOKEN_USERS = ("", "x-token-auth")
"""User names under which an access token is sent; with others it is a person's own."""


class BitbucketCloud:
    """One repository on Bitbucket Cloud."""

    METHODS: ClassVar[tuple[str, ...]] = ("fast_forward", "merge_commit", "squash")
    LABELS: ClassVar[bool] = False

    def __init__(self, way: Way, repo_url: str, api: str = API) -> None:
        """Find the repository. Raises Invalid."""
        address = read_address(repo_url)
        if len(address.path) != 2:
            raise unlike(address, "Bitbucket Cloud", "https://bitbucket.org/acme/app")
        self._repository = "/repositories/{}/{}".format(*address.quoted)
        self._requests = f"{self._repository}/pullrequests"
        self._api = Api(way, api, _authorization(way))

    async def find(self, head: str, base: str) -> list[PullRequest]:
        """List those from one branch into another."""
        names = [f'{side}.branch.name="{_escaped(name)}"' for side, name in (("source", head), ("destination", base))]
        states = ["OPEN", "MERGED", "DECLINED", "SUPERSEDED"]
        params = {"q": " AND ".join(names), "state": states, "sort": "-created_on", "pagelen": PAGE}
        answer = await self._api.ask("GET", self._requests, params=params)
        found = map(_read, objects(answer.body, "values"))
        return [each for each in found if (each.head, each.base) == (head, base)]

    async def open(self, new: NewPullRequest) -> PullRequest:
        """Open one; where there is one of the same branches Bitbucket may change that."""
        content = {
            "title": new.title,
            "description": new.description,
            "source": {"branch": {"name": new.head}},
            "destination": {"branch": {"name": new.base}},
        }
        return _read((await self._api.ask("POST", self._requests, content=content)).body)

    async def label(self, number: int, labels: Sequence[str]) -> None:
        """Do nothing: there are no labels."""

    async def get(self, number: int) -> PullRequest:
        """Look at one. Bitbucket abbreviates commits, so those that count are asked for."""
        found = _read((await self._api.ask("GET", f"{self._requests}/{number}")).body)
        if not found.merge_commit:
            return found
        return replace(found, merge_commit=await self._commit(found.merge_commit))

    async def merge(self, pull_request: PullRequest, method: str = "") -> str:
        """Merge it, with whatever was pushed since it was looked at: Bitbucket cannot be told."""
        content = {"type": "pullrequest"} | ({"merge_strategy": method} if method else {})
        path = f"{self._requests}/{pull_request.number}/merge"
        answer = await self._api.ask("POST", path, content=content, known=NOT_NOW)
        return answer.words if answer.refused else ""

    async def open_numbers(self) -> tuple[set[int], bool]:
        """List all that are open."""
        found: set[int] = set()
        for page in range(1, MOST_PAGES + 1):
            params = {"state": "OPEN", "pagelen": PAGE, "page": page}
            answer = await self._api.ask("GET", self._requests, params=params)
            found |= {number(each, "id") for each in objects(answer.body, "values")}
            if not value(answer.body, "next"):
                return found, True
        return found, False

    async def _commit(self, abbreviated: str) -> str:
        answer = await self._api.ask("GET", f"{self._repository}/commit/{abbreviated}")
        return text(answer.body, "hash") or abbreviated


def _authorization(way: Way) -> dict[str, str]:
    if way.credentials is None or way.credentials.username in ACCESS_TOKEN_USERS:
        return way.bearer()
    both = f"{way.credentials.username}:{way.token}".encode()
    return {"Authorization": f"Basic {base64.b64encode(both).decode()}"}


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def _read(body: Any) -> PullRequest:
    state = text(body, "state")
    return PullRequest(
        number(body, "id"),
        text(body, "links", "html", "href"),
        state == "OPEN",
        state == "MERGED",
        text(body, "source", "branch", "name"),
        text(body, "destination", "branch", "name"),
        text(body, "source", "commit", "hash"),
        text(body, "merge_commit", "hash") if state == "MERGED" else "",
        "it is a draft" if state == "OPEN" and flag(body, "draft") else "",
        differ(body, ("source", "repository", "full_name"), ("destination", "repository", "full_name")),
    )
