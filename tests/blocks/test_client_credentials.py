"""Tokens are fetched once for all who need one, and used no longer than they are valid."""

import asyncio

import pytest

from blocks.client_credentials import MARGIN, ClientCredentials, Tokens
from blocks.errors import BadAnswer, Unauthorized
from blocks.web import Web
from tests.servers.recording import recording


@pytest.fixture
async def web():
    """Connections."""
    opened = Web(allow_plain_http_credentials=True)
    yield opened
    await opened.aclose()


def login(server, secret="hush"):
    return ClientCredentials(f"{server.url}/token", "me", secret, ("read",))


def numbered(seconds):
    """An answer with a token of its own each time."""
    given = []

    def answer(_asked):
        given.append(1)
        return 200, {}, {"access_token": f"t{len(given)}"} | ({} if seconds is None else {"expires_in": seconds})

    return answer


@pytest.mark.parametrize(
    ("seconds", "tokens"),
    [
        pytest.param(3600, ["t1", "t1", "t1"], id="valid"),
        pytest.param("3600", ["t1", "t1", "t1"], id="written-as-text"),
        pytest.param(None, ["t1", "t1", "t1"], id="end-unsaid"),
        pytest.param(MARGIN, ["t1", "t2", "t3"], id="nearly-over"),
        pytest.param("soon", ["t1", "t1", "t1"], id="odd-end"),
        pytest.param("nan", ["t1", "t2", "t3"], id="no-number"),
    ],
)
async def test_kept_until_its_end(web, seconds, tokens):
    """A token is used until shortly before its end."""
    with recording(numbered(seconds)) as server:
        known = Tokens()
        assert [await known.of(web, login(server)) for _ in tokens] == tokens


async def test_fetched_once_for_all(web):
    """Who needs the same at the same time waits for one answer; other credentials have their own."""
    with recording(numbered(3600)) as server:
        known = Tokens()
        found = await asyncio.gather(*(known.of(web, login(server)) for _ in range(20)))
        assert (set(found), len(server.asked)) == ({"t1"}, 1)
        assert await known.of(web, login(server, "other")) == "t2"
        assert known.forget(login(server)) is True
        assert known.forget(login(server)) is False
        assert await known.of(web, login(server)) == "t3"


async def test_refusals_are_not_kept(web):
    """Who was refused asks again; the secret goes in the form where the header is not taken, and into no message."""
    answers = [(401, {}, {}), (401, {}, {}), (400, {}, {}), (200, {}, {"access_token": "t"})]
    with recording(lambda _: answers.pop(0)) as server:
        known = Tokens()
        with pytest.raises(Unauthorized, match="check clientId and clientSecret") as error:
            await known.of(web, login(server))
        assert "hush" not in f"{error.value}{login(server)!r}{known!r}"
        assert await known.of(web, login(server)) == "t"
        assert server.asked[-1].form["client_secret"] == "hush"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"access_token": 1}', b"null", b"\xff"], ids=repr)
async def test_odd_answers(web, body):
    """An answer without a token is a bad answer."""
    with recording(lambda _: (200, {}, body)) as server, pytest.raises(BadAnswer, match="without an access_token"):
        await Tokens().of(web, login(server))
