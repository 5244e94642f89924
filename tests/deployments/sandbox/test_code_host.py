"""The sandbox's code host answers as GitHub does."""

import asyncio

import httpx
import pytest

from deployments.sandbox.rate_limit import RateLimit
from deployments.sandbox.server import Sandbox

REPO = "/api/v3/repos/acme/cli"
ASSET = {"name": "cli.zip", "size": 7, "digest": "sha256:00"}


@pytest.fixture
async def http(sandbox):
    """A client of a fresh sandbox's code host."""
    async with httpx.AsyncClient(base_url=sandbox.url, timeout=10) as client:
        yield client


async def test_what_is_told_is_shown(http, sandbox):
    """A release that a person tells of is listed, found by its tag, changed and deleted."""
    told = {"repository": "acme/cli", "tag": "v1", "prerelease": True, "assets": [ASSET], "commit": "c" * 40}
    assert (await http.post("/sandbox/releases", json=told)).status_code == 201
    (shown,) = (await http.get(f"{REPO}/releases")).json()
    assert (shown["tag_name"], shown["prerelease"], shown["draft"]) == ("v1", True, False)
    assert shown["assets"][0]["browser_download_url"] == f"{sandbox.url}/acme/cli/releases/download/v1/cli.zip"
    assert (await http.get(f"{REPO}/releases/tags/v1")).json() == shown
    assert (await http.post("/sandbox/releases", json=told | {"name": "One"})).status_code == 201
    (changed,) = (await http.get(f"{REPO}/releases")).json()
    assert (changed["name"], changed["published_at"]) == ("One", shown["published_at"])
    gone = {"repository": "acme/cli", "tag": "v1"}
    assert (await http.request("DELETE", "/sandbox/releases", json=gone)).status_code == 204
    assert (await http.request("DELETE", "/sandbox/releases", json=gone)).status_code == 404
    assert (await http.get(f"{REPO}/releases")).json() == []


@pytest.mark.parametrize(
    "told", [{}, {"repository": "acme", "tag": "v1"}, {"repository": "a/b", "tag": "v1", "assets": [{}]}], ids=repr
)
async def test_what_is_no_release(http, told):
    """It is refused."""
    assert (await http.post("/sandbox/releases", json=told)).status_code == 400


async def test_pages(http, sandbox):
    """As many on a page as asked for, at most a hundred, the last one without a next."""
    for number in range(5):
        sandbox.release("acme/cli", f"v{number}")
    url, tags = f"{REPO}/releases?per_page=2", []
    while url:
        answer = await http.get(url)
        tags.append([each["tag_name"] for each in answer.json()])
        url = answer.links.get("next", {}).get("url")
    assert tags == [["v4", "v3"], ["v2", "v1"], ["v0"]]


async def test_what_has_not_changed_does_not_count(http, sandbox):
    """304 for the same ETag, and the limit stays."""
    sandbox.release("acme/cli", "v1")
    first = await http.get(f"{REPO}/releases")
    again = await http.get(f"{REPO}/releases", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"] == "4999"
    sandbox.release("acme/cli", "v2")
    assert (await http.get(f"{REPO}/releases", headers={"if-none-match": first.headers["etag"]})).status_code == 200


async def test_the_commit_of_a_tag(http, sandbox):
    """As it was told, else as the Git repository has it, as bare text for who wants that."""
    bare = {"accept": "application/vnd.github.sha"}
    await sandbox.create_repository("acme/cli", {"a": "1"})
    path = sandbox.world.git.path("acme/cli")
    tagged = await asyncio.create_subprocess_exec("git", "-C", str(path), "tag", "v0", "main")
    assert await tagged.wait() == 0
    commit = (await sandbox.world.git.refs("acme/cli"))["refs/heads/main"]
    sandbox.release("acme/cli", "v1", commit="d" * 40)
    assert (await http.get(f"{REPO}/commits/tags/v1", headers=bare)).text == "d" * 40
    assert (await http.get(f"{REPO}/commits/tags/v1")).json() == {"sha": "d" * 40}
    assert (await http.get(f"{REPO}/commits/tags/none", headers=bare)).status_code == 422
    assert (await http.get(f"{REPO}/commits/tags/v0", headers=bare)).text == commit


async def test_who_may_see(tmp_path):
    """A token sees drafts; without one nothing is there; a wrong one is refused."""
    async with Sandbox(tmp_path, users={"ana": "planted"}) as sandbox, httpx.AsyncClient(base_url=sandbox.url) as http:
        sandbox.release("acme/cli", "v1", draft=True)
        asked = [await http.get(f"{REPO}/releases", headers=_bearer(token)) for token in ("planted", "", "wrong")]
        assert [each.status_code for each in asked] == [200, 404, 401]
        assert asked[0].json()[0]["draft"] is True
        assert (await http.get("/api/v3/user", headers=_bearer("planted"))).status_code == 404


def _bearer(token):
    return {"authorization": f"Bearer {token}"} if token else {}


async def test_an_exhausted_limit(http, sandbox):
    """403 with nothing left and the time of the reset."""
    sandbox.world.code_host.limit.limit = 1
    sandbox.release("acme/cli", "v1")
    assert (await http.get(f"{REPO}/releases")).status_code == 200
    refused = await http.get(f"{REPO}/releases")
    assert (refused.status_code, refused.headers["x-ratelimit-remaining"]) == (403, "0")
    assert int(refused.headers["x-ratelimit-reset"]) > 0


def test_the_limit_comes_back():
    """After its window, for each account by itself."""
    now = [1000.0]
    limit = RateLimit(2, clock=lambda: now[0])
    assert [limit.take("ana"), limit.take("ana"), limit.take("ana"), limit.take("bo")] == [True, True, False, True]
    now[0] += limit.window
    assert limit.headers("ana")["x-ratelimit-remaining"] == "2"


async def test_releases_outlive_the_process(tmp_path):
    """What was told is there after a restart."""
    async with Sandbox(tmp_path) as sandbox:
        sandbox.release("acme/cli", "v1")
    async with Sandbox(tmp_path) as sandbox:
        assert [each["tag"] for each in sandbox.world.code_host.releases.of("acme/cli")] == ["v1"]
