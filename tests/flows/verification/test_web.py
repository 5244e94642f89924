"""The web provider asks as the template says, and takes the value out of what comes back."""

import math
from typing import ClassVar

import pytest
from pydantic import ValidationError

from blocks.errors import BadAnswer, Invalid, NotFound
from flows.verification.measure import judged
from flows.verification.model import Metric
from flows.verification.web import WebMetric
from tests.flows.verification.contract import ProviderContract, measured
from tests.servers.recording import recording

DOCUMENT = {"data": {"ok": True, "rate": 3, "a.b": 4, "pods": [{"name": "x", "cpu": 0.5}, {"name": "y", "cpu": 2}]}}


class TestWeb(ProviderContract):
    """A POST with a token."""

    provider = "web"
    value = 3.0
    SECRETS: ClassVar = {"login": {"token": "hush-token"}}

    def settings(self, url):
        """One number of a document."""
        headers = [{"key": "X-Token", "value": "hush-token"}]
        body = {"window": "5m", "deep": [1, {"a": None}]}
        return {
            "url": f"{url}/rate",
            "method": "POST",
            "headers": headers,
            "jsonBody": body,
            "jsonPath": "{$.data.rate}",
        }

    def answer(self, asked):
        """The document."""
        assert (asked.method, asked.path, asked.headers["x-token"]) == ("POST", "/rate", "hush-token")
        assert (asked.headers["content-type"], asked.json["deep"]) == ("application/json", [1, {"a": None}])
        return 200, {}, DOCUMENT


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("{$.data.ok}", True, id="kubernetes"),
        pytest.param("{.data.rate}", 3.0, id="without-dollar"),
        pytest.param("$.data.rate", 3.0, id="without-braces"),
        pytest.param("{$.data.pods[0].cpu}", 0.5, id="index"),
        pytest.param("{$.data.pods[-1].cpu}", 2.0, id="last"),
        pytest.param("{$.data.pods[?(@.name=='y')].cpu}", 2.0, id="filter"),
        pytest.param('{$.data.pods[?(@.name=="y")].cpu}', 2.0, id="filter-in-double-quotes"),
        pytest.param("{$.data.pods[*].cpu}", 0.5, id="first-of-several"),
        pytest.param("{$.data['a.b']}", 4.0, id="quoted-key"),
        pytest.param(r"{$.data.a\.b}", 4.0, id="escaped-dot"),
        pytest.param("{$..cpu}", 0.5, id="anywhere"),
        pytest.param("", {"data": {**DOCUMENT["data"], "rate": 3.0, "a.b": 4.0, "pods": [
            {"name": "x", "cpu": 0.5}, {"name": "y", "cpu": 2.0}]}}, id="whole"),
    ],
)  # fmt: skip
async def test_paths(path, value):
    """Paths in Kubernetes' notation find the first value; numbers are floats, as in Argo Rollouts."""
    with recording(lambda _: (200, {}, DOCUMENT)) as server:
        outcome = await measured("web", {"url": server.url, "jsonPath": path})
    assert outcome.value == value


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        pytest.param("{$.data.none}", BadAnswer, "nothing at the JSON path", id="nothing"),
        pytest.param("{$.data[", Invalid, "is no JSON path", id="no-path"),
        pytest.param("{$.data.pods[9]}", BadAnswer, "nothing at the JSON path", id="no-such-index"),
    ],
)
async def test_paths_that_lead_nowhere(path, error, said):
    """A value that is not there is an error of the measurement, never a verdict."""
    with recording(lambda _: (200, {}, DOCUMENT)) as server, pytest.raises(error, match=said):
        await measured("web", {"url": server.url, "jsonPath": path})


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(b"healthy\n", "healthy\n", id="text"),
        pytest.param(b"", "", id="nothing"),
        pytest.param(b"[]", [], id="empty-list"),
        pytest.param(b"NaN", math.nan, id="no-number"),
        pytest.param(b"\xffok", "\ufffdok", id="no-utf-8"),
    ],
)
async def test_without_a_path(body, value):
    """The whole answer is the value; what is no JSON is a text, as in Argo Rollouts."""
    with recording(lambda _: (200, {}, body)) as server:
        found = (await measured("web", {"url": server.url, "timeoutSeconds": -1})).value
    assert found == value or (found != found and value != value)


async def test_not_found():
    """A status that is no success is an error."""
    with recording(lambda _: (404, {}, {})) as server, pytest.raises(NotFound, match="404"):
        await measured("web", {"url": server.url})


@pytest.mark.parametrize("url", ["", "rates", "ftp://x/y", "http://"])
async def test_urls_that_are_none(url):
    """A URL that is none is refused."""
    with pytest.raises((Invalid, ValidationError), match="url"):
        await measured("web", {"url": url})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param({"method": "POST", "body": "x", "jsonBody": {}}, "one of 'body'", id="two-bodies"),
        pytest.param({"body": "x"}, "need method POST", id="get-with-a-body"),
        pytest.param({"method": "DELETE"}, "GET", id="method"),
    ],
)
def test_settings_that_cannot_be(settings, said):
    """What Argo Rollouts refuses is refused."""
    with pytest.raises(ValidationError, match=said):
        WebMetric.model_validate({"url": "http://x"} | settings)


@pytest.mark.parametrize(
    ("value", "condition", "phase"),
    [
        pytest.param(True, "result", "Successful", id="boolean"),
        pytest.param({"ok": 3.0}, "asInt(result.ok) == 3", "Successful", id="document"),
        pytest.param([1.0, 2.0], "len(result) == 2 && result[0] < 2", "Successful", id="list"),
        pytest.param((), "len(result) == 0", "Successful", id="empty-vector"),
        pytest.param((), "result[0] < 1", "Error", id="nothing-in-a-vector"),
        pytest.param([], "all(result, .ok)", "Successful", id="empty-list"),
        pytest.param([], "result[0].ok", "Error", id="nothing-in-a-list"),
        pytest.param("healthy", "result startsWith 'heal'", "Successful", id="plain-text"),
        pytest.param("<html>", "result.ok", "Error", id="text-is-no-document"),
        pytest.param((0.5,), "result == 0.5", "Error", id="vector-is-no-number"),
        pytest.param("0.5", "asFloat(result) < 1", "Successful", id="text"),
    ],
)
def test_conditions_over_values(value, condition, phase):
    """Whatever a provider measures, conditions see it with the type Argo Rollouts gives it."""
    metric = Metric.model_validate(
        {"name": "m", "successCondition": condition, "provider": {"web": {"url": "http://x"}}}
    )
    assert judged(metric, value)[0] == phase
