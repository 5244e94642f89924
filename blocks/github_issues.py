"""GitHub's issues."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blocks.errors import BadAnswer, NotFound
from blocks.github import Answer, GitHub, RepositoryPlace

Json = dict[str, Any]

PAGE = 100

MOST_PAGES = 5
"""Pages of issues that are looked through."""


@dataclass(frozen=True)
class Issue:
    """One issue; a pull request is none here."""

    number: int
    title: str
    state: str
    url: str
    body: str = ""
    state_reason: str = ""
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comment:
    """One comment on an issue."""

    id: int
    url: str
    body: str


class Issues:
    """The issues of one repository. All methods raise the leaves of `blocks.errors`."""

    def __init__(self, github: GitHub, repository: RepositoryPlace) -> None:
        """Keep whom to ask about what."""
        self._github = github
        self._repository = repository
        self._url = f"{repository.url}/issues"

    async def get(self, number: int) -> Issue:
        """Return one issue. Raises NotFound."""
        return read_issue((await self._there("GET", f"{self._url}/{number}")).body)

    async def changed_since(self, time: str) -> list[Issue]:
        """Return the issues that changed since a time (ISO 8601, UTC), open and closed, up to 500, newest first."""
        params = {"state": "all", "since": time, "sort": "created", "direction": "desc", "per_page": PAGE}
        return [read_issue(each) for each in await self._pages(self._url, params) if "pull_request" not in each]

    async def open_numbers(self) -> tuple[set[int], bool]:
        """Return the numbers of open issues, and whether these are all."""
        found = await self._pages(self._url, {"state": "open", "per_page": PAGE})
        return {read_issue(each).number for each in found}, len(found) < PAGE * MOST_PAGES

    async def search(self, query: str) -> list[Issue]:
        """Return up to 100 issues of the repository that GitHub's search finds, in its order."""
        scoped = f"{query} repo:{self._repository.owner}/{self._repository.name} is:issue"
        url = f"{self._repository.api}/search/issues"
        body = (await self._there("GET", url, params={"q": scoped, "per_page": PAGE})).body
        if not isinstance(body, dict) or not isinstance(body.get("items"), list):
            raise BadAnswer(f"GET {url} answered something that is no list of issues")
        return [read_issue(each) for each in body["items"]]

    async def create(self, fields: Mapping[str, Any]) -> Issue:
        """Open an issue. GitHub makes another each time: who might ask twice looks first."""
        return read_issue((await self._there("POST", self._url, content=dict(fields))).body)

    async def update(self, number: int, fields: Mapping[str, Any]) -> Issue:
        """Set fields of an issue. Raises NotFound."""
        return read_issue((await self._there("PATCH", f"{self._url}/{number}", content=dict(fields))).body)

    async def comments_since(self, number: int, time: str) -> list[Comment]:
        """Return the comments on an issue that changed since a time, up to 500. Raises NotFound."""
        found = await self._pages(f"{self._url}/{number}/comments", {"since": time, "per_page": PAGE})
        return [_comment(each) for each in found]

    async def comment(self, number: int, body: str) -> Comment:
        """Add a comment. Raises NotFound."""
        answer = await self._there("POST", f"{self._url}/{number}/comments", content={"body": body})
        return _comment(answer.body)

    async def _pages(self, url: str, params: Mapping[str, Any] | None) -> list[Json]:
        found: list[Json] = []
        for _ in range(MOST_PAGES):
            answer = await self._there("GET", url, params=params)
            if not isinstance(answer.body, list) or not all(isinstance(each, dict) for each in answer.body):
                raise BadAnswer(f"GET {url} answered something that is no list")
            found += answer.body
            url, params = answer.next, None
            if not url:
                break
        return found

    async def _there(self, method: str, url: str, **options: Any) -> Answer:
        answer = await self._github.ask(method, url, **options)
        if answer is None:
            raise NotFound(
                f"{method} {url} found nothing; check the repository, the number, and that the credentials may see it"
            )
        return answer


def read_issue(body: Any) -> Issue:
    """Read one issue. Raises BadAnswer when it is none."""
    if not isinstance(body, dict) or not isinstance(body.get("number"), int):
        raise BadAnswer("GitHub answered something that is no issue")
    return Issue(
        body["number"],
        _text(body, "title"),
        _text(body, "state"),
        _text(body, "html_url"),
        _text(body, "body"),
        _text(body, "state_reason"),
        tuple(each if isinstance(each, str) else _text(each, "name") for each in body.get("labels") or []),
        tuple(_text(each, "login") for each in body.get("assignees") or []),
    )


def _comment(body: Any) -> Comment:
    if not isinstance(body, dict) or not isinstance(body.get("id"), int):
        raise BadAnswer("GitHub answered something that is no comment")
    return Comment(body["id"], _text(body, "html_url"), _text(body, "body"))


def _text(body: Any, key: str) -> str:
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, str) else ""
