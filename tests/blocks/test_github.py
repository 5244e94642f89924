"""Where a repository's API is, and that nothing leaves by ways it should not."""

import httpx
import pytest

from blocks.errors import BadAnswer, Invalid, Refused
from blocks.github import GitHub, repository_place
from blocks.records import Credentials
from blocks.web import Web

API = "https://code.example.com/api/v3"
KEEPER = Credentials("keeper", "x", "planted-token-77aa")


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://github.com/acme/cli", "https://api.github.com"),
        ("https://github.com/acme/cli.git", "https://api.github.com"),
        ("https://user:secret@GitHub.com/acme/cli/", "https://api.github.com"),
        ("https://www.github.com/acme/cli", "https://api.github.com"),
        ("git@github.com:acme/cli.git", "https://api.github.com"),
        ("ssh://git@github.com:22/acme/cli", "https://api.github.com"),
        ("https://acme.ghe.com/acme/cli", "https://api.acme.ghe.com"),
        ("https://code.example.com/acme/cli", API),
        ("https://code.example.com:8443/acme/cli", "https://code.example.com:8443/api/v3"),
        ("git@code.example.com:acme/cli.git", API),
        ("http://127.0.0.1:8099/acme/cli", "http://127.0.0.1:8099/api/v3"),
    ],
)
def test_where_the_api_is(url, api):
    """github.com and ghe.com have it on a host of its own, Enterprise servers below theirs."""
    assert repository_place(url).url == f"{api}/repos/acme/cli"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "acme/cli",
        "https://github.com",
        "https://github.com/acme",
        "https://github.com/acme/cli/tree/main",
        "https://github.com/acme/..",
        "https://github.com/acme/cl i",
        "https://github.com/acme/cli?x=1#y/z",
        "https:///acme/cli",
        "https://[1/acme/cli",
        "https://github.com:99999/acme/cli",
        "file:///acme/cli",
    ],
)
def test_what_is_no_repository(url):
    """It is refused by a sentence that shows how to write one."""
    if url.endswith("#y/z"):
        assert repository_place(url).name == "cli"  # what follows names no other repository
        return
    with pytest.raises(Invalid, match="is no repository on GitHub"):
        repository_place(url)


def github(*answers):
    """GitHub as these answers make it, and what it was asked."""
    asked, left = [], list(answers)

    async def request(method, url, **options):
        asked.append((method, url, options))
        answer = left.pop(0)
        answer.request = httpx.Request(method, url)
        return answer

    return GitHub(request, API, KEEPER), asked


async def test_how_it_asks():
    """With its token, a version of the API, and whether the page changed."""
    client, asked = github(httpx.Response(200, json=[1], headers={"etag": 'W/"a"'}), httpx.Response(304))
    first = await client.ask("GET", f"{API}/x")
    assert (first.body, first.etag, first.next) == ([1], 'W/"a"', "")
    assert (await client.ask("GET", f"{API}/x", etag=first.etag)).unchanged
    assert asked[0][2]["headers"]["Authorization"] == f"Bearer {KEEPER.password}"
    assert asked[0][2]["account"] == "keeper"
    assert "If-None-Match" not in asked[0][2]["headers"]
    assert asked[1][2]["headers"]["If-None-Match"] == 'W/"a"'


async def test_what_it_reads():
    """Nothing there is None, no JSON is told, the next page is followed from where it stands."""
    client, _ = github(
        httpx.Response(404, json={}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200),
        httpx.Response(304),
        httpx.Response(200, json=[], headers={"link": '</api/v3/repositories/1/x?page=2>; rel="next"'}),
        httpx.Response(200, json=[], headers={"link": '<x>; rel="last"'}),
        httpx.Response(204),
    )
    assert await client.ask("GET", f"{API}/x") is None
    for _ in range(4):
        with pytest.raises(BadAnswer, match="no JSON"):
            await client.ask("GET", f"{API}/x")
    assert (await client.ask("GET", f"{API}/x")).next == f"{API}/repositories/1/x?page=2"
    assert (await client.ask("GET", f"{API}/x")).next == ""
    assert (await client.ask("DELETE", f"{API}/x")).body is None


@pytest.mark.parametrize(
    ("answer", "commit"),
    [
        pytest.param(httpx.Response(200, text="a" * 40), "a" * 40, id="found"),
        pytest.param(httpx.Response(404), "", id="unknown"),
        pytest.param(httpx.Response(422), "", id="no-such-reference"),
        pytest.param(httpx.Response(409), "", id="empty-repository"),
    ],
)
async def test_the_commit_of_a_tag(answer, commit):
    """Asked for by its name, slashes and all."""
    client, asked = github(answer)
    assert await client.commit_id(repository_place("https://code.example.com/acme/cli"), "tags/app/v1 +x") == commit
    assert asked[0][1] == f"{API}/repos/acme/cli/commits/tags/app/v1%20%2Bx"


async def test_something_that_is_no_commit():
    """It is told and not kept."""
    client, _ = github(httpx.Response(200, text="{}"))
    with pytest.raises(BadAnswer, match="no commit"):
        await client.commit_id(repository_place("https://code.example.com/acme/cli"), "tags/v1")


@pytest.fixture
async def web():
    """The way outside, as it is when nothing is set."""
    opened = Web()
    yield opened
    await opened.aclose()


@pytest.mark.parametrize(
    ("url", "headers", "said"),
    [
        pytest.param("http://169.254.169.254/x", {}, "is a link-local address", id="link-local"),
        pytest.param("http://[fe80::1]/x", {}, "is a link-local address", id="link-local-6"),
        pytest.param("http://127.0.0.1:1/x", {"authorization": "planted-77"}, "unencrypted", id="authorization"),
        pytest.param("HTTP://127.0.0.1:1/x", {"Cookie": "planted-77"}, "unencrypted", id="cookie"),
    ],
)
async def test_where_it_never_goes(web, url, headers, said):
    """Nothing is sent, and the sentence holds no secret."""
    with pytest.raises(Refused, match=said) as error:
        await web.request("GET", url, headers=headers)
    assert "planted" not in str(error.value)


@pytest.mark.parametrize("url", ["https://exa mple.com:x/", "http://\0"])
async def test_what_is_no_url(web, url):
    """It is told, once and for all."""
    with pytest.raises(Invalid, match="is not a URL"):
        await web.request("GET", url)
