"""GitHub's REST API, that of github.com, of ghe.com or of an Enterprise server."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from blocks.budget import account
from blocks.errors import BadAnswer, Invalid
from blocks.records import Credentials

Request = Callable[..., Awaitable[httpx.Response]]
"""`blocks.web.Web.request`, or what has its parameters."""

VERSION = "2022-11-28"
"""The version of the API that is spoken."""

JSON = "application/vnd.github+json"
SHA = "application/vnd.github.sha"

REFUSALS = (410, 422)
"""Statuses whose body says what is wrong with a request: it asks for what there is not, or makes no sense."""

_SCP = re.compile(r"(?:[\w.+-]+@)?([\w.-]+):(?!/)(.+)")
_NAME = re.compile(r"(?!\.{1,2}$)[\w.-]{1,100}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class RepositoryPlace:
    """A repository and the base URL of the API that serves it."""

    api: str
    owner: str
    name: str

    @property
    def url(self) -> str:
        """The repository's address in the API."""
        return f"{self.api}/repos/{self.owner}/{self.name}"


def repository_place(repo_url: str) -> RepositoryPlace:
    """Find the API of the repository a Git URL names. Raises Invalid when it cannot be one of GitHub's.

    github.com has its API at api.github.com, a tenant of ghe.com at api.<tenant>, an Enterprise server at /api/v3.
    """
    scp = _SCP.fullmatch(repo_url.strip())
    try:
        parts = urlsplit(f"ssh://{scp[1]}/{scp[2]}" if scp and "://" not in repo_url else repo_url.strip())
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    path = parts.path.strip("/").removesuffix(".git").split("/")
    if (
        parts.scheme not in ("https", "http", "ssh")
        or not host
        or len(path) != 2
        or not all(map(_NAME.fullmatch, path))
    ):
        raise Invalid("is no repository on GitHub; write it like 'https://github.com/acme/app'")
    scheme = "https" if parts.scheme == "ssh" else parts.scheme
    at = f"{host}:{port}" if port and parts.scheme != "ssh" else host
    if host in ("github.com", "www.github.com"):
        return RepositoryPlace("https://api.github.com", *path)
    if host.endswith(".ghe.com"):
        return RepositoryPlace(f"https://api.{host}", *path)
    return RepositoryPlace(f"{scheme}://{at}/api/v3", *path)


@dataclass(frozen=True)
class Answer:
    """One answer: its JSON, the tag by which to ask whether it changed, and the URL of the next page if there is one.

    `unchanged` when it is what was known by the tag asked with; then there is no body.
    """

    body: Any
    etag: str = ""
    next: str = ""
    unchanged: bool = False


