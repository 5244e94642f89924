"""Graphite, against a server that checks requests by its render API."""

import pytest

from blocks.errors import BadAnswer, Invalid, NotFound, Unauthorized
from tests.flows.verification.contract import ProviderContract, failing, measured
from tests.servers.metrics.graphite import graphite, target
from tests.servers.recording import recording

QUERY = """
  target=summarize(
    asPercent(
      sumSeries(web.{CLIENT_ERROR,SUCCESS}.count), sumSeries(web.*.count)
    ), '5min', 'avg'
  )&from=-5min
"""


class TestGraphite(ProviderContract):
    """What all providers keep to."""

    provider = "graphite"
    value = (91.5, 92.0)

    def settings(self, url):
        return {"address": url, "query": QUERY}

    def answer(self, asked):
        return graphite([target([91.5, 1767268500], [None, 1767268560], [92, 1767268800])])(asked)


async def ask(answer, query="target=web"):
    """Measure once, and return what came out and what was asked."""
    with recording(answer) as server:
        return await measured("graphite", {"address": server.url, "query": query}), server.asked


@pytest.mark.parametrize(
    ("targets", "value"),
    [
        pytest.param([target([1, 1]), target([2, 1])], (1.0,), id="first-target"),
        pytest.param([target([None, 1])], (), id="points-without-values"),
        pytest.param([target(["1.5", "1767268500"])], (1.5,), id="numbers-as-text"),
    ],
)
async def test_values(targets, value):
    """The numbers of the first target count; points without one are left out."""
    outcome, _ = await ask(graphite(targets))
    assert outcome.value == value


@pytest.mark.parametrize(
    ("targets", "kind"),
    [
        pytest.param([], NotFound, id="no-targets"),
        pytest.param([target()], NotFound, id="no-points"),
        pytest.param([target([True, 1])], BadAnswer, id="truth-as-value"),
        pytest.param([target([1.0])], BadAnswer, id="point-without-time"),
        pytest.param([{"target": "x"}], BadAnswer, id="target-without-points"),
    ],
)
async def test_answers_without_values(targets, kind):
    """Without values there is no verdict."""
    with pytest.raises(kind):
        await ask(graphite(targets))


async def test_requests():
    """White space has no meaning in a query, further parameters are kept, and the format is ours."""
    _, (asked,) = await ask(graphite([target([1, 1])]), "target=a( b,\n 'c' )&from=-1h&format=png")
    assert asked.path == "/render?target=a%28b%2C%27c%27%29&from=-1h&format=json"


async def test_a_login_in_the_address():
    """A login in the address is shown to the server, and in no message."""
    with recording(lambda asked: (401, {}, b"who are you?")) as server:
        address = server.url.replace("//", "//reader:hush-hush@")
        with pytest.raises(Unauthorized) as raised:
            await measured("graphite", {"address": address, "query": "target=web"})
    assert server.asked[0].headers["authorization"] == "Basic cmVhZGVyOmh1c2gtaHVzaA=="
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(failing(400, b"Invalid target"), "Invalid target", id="its-own-words"),
        pytest.param(failing(301, b"", {"location": "https://g/render?x=1"}), "at 'https://g/render'", id="elsewhere"),
    ],
)
async def test_refusals(answer, words):
    """What a person has to change is said."""
    with pytest.raises(Invalid, match=words):
        await ask(answer)
