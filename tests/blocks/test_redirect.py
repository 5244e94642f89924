"""Redirects: within their context everything goes elsewhere or nowhere, and outside nobody notices."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from blocks.errors import Refused
from blocks.git.access import access
from blocks.guarded_client import guarded_client
from blocks.http_client import client
from blocks.redirect import Redirects, current_redirects, redirected

TARGETS = Redirects(
    {"https://a.example/x": "http://t/1", "https://a.example/x/y": "http://t/2", "https://b/": "http://t/"}
)

WHERE = [
    pytest.param("https://a.example/x", "http://t/1", id="the address itself"),
    pytest.param("https://a.example/x.git", "http://t/1.git", id="with Git's ending"),
    pytest.param("https://a.example/x/z?q=1", "http://t/1/z?q=1", id="below"),
    pytest.param("https://a.example/x/y/z", "http://t/2/z", id="the longest beginning decides"),
    pytest.param("https://a.example/x?q", "http://t/1?q", id="a query"),
    pytest.param("https://b/anything", "http://t/anything", id="a beginning with a slash"),
    pytest.param("https://a.example/xyz", None, id="another name that begins so"),
    pytest.param("https://a.example/x.gitlab", None, id="another ending"),
    pytest.param("https://a.example", None, id="above"),
    pytest.param("http://a.example/x", None, id="another scheme"),
]


@pytest.mark.parametrize(("url", "target"), WHERE)
def test_where_urls_lead(url, target):
    """A URL leads where its longest known beginning says, up to the end of a part; any other is refused."""
    if target is None:
        with pytest.raises(Refused, match="leads out of the world"):
            TARGETS.of(url)
    else:
        assert TARGETS.of(url) == target


@pytest.mark.parametrize("url", ["https://a.example/x.git", "git@a.example:x.git", "ssh://git@a.example/x.git"])
def test_git_goes_elsewhere_without_credentials(url):
    """Git is told of the target, however the URL is written, and is given nothing secret."""
    with redirected(Redirects({url: "http://127.0.0.1:1/x.git"})):
        opened = access(url)
    assert opened.config() == {"url.http://127.0.0.1:1/x.git.insteadOf": url}
    assert opened.environment() == {}


async def test_only_the_context_is_redirected():
    """Tasks begun within inherit the redirects; those of others, at the same time, have none."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def inside():
        with redirected(TARGETS):
            entered.set()
            await leave.wait()
            return await asyncio.create_task(_current()), await asyncio.to_thread(current_redirects)

    task = asyncio.create_task(inside())
    await entered.wait()
    assert current_redirects() is None
    leave.set()
    assert await task == (TARGETS, TARGETS)


@asynccontextmanager
async def told():
    """A server that notes what it is asked, and its port."""
    heard = []

    async def answer(reader, writer):
        heard.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield heard, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("opened", [client, lambda: guarded_client("https://a.example/x")], ids=["client", "guarded"])
async def test_requests_go_elsewhere_under_their_own_name(opened):
    """A request reaches the target and still names the host it is meant for; others reach nobody."""
    async with told() as (heard, port):
        with redirected(Redirects({"https://a.example/x": f"http://127.0.0.1:{port}/1"})):
            async with opened() as http:
                answer = await http.get("https://a.example/x/z?q=1")
                with pytest.raises(Refused, match="leads out of the world"):
                    await http.get("https://elsewhere.example/")
    assert (answer.text, str(answer.url)) == ("ok", "https://a.example/x/z?q=1")
    [asked] = heard
    assert asked.startswith("get /1/z?q=1 ") and "host: a.example\r\n" in asked


async def _current():
    return current_redirects()
