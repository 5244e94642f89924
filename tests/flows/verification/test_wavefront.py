"""Wavefront, against a server that checks requests by its chart API."""

from typing import Any, ClassVar

import pytest

from blocks.errors import BadAnswer, Invalid, NotFound
from flows.verification.login import Login
from flows.verification.wavefront import _address, _token
from tests.flows.verification.contract import NOON, ProviderContract, measured
from tests.servers.metrics.wavefront import TOKEN, wavefront
from tests.servers.recording import recording

NOW = NOON.timestamp()
QUERY = 'sum(rate(5m, ts("requests", response_code!=500)))'


class TestWavefront(ProviderContract):
    """What all providers keep to."""

    provider = "wavefront"
    SECRETS: ClassVar[Any] = {"wavefront-api-tokens": {"127.0.0.1": TOKEN}}
    value = 0.97

    def settings(self, url):
        return {"address": url, "query": QUERY}

    def answer(self, asked):
        return wavefront([[NOW - 30, 0.97]])(asked)


async def ask(answer):
    """Measure once."""
    with recording(answer) as server:
        return await measured(
            "wavefront", {"address": server.url, "query": QUERY}, {"wavefront-api-tokens": {"127.0.0.1": TOKEN}}
        )


async def test_the_nearest_point():
    """The point nearest to now counts, before or after it; how far it is is shown."""
    outcome = await ask(wavefront([[NOW - 60, 1.0], [NOW + 7, 2.0], [NOW - 9, 3.0]], warnings="be careful"))
    assert outcome.value == 2.0
    assert outcome.metadata == {"timestamps": str(int(NOW) + 7), "drift": "7", "warnings": "be careful"}


async def test_several_series():
    """Several series give a number each; one without points gives none."""
    outcome = await ask(wavefront([[NOW, 1]], [], [[NOW - 5, 2]]))
    assert outcome.value == (1.0, 2.0)
    assert outcome.metadata == {"timestamps": f"[{int(NOW)},{int(NOW) - 5}]", "drift": "[0,-5]"}


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        pytest.param(wavefront(), NotFound, "no data", id="no-series"),
        pytest.param(wavefront([]), NotFound, "no data", id="no-points"),
        pytest.param(wavefront([["now", 1]]), BadAnswer, "no series", id="no-time"),
        pytest.param(wavefront([[1]]), BadAnswer, "no series", id="half-a-point"),
        pytest.param(
            wavefront(errorType="QuerySyntaxError", errorMessage="extraneous input ')'"),
            Invalid,
            "extraneous input",
            id="its-own-words",
        ),
    ],
)
async def test_answers_without_values(answer, kind, words):
    """Without values there is no verdict."""
    with pytest.raises(kind, match=words):
        await ask(answer)


@pytest.mark.parametrize(
    ("written", "host", "url"),
    [
        ("example.wavefront.com", "example.wavefront.com", "https://example.wavefront.com"),
        ("https://example.wavefront.com/", "example.wavefront.com", "https://example.wavefront.com"),
        ("http://127.0.0.1:80/w", "127.0.0.1:80", "http://127.0.0.1:80/w"),
    ],
)
def test_addresses(written, host, url):
    """An address is a host, reached by https, or a URL."""
    assert _address(written) == (host, url)


def test_the_token_is_that_of_the_host():
    """A Secret holds a token for each host."""
    known = Login("wavefront-api-tokens", "shop/w", {"a.example.com": "1", "b.example.com": "2"})
    assert _token(known, "b.example.com") == "2"
    with pytest.raises(Invalid, match=r"no 'c\.example\.com'"):
        _token(known, "c.example.com")
