"""Datadog, both versions of its API, against a server that checks requests by what Datadog publishes."""

import json
from typing import Any, ClassVar

import pytest

from blocks.errors import BadAnswer, Invalid, RateLimited
from flows.verification.datadog import Datadog
from flows.verification.measure import judged
from flows.verification.model import Metric
from tests.flows.verification.contract import NOON, ProviderContract, failing, measured
from tests.servers.metrics.datadog import API_KEY, APP_KEY, columns, datadog, group, numbers, points
from tests.servers.recording import recording

KEYS = {"api-key": API_KEY, "app-key": APP_KEY}
FORMULA = {"queries": {"a": "sum:errors{*}", "b": "sum:requests{*}"}, "formula": "a / b"}


class OnDatadog(ProviderContract):
    """What both versions have in common: keys and address are in a Secret."""

    provider = "datadog"
    SECRETS: ClassVar[Any] = {"datadog": KEYS}

    def secrets(self, url):
        return {"datadog": KEYS | {"address": url}}


class TestV1(OnDatadog):
    """Version 1."""

    value = 0.5

    def settings(self, url):
        return {"query": "avg:errors{service:web}"}

    def answer(self, asked):
        return datadog(v1=points(0.25, 0.5))(asked)


class TestV2(OnDatadog):
    """Version 2."""

    value = 0.25

    def settings(self, url):
        return {"apiVersion": "v2", "interval": "30m"} | FORMULA

    def answer(self, asked):
        return datadog(v2=columns(numbers(0.25)))(asked)


async def ask(settings, answer):
    """Measure once, and return what came out and what was asked."""
    with recording(answer) as server:
        outcome = await measured("datadog", settings, {"datadog": KEYS | {"address": server.url}})
        return outcome, server.asked


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(points(1.0, 3.0, 2.0), 2.0, id="last-point"),
        pytest.param(points(1.0, None), None, id="last-point-without-data"),
        pytest.param(points(), None, id="no-points"),
        pytest.param({"status": "ok", "series": []}, None, id="no-series"),
        pytest.param({"status": "ok", "series": points(1.0)["series"] + points(2.0)["series"]}, 1.0, id="first-series"),
    ],
)
async def test_v1_values(body, value):
    """The last point of the first series counts; without one there are no data."""
    outcome, _ = await ask({"query": "avg:errors{*}"}, datadog(v1=body))
    assert outcome.value == value


@pytest.mark.parametrize(
    ("body", "value", "groups"),
    [
        pytest.param(columns(numbers(7)), 7.0, None, id="integer"),
        pytest.param(columns(numbers(None)), None, None, id="no-data"),
        pytest.param(columns(numbers()), None, None, id="empty"),
        pytest.param(columns(), None, None, id="no-columns"),
        pytest.param(columns({"name": "q", "values": [3.0]}), 3.0, None, id="column-without-type"),
        pytest.param(columns(numbers(1.0, name="a"), numbers(2.0, name="b")), 1.0, None, id="first-column"),
        pytest.param(columns(group("host", "a"), numbers(1.0)), (1.0,), {"a": 1.0}, id="one-group"),
        pytest.param(
            columns(group("host", "a", "b", "c"), numbers(1.0, None, 2.0)),
            (1.0, 2.0),
            {"a": 1.0, "c": 2.0},
            id="group-without-data",
        ),
        pytest.param(
            columns(group("env", "prod", "prod"), group("host", "a", ["b", "bb"]), numbers(1.0, 2.0)),
            (1.0, 2.0),
            {"prod,a": 1.0, "prod,b,bb": 2.0},
            id="two-tags",
        ),
        pytest.param(columns(group("host", "a"), numbers(None)), None, None, id="groups-without-data"),
    ],
)
async def test_v2_values(body, value, groups):
    """A number, or with groups one each and their names beside; without any there are no data."""
    outcome, _ = await ask({"apiVersion": "v2", "query": "avg:errors{*} by {host}"}, datadog(v2=body))
    assert outcome.value == value
    shown = {pair["name"]: pair["value"] for pair in json.loads(outcome.metadata.get("groups", "[]"))}
    assert shown == (groups or {})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(columns(numbers("much")), id="text-as-number"),
        pytest.param(columns(group("host"), numbers(1.0)), id="number-without-group"),
        pytest.param(columns(group("host", []), numbers(1.0)), id="group-without-name"),
        pytest.param({"data": {"attributes": {}}}, id="no-columns-field"),
        pytest.param({"data": []}, id="data-as-list"),
    ],
)
async def test_partial_answers_are_no_verdict(body):
    """What is half an answer is an error, not a number."""
    with pytest.raises(BadAnswer):
        await ask({"apiVersion": "v2", "query": "avg:errors{*} by {host}"}, datadog(v2=body))


async def test_many_groups():
    """Of many groups those at both ends are shown, and all count."""
    names, values = [f"h{n}" for n in range(300)], [float(n) for n in range(300)]
    outcome, _ = await ask(
        {"apiVersion": "v2", "query": "q"}, datadog(v2=columns(group("h", *names), numbers(*values)))
    )
    assert len(outcome.value) == 300
    shown = [pair["name"] for pair in json.loads(outcome.metadata["groups"])]
    assert (len(shown), shown[0], shown[-1], outcome.metadata["groups_truncated"]) == (100, "h0", "h299", "true")


