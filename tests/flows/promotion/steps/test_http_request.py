"""The `http` step asks real servers, within bounds, and never where a machine keeps its credentials."""

import json
import socket
from ipaddress import ip_address

import pytest

from blocks.errors import BadAnswer, Invalid, Refused, Unreachable
from blocks.guarded_client import is_link_local
from flows.promotion.result import Failed, Succeeded, Waiting
from flows.promotion.steps.http_request import LARGEST, Config, run
from tests.flows.promotion.answering import answer, answering
from tests.flows.promotion.workspace import step_context


async def ask(tmp_path, url, **config):
    """Run the step."""
    return await run(Config.model_validate({"url": url, **config}), step_context(tmp_path))


async def test_what_is_sent(tmp_path):
    """Method, path, parameters, headers and body arrive as configured, under the name that was asked."""
    async with answering(answer(200)) as server:
        await ask(
            tmp_path,
            f"http://localhost:{server.port}/hook?a=1",
            method="POST",
            queryParams=[{"name": "a", "value": "2"}, {"name": "b", "value": "x y"}],
            headers=[{"name": "X-One", "value": "1"}, {"name": "X-One", "value": "2"}],
            body="hello",
        )
    head, _, body = server.seen[0].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] in (b"post /hook?a=1&a=2&b=x+y http/1.1", b"post /hook?a=1&a=2&b=x%20y http/1.1")
    assert f"host: localhost:{server.port}".encode() in lines
    assert b"x-one: 1, 2" in lines
    assert body == b"hello"


async def test_a_body_from_a_file(tmp_path):
    """The body may be a file of the working directory, and no other."""
    (tmp_path / "body.json").write_text('{"a": 1}')
    async with answering(answer(200)) as server:
        await ask(tmp_path, server.url, method="PUT", bodyFromFile="body.json")
        with pytest.raises(Invalid, match="outside"):
            await ask(tmp_path, server.url, method="PUT", bodyFromFile="../body.json")
    assert len(server.seen) == 1
    assert server.seen[0].endswith(b'\r\n\r\n{"a": 1}')


async def test_polling_until_done(tmp_path):
    """Attempt by attempt: not yet, then done with outputs."""
    busy, done = (
        answer(200, [("Content-Type", "application/json")], json.dumps({"state": state}).encode())
        for state in ("busy", "done")
    )
    config = {
        "successExpression": "response.body.state == 'done'",
        "pollInterval": "5s",
        "outputs": [{"name": "state", "fromExpression": "response.body.state"}],
    }
    async with answering(busy, done) as server:
        first = await ask(tmp_path, server.url, **config)
        second = await ask(tmp_path, server.url, **config)
    assert (type(first), first.again_in) == (Waiting, 5.0)
    assert second == Succeeded({"state": "done"})


async def test_a_redirect_is_followed(tmp_path):
    """The answer behind a redirect counts."""
    config = {
        "responseContentType": "text/plain",
        "outputs": [{"name": "text", "fromExpression": "response.body"}],
    }
    async with (
        answering(answer(200, body=b"here")) as target,
        answering(answer(302, [("Location", f"{target.url}/there")])) as server,
    ):
        result = await ask(tmp_path, server.url, **config)
    assert result == Succeeded({"text": "here"})


LINK_LOCAL = ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "2852039166", "0xa9fea9fe"]


@pytest.mark.parametrize("host", LINK_LOCAL)
async def test_link_local_addresses_are_refused(tmp_path, host):
    """No spelling of a link-local address is asked, not even to be refused a connection."""
    with pytest.raises(Refused, match="link-local"):
        await ask(tmp_path, f"http://{host}/latest/meta-data", timeout="5s")


async def test_a_redirect_to_a_link_local_address_is_refused(tmp_path):
    """A server cannot send us there either."""
    async with answering(answer(307, [("Location", "http://169.254.169.254/latest")])) as server:
        with pytest.raises(Refused, match="link-local"):
            await ask(tmp_path, server.url)


async def test_a_name_of_a_link_local_address_is_refused(tmp_path, monkeypatch):
    """What counts is the address a name leads to."""
    resolved = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: resolved)
    with pytest.raises(Refused, match=r"metadata\.example\.com"):
        await ask(tmp_path, "http://metadata.example.com/")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("169.254.0.1", True),
        ("fe80::1", True),
        ("::ffff:169.254.169.254", True),
        ("64:ff9b::a9fe:a9fe", True),
        ("224.0.0.1", True),
        ("ff02::1", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("::1", False),
        ("fd00::1", False),
        ("64:ff9b::808:808", False),
        ("ff05::1", False),
    ],
)
def test_is_link_local(address, expected):
    """Link-local addresses are known, wrapped or not; private ones are allowed."""
    assert is_link_local(ip_address(address)) is expected


async def test_a_proxy_is_used(tmp_path):
    """With a proxy the whole URL goes to it."""
    async with answering(answer(200)) as proxy:
        await ask(tmp_path, "http://nowhere.invalid/x", proxy=proxy.url)
        with pytest.raises(Refused):
            await ask(tmp_path, "http://169.254.169.254/x", proxy=proxy.url)
    assert [request.split(b" ")[1] for request in proxy.seen] == [b"http://nowhere.invalid/x"]


async def test_an_answer_that_is_too_large(tmp_path):
    """More than the limit is an error that may pass."""
    async with answering(answer(200, body=b"x" * (LARGEST + 1))) as server:
        with pytest.raises(BadAnswer, match=str(LARGEST)):
            await ask(tmp_path, server.url)


async def test_a_body_that_is_too_large(tmp_path):
    """A request above the limit is not sent."""
    (tmp_path / "big").write_bytes(b"x" * (LARGEST + 1))
    async with answering(answer(200)) as server:
        with pytest.raises(Invalid, match=str(LARGEST)):
            await ask(tmp_path, server.url, method="POST", bodyFromFile="big")
    assert server.seen == []


async def test_a_server_that_does_not_answer(tmp_path):
    """No answer in time and no server are errors that may pass, without secrets in the sentence."""
    async with answering(answer(200), delay=2.0) as server:
        url = server.url.replace("http://", "http://user:s3cret@")
        with pytest.raises(Unreachable, match="no answer within") as slow:
            await ask(tmp_path, f"{url}/x?token=s3cret", timeout="200ms")
    with pytest.raises(Unreachable) as gone:
        await ask(tmp_path, f"{url}/x?token=s3cret")
    for failure in (slow, gone):
        assert "s3cret" not in str(failure.value)
        assert f"{server.url}/x" in str(failure.value)


@pytest.mark.parametrize("url", ["ftp://example.com", "example.com/x", "http://", "http://[::1"])
async def test_urls_that_are_none(tmp_path, url):
    """What is no http URL is refused before anything is asked."""
    with pytest.raises(Invalid, match="url"):
        await ask(tmp_path, url)


async def test_an_output_that_is_no_plain_data(tmp_path):
    """Outputs are kept in the ledger, so they must be plain."""
    async with answering(answer(200)) as server:
        with pytest.raises(BadAnswer, match="'at'"):
            await ask(tmp_path, server.url, outputs=[{"name": "at", "fromExpression": "now()"}])


async def test_a_status_that_is_no_success(tmp_path):
    """Without criteria any other status is a failure that is asked again."""
    async with answering(answer(503)) as server:
        result = await ask(tmp_path, server.url)
    assert (type(result), result.terminal) == (Failed, False)
