"""http-download brings a file whole or not at all, from anywhere but where a machine keeps its credentials."""

import hashlib

import pytest

from blocks.errors import Invalid, NotFound, RateLimited, Refused, Unavailable, Unreachable
from flows.promotion.steps.http_download import LARGEST, Config, restore, run
from tests.flows.promotion.answering import answer, answering
from tests.flows.promotion.workspace import step_context

BODY = b"\x00\xffdata"
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"


async def download(tmp_path, url, **config):
    """Run the step into `in/a.bin`."""
    config = {"outPath": "in/a.bin", "url": url, **config}
    return await run(Config.model_validate(config), step_context(tmp_path))


def left(tmp_path):
    """All files of the working directory."""
    return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())


async def test_a_file(tmp_path):
    """Bytes arrive as they are, asked for with the headers and parameters; only the owner may read them."""
    async with answering(answer(200, body=BODY)) as server:
        result = await download(
            tmp_path,
            f"{server.url}/f?a=1",
            headers=[{"name": "X-Key", "value": "k"}],
            queryParams=[{"name": "b", "value": "2"}],
        )
    assert (tmp_path / "in/a.bin").read_bytes() == BODY
    assert (tmp_path / "in/a.bin").stat().st_mode & 0o777 == 0o600
    assert result.outputs == {"digest": DIGEST}
    assert server.seen[0].startswith(b"GET /f?a=1&b=2 ")
    assert b"x-key: k" in server.seen[0].lower()
    assert left(tmp_path) == ["in/a.bin"]


async def test_a_file_that_is_there(tmp_path):
    """The same file may be there, from an attempt before; another only goes with allowOverwrite."""
    async with answering(answer(200, body=BODY), answer(200, body=BODY), answer(200, body=b"new")) as server:
        await download(tmp_path, server.url)
        await download(tmp_path, server.url)
        with pytest.raises(Invalid, match="allowOverwrite"):
            await download(tmp_path, server.url)
        assert (tmp_path / "in/a.bin").read_bytes() == BODY
        await download(tmp_path, server.url, allowOverwrite=True)
    assert (tmp_path / "in/a.bin").read_bytes() == b"new"
    assert left(tmp_path) == ["in/a.bin"]


async def test_on_another_machine(tmp_path):
    """A lost directory gets the file again, and nothing if it is another by now."""
    config = Config.model_validate({"outPath": "a", "url": "http://unset"})
    async with answering(answer(200, body=BODY), answer(200, body=b"new")) as server:
        config = config.model_copy(update={"url": server.url})
        await restore(config, step_context(tmp_path), {"digest": DIGEST})
        assert (tmp_path / "a").read_bytes() == BODY
        with pytest.raises(Invalid, match="another file than when this promotion began"):
            await restore(config, step_context(tmp_path), {"digest": DIGEST})


@pytest.mark.parametrize(
    ("given", "raised"),
    [
        pytest.param(answer(404), NotFound, id="not found"),
        pytest.param(answer(503), Unavailable, id="unavailable"),
        pytest.param(answer(429, [("Retry-After", "5")]), RateLimited, id="rate limited"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Unreachable, id="cut off"),
        pytest.param(f"HTTP/1.1 200 OK\r\nContent-Length: {LARGEST + 1}\r\n\r\n".encode(), Invalid, id="too large"),
    ],
)
async def test_nothing_is_left(tmp_path, given, raised):
    """What cannot be had whole leaves no file, and its sentence has no secret of the URL in it."""
    async with answering(given) as server:
        url = server.url.replace("//", "//user:s3cret@")
        with pytest.raises(raised) as failure:
            await download(tmp_path, f"{url}/f?token=s3cret")
    assert "s3cret" not in str(failure.value)
    assert f"{server.url}/f" in str(failure.value)
    assert left(tmp_path) == []


async def test_more_than_announced_is_too_large(tmp_path, monkeypatch):
    """A body without a length is counted as it comes."""
    monkeypatch.setattr("flows.promotion.steps.http_download.LARGEST", 1000)
    async with answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 1001) as server:
        with pytest.raises(Invalid, match="more than 1000 bytes"):
            await download(tmp_path, server.url)
    assert left(tmp_path) == []


async def test_too_slow(tmp_path):
    """The timeout is for all of it."""
    async with answering(answer(200), delay=2.0) as server:
        with pytest.raises(Unreachable, match=r"within 0\.2 s"):
            await download(tmp_path, server.url, timeout="200ms")


@pytest.mark.parametrize("out", ["../a", "/../a", ".git/a", "."])
async def test_only_in_the_working_directory(tmp_path, out):
    """Other places are refused before anything is asked."""
    async with answering(answer(200)) as server:
        with pytest.raises(Invalid):
            await download(tmp_path, server.url, outPath=out)
    assert server.seen == []


async def test_link_local_addresses_are_refused(tmp_path):
    """Directly and by a redirect."""
    async with answering(answer(302, [("Location", "http://169.254.169.254/latest")])) as server:
        for url in (server.url, "http://169.254.169.254/latest"):
            with pytest.raises(Refused, match="link-local"):
                await download(tmp_path, url)