async def test_the_window_and_the_names():
    """The window ends now and is as long as the interval; queries go by their names, with the aggregator."""
    _, (asked,) = await ask({"apiVersion": "v2", "aggregator": "sum"} | FORMULA, datadog(v2=columns(numbers(1.0))))
    attributes = asked.json["data"]["attributes"]
    assert (attributes["to"], attributes["to"] - attributes["from"]) == (NOON.timestamp() * 1000, 300_000)
    assert {each["name"]: each["query"] for each in attributes["queries"]} == FORMULA["queries"]
    assert {each["aggregator"] for each in attributes["queries"]} == {"sum"}
    assert attributes["formulas"] == [{"formula": "a / b"}]


@pytest.mark.parametrize(
    ("version", "answer", "words"),
    [
        pytest.param("v1", (400, {}, {"errors": ["Error parsing query"]}), "Error parsing query", id="v1-refused"),
        pytest.param("v1", (200, {}, {"status": "error", "error": "Rule x"}), "Rule x", id="v1-error-in-answer"),
        pytest.param("v2", (400, {}, {"errors": ["no aggregator"]}), "no aggregator", id="v2-refused"),
        pytest.param("v2", (200, {}, {"errors": "scope unknown"}), "scope unknown", id="v2-error-in-answer"),
        pytest.param("v2", (200, {}, {"data": {"errors": "no metric"}}), "no metric", id="v2-error-in-data"),
    ],
)
async def test_datadogs_own_words(version, answer, words):
    """What Datadog says about a query is repeated."""
    with pytest.raises(Invalid, match=words):
        await ask({"apiVersion": version, "query": "q"}, lambda _asked: answer)


async def test_limits_by_datadogs_headers():
    """Without Retry-After, the time of reset says how long Datadog wants peace."""
    headers = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "95"}
    with pytest.raises(RateLimited) as raised:
        await ask({"query": "q"}, failing(429, {"errors": ["Rate limited"]}, headers))
    assert raised.value.retry_after == pytest.approx(95, abs=2)


@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        pytest.param({}, "no Secret 'datadog' in project 'shop'", id="no-secret"),
        pytest.param({"datadog": {"api-key": "k"}}, "no 'app-key'", id="no-app-key"),
        pytest.param({"datadog": KEYS | {"address": "here"}}, "no http:// or https:// URL", id="address"),
    ],
)
async def test_keys_that_are_missing(secrets, words):
    """Without keys nobody is asked, and the sentence says which are missing."""
    with pytest.raises(Invalid, match=words):
        await measured("datadog", {"query": "q"}, secrets)


async def test_only_the_projects_own_secret():
    """A namespaced Secret is looked for in the project alone, by its name."""
    with pytest.raises(Invalid, match="no Secret 'mine'"):
        await measured("datadog", {"query": "q", "secretRef": {"name": "mine", "namespaced": True}}, {"datadog": KEYS})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({}, "exactly one of 'query' and 'queries'", id="nothing"),
        pytest.param({"query": "q"} | FORMULA, "exactly one of 'query' and 'queries'", id="both"),
        pytest.param(FORMULA, "need 'apiVersion: v2'", id="queries-of-v1"),
        pytest.param({"query": "q", "aggregator": "sum"}, "need 'apiVersion: v2'", id="aggregator-of-v1"),
        pytest.param({"apiVersion": "v2", "query": "q", "formula": "q"}, "'formula' needs 'queries'", id="formula"),
        pytest.param({"apiVersion": "v2", "queries": FORMULA["queries"]}, "need a 'formula'", id="no-formula"),
        pytest.param({"apiVersion": "v3", "query": "q"}, "'v1' or 'v2'", id="version"),
        pytest.param({"apiVersion": "v2", "query": "q", "aggregator": "most"}, "'avg'", id="aggregator"),
        pytest.param({"query": "q", "requestTimeout": "0s"}, "more than nothing", id="timeout"),
        pytest.param({"query": "q", "secretRef": {"namespaced": True}}, "'name' is needed", id="namespaced"),
    ],
)
def test_settings_that_cannot_be(settings, words):
    """What Datadog could not be asked is refused when it is applied."""
    with pytest.raises(ValueError, match=words):
        Datadog.model_validate(settings)


@pytest.mark.parametrize(
    ("value", "condition", "phase"),
    [
        (0.01, "result <= 0.01", "Successful"),
        (0.02, "result <= 0.01", "Failed"),
        (None, "default(result, 0) < 0.05", "Successful"),
        (None, "result < 0.05", "Error"),
        ((0.01, 0.2), "max(result) < 0.05", "Failed"),
        ((0.01, 0.02), "all(result, # < 0.05)", "Successful"),
    ],
    ids=str,
)
def test_conditions(value, condition, phase):
    """Conditions see what those of Argo Rollouts see."""
    metric = Metric.model_validate(
        {"name": "m", "successCondition": condition, "provider": {"datadog": {"query": "q"}}}
    )
    assert judged(metric, value)[0] == phase
