"""New Relic, against a server that checks requests by NerdGraph's schema."""

from typing import Any, ClassVar

import pytest

from blocks.errors import BadAnswer, Invalid, NotFound, RateLimited, Unauthorized, Unavailable
from flows.verification.login import Login
from flows.verification.measure import judged
from flows.verification.model import Metric
from flows.verification.new_relic import NewRelic, _address
from tests.flows.verification.contract import ProviderContract, measured
from tests.servers.metrics.nerdgraph import ACCOUNT, KEY, nerdgraph, refused
from tests.servers.recording import recording

QUERY = "FROM Transaction SELECT percentage(count(*), WHERE httpResponseCode != 500) AS successRate"
LOGIN = {"personal-api-key": KEY, "account-id": ACCOUNT}


class TestNewRelic(ProviderContract):
    """What all providers keep to."""

    provider = "newRelic"
    SECRETS: ClassVar[Any] = {"newrelic": LOGIN}
    value: ClassVar[Any] = {"successRate": 99.0}

    def secrets(self, url):
        return {"newrelic": LOGIN | {"base-url-nerdgraph": f"{url}/graphql"}}

    def settings(self, url):
        return {"query": QUERY}

    def answer(self, asked):
        return nerdgraph([{"successRate": 99}])(asked)


async def ask(answer, **more):
    """Measure once with a Secret of another name, and return what came out and what was asked."""
    with recording(answer) as server:
        secrets = {"mine": LOGIN | {"base-url-nerdgraph": f"{server.url}/graphql"}}
        return await measured("newRelic", {"query": QUERY, "profile": "mine"} | more, secrets), server.asked


async def test_several_results():
    """Several results are a list; numbers are floats, and names with dots are kept."""
    outcome, _ = await ask(nerdgraph([{"average.duration": 1, "facet": "a"}, {"average.duration": 2.5}]))
    assert outcome.value == [{"average.duration": 1.0, "facet": "a"}, {"average.duration": 2.5}]
    assert outcome.metadata == {"ResolvedNewRelicQuery": QUERY}


@pytest.mark.parametrize(("settings", "seconds"), [({}, 5), ({"timeout": 30}, 30), ({"timeout": "7"}, 7)], ids=str)
async def test_requests(settings, seconds):
    """Query, account and time go as variables."""
    _, (asked,) = await ask(nerdgraph([{"a": 1}]), **settings)
    assert asked.json["variables"] == {"query": QUERY, "accountId": int(ACCOUNT), "timeout": seconds}


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        pytest.param(nerdgraph([]), NotFound, "no results", id="nothing"),
        pytest.param(nerdgraph([{}]), NotFound, "no results", id="empty-result"),
        pytest.param(nerdgraph(None), BadAnswer, "no list", id="null"),
        pytest.param(nerdgraph([1]), BadAnswer, "no list", id="no-objects"),
        pytest.param(refused("NRQL Syntax Error: line 1", "INVALID_INPUT"), Invalid, "Syntax Error", id="syntax"),
        pytest.param(refused("took too long", "TIMEOUT"), Unavailable, "took too long", id="timeout"),
        pytest.param(refused("25 at once", "TOO_MANY_REQUESTS"), RateLimited, "25 at once", id="too-many"),
        pytest.param(refused("Access denied", "ACCESS_DENIED"), Unauthorized, "account-id", id="other-account"),
        pytest.param(refused("half", data={"actor": {"account": None}}), Invalid, "half", id="data-beside-errors"),
        pytest.param((200, {}, {"data": {"actor": {"account": None}}}), BadAnswer, "account", id="no-account"),
    ],
)
async def test_answers_without_values(answer, kind, words):
    """What is no result, or half of one, is no verdict."""
    with pytest.raises(kind, match=words):
        await ask(answer if callable(answer) else lambda _asked: answer)


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ({}, "https://api.newrelic.com/graphql"),
        ({"region": "US"}, "https://api.newrelic.com/graphql"),
        ({"region": "eu"}, "https://api.eu.newrelic.com/graphql"),
        ({"region": "eu", "base-url-nerdgraph": "https://proxy/nr/"}, "https://proxy/nr"),
    ],
    ids=str,
)
def test_where(values, address):
    """The region, or a proxy, says where New Relic is."""
    assert _address(Login("newrelic", "shop/newrelic", values)) == address


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param({"personal-api-key": " "}, "no 'personal-api-key'", id="no-key"),
        pytest.param({"account-id": "mine"}, "is no number", id="account"),
        pytest.param({"region": "mars"}, "neither us nor eu", id="region"),
    ],
)
async def test_secrets_that_cannot_be(values, words):
    """What a Secret lacks is said by its key."""
    with pytest.raises(Invalid, match=words):
        await measured("newRelic", {"query": QUERY}, {"newrelic": LOGIN | values})


def test_negative_timeout():
    """A query cannot take less than no time."""
    with pytest.raises(ValueError, match="must not be negative"):
        NewRelic.model_validate({"query": QUERY, "timeout": -1})


@pytest.mark.parametrize(
    ("value", "condition", "phase"),
    [
        ({"successRate": 0.99}, "result.successRate >= 0.95", "Successful"),
        ({"average.duration": 3.0}, "result['average.duration'] < 2", "Failed"),
        ([{"count": 1.0}, {"count": 5.0}], "all(result, .count > 0)", "Successful"),
    ],
    ids=str,
)
def test_conditions(value, condition, phase):
    """Conditions see a map, or a list of them, as those of Argo Rollouts do."""
    metric = Metric.model_validate(
        {"name": "m", "successCondition": condition, "provider": {"newRelic": {"query": QUERY}}}
    )
    assert judged(metric, value)[0] == phase