class GitHub:
    """One API with one set of credentials, whose password is a token; None asks as anybody.

    All methods raise the leaves of `blocks.errors`. Rate limits are kept by the way outside that is given.
    """

    def __init__(
        self, request: Request, api: str, credentials: Credentials | None = None, *, insecure: bool = False
    ) -> None:
        """Keep what to ask with."""
        self._request = request
        self._api = api
        self._credentials = credentials
        self._insecure = insecure

    async def ask(
        self, method: str, url: str, *, etag: str = "", params: Mapping[str, Any] | None = None, content: Any = None
    ) -> Answer | None:
        """Ask for JSON; None when there is no such thing, or nothing that these credentials may see (404).

        With `etag` an answer that did not change costs nothing of GitHub's limit.
        """
        options = {"params": params, "json": content}
        answer = await self._send(method, url, JSON, {"If-None-Match": etag} if etag else {}, options, *REFUSALS)
        if answer.status_code in REFUSALS:
            raise Invalid(f"{method} {url} answered {answer.status_code}: {_words(answer)}")
        if answer.status_code == 404:
            return None
        if answer.status_code == 304 and etag:
            return Answer(None, etag, unchanged=True)
        try:
            body = None if answer.status_code == 204 else json.loads(answer.content)
        except (ValueError, RecursionError):
            raise BadAnswer(f"{method} {url} answered something that is no JSON") from None
        return Answer(body, answer.headers.get("etag", ""), self._next(answer))

    async def commit_id(self, repository: RepositoryPlace, reference: str) -> str:
        """Return the commit a reference (`tags/v1`, `heads/main`, an id) leads to; empty when there is none."""
        url = f"{repository.url}/commits/{quote(reference)}"
        answer = await self._send("GET", url, SHA, {}, {}, 409, 422)
        if not answer.is_success:
            return ""
        found = answer.text.strip()
        if not _COMMIT.fullmatch(found):
            raise BadAnswer(f"GET {url} answered something that is no commit")
        return found

    async def _send(
        self, method: str, url: str, accept: str, headers: Mapping[str, str], options: Mapping[str, Any], *known: int
    ) -> httpx.Response:
        authorization = {"Authorization": f"Bearer {self._credentials.password}"} if self._credentials else {}
        once = {"once": True} if method == "POST" else {}  # after an outage nobody knows whether it was done
        return await self._request(
            method,
            url,
            **once,
            headers={"Accept": accept, "X-GitHub-Api-Version": VERSION, **authorization, **headers},
            accept_errors=(304, 404, *known),
            account=account(self._credentials),
            insecure=self._insecure,
            **{name: value for name, value in options.items() if value is not None},
        )

    def _next(self, answer: httpx.Response) -> str:
        """The next page; never one elsewhere, where our token is nobody's business."""
        link = answer.links.get("next", {}).get("url", "")
        if not link:
            return ""
        try:
            url = answer.request.url.join(link)
        except httpx.InvalidURL:
            url = None
        if url is None or not str(url).startswith(f"{self._api}/"):
            raise BadAnswer(f"GET {answer.request.url} names a next page that is not below {self._api}")
        return str(url)


@dataclass(frozen=True)
class Asset:
    """One file of a release; `uploaded` is False while it is not there whole."""

    name: str
    uploaded: bool = True
    size: int = 0
    url: str = ""
    content_type: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Release:
    """One release. `published_at` is the time as GitHub writes it, empty for drafts."""

    tag: str
    name: str = ""
    url: str = ""
    published_at: str = ""
    draft: bool = False
    prerelease: bool = False
    assets: tuple[Asset, ...] = field(default=())


def read_releases(body: Any) -> list[Release]:
    """Read a list of releases. Raises BadAnswer when it is none."""
    if not isinstance(body, list):
        raise BadAnswer("GitHub answered something that is no list of releases")
    return [read_release(each) for each in body]


def read_release(body: Any) -> Release:
    """Read one release; what is missing or makes no sense is left empty. Raises BadAnswer when it is none."""
    if not isinstance(body, dict) or not isinstance(body.get("tag_name"), str):
        raise BadAnswer("GitHub answered something that is no release")
    assets = body.get("assets")
    return Release(
        body["tag_name"],
        _text(body, "name"),
        _text(body, "html_url"),
        _text(body, "published_at"),
        body.get("draft") is True,
        body.get("prerelease") is True,
        tuple(_asset(each) for each in (assets if isinstance(assets, list) else []) if isinstance(each, dict)),
    )


def _asset(body: Mapping[str, Any]) -> Asset:
    size = body.get("size")
    return Asset(
        _text(body, "name"),
        body.get("state") == "uploaded",
        size if isinstance(size, int) and 0 <= size < 2**53 else 0,
        _text(body, "browser_download_url"),
        _text(body, "content_type"),
        _text(body, "digest"),
    )


def _words(answer: httpx.Response) -> str:
    """What GitHub says about a request it refuses."""
    try:
        body = json.loads(answer.content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return answer.reason_phrase
    errors = body.get("errors")
    fields = {_text(each, "field") for each in (errors if isinstance(errors, list) else []) if isinstance(each, dict)}
    said = _text(body, "message")[:300] or answer.reason_phrase
    return f"{said} ({', '.join(sorted(fields - {''}))})" if fields - {""} else said


def _text(body: Mapping[str, Any], key: str) -> str:
    """A text of printable characters; others belong in no ledger and no terminal."""
    value = body.get(key)
    return "".join(filter(str.isprintable, value)) if isinstance(value, str) else ""
