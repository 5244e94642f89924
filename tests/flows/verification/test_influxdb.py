"""InfluxDB, against a server that checks requests by its API v2 and answers in annotated CSV."""

import math
from typing import Any, ClassVar

import pytest

from blocks.errors import BadAnswer, Invalid, NotFound
from flows.verification.measure import judged
from flows.verification.model import Metric
from tests.flows.verification.contract import ProviderContract, failing, measured
from tests.servers.metrics.influxdb import FAILED, ORG, TOKEN, influxdb, table
from tests.servers.recording import recording

QUERY = 'from(bucket: "app") |> range(start: -15m) |> filter(fn: (r) => r["_measurement"] == "errors")\n'
LOGIN = {"authToken": TOKEN, "org": ORG}


class TestInfluxdb(ProviderContract):
    """What all providers keep to."""

    provider = "influxdb"
    SECRETS: ClassVar[Any] = {"influxdb": {"authToken": TOKEN}}
    value: ClassVar[Any] = [0.5, 0.25]

    def secrets(self, url):
        return {"influxdb": LOGIN | {"address": url}}

    def settings(self, url):
        return {"query": QUERY}

    def answer(self, asked):
        return influxdb(table("double", "0.5", "0.25"))(asked)


async def ask(answer, **more):
    """Measure once with a Secret of another name."""
    with recording(answer) as server:
        secrets = {"mine": LOGIN | {"address": f"{server.url}/"}}
        return await measured("influxdb", {"query": QUERY, "profile": "mine"} | more, secrets)


@pytest.mark.parametrize(
    ("tables", "value"),
    [
        pytest.param(table("double", "1", "2") + table("long", "3"), [1.0, 2.0, 3], id="several-tables"),
        pytest.param(table("unsignedLong", "18446744073709551615"), [2**64 - 1], id="huge"),
        pytest.param(table("boolean", "true", "false"), [True, False], id="truth"),
        pytest.param(table("string", "up", '"a,""b"""'), ["up", 'a,"b"'], id="text"),
        pytest.param(table("double", "", "1"), [None, 1.0], id="no-value"),
        pytest.param(table("double", "", default="7"), [7.0], id="default"),
        pytest.param(table("double", "+Inf"), [math.inf], id="infinite"),
        pytest.param(table("double", "1", column="mean"), [None], id="other-column"),
    ],
)
async def test_values(tables, value):
    """Every record gives one value, of its own type."""
    assert (await ask(influxdb(tables))).value == value


@pytest.mark.parametrize(
    ("tables", "kind", "words"),
    [
        pytest.param("", NotFound, "no records", id="nothing"),
        pytest.param(table("double"), NotFound, "no records", id="table-without-rows"),
        pytest.param(table("double", "1") + FAILED, Invalid, "window is too big", id="failed-underway"),
        pytest.param(table("double", "much"), BadAnswer, "no annotated CSV", id="no-number"),
        pytest.param(table("boolean", "perhaps"), BadAnswer, "no annotated CSV", id="no-truth"),
        pytest.param(table("double", "1").replace(",web", ""), BadAnswer, "no annotated CSV", id="cut-row"),
        pytest.param(",result,_value\n,,1\n", BadAnswer, "no annotated CSV", id="without-annotations"),
    ],
)
async def test_answers_without_values(tables, kind, words):
    """Without values, or with a part of them, there is no verdict."""
    with pytest.raises(kind, match=words):
        await ask(influxdb(tables))


async def test_its_own_words():
    """What InfluxDB says about a query is repeated."""
    with pytest.raises(Invalid, match="undefined identifier"):
        await ask(influxdb(""), query="form(bucket: 1)")
    body = {"code": "invalid", "message": "compilation failed: @1:8"}
    with pytest.raises(Invalid, match="compilation failed: @1:8"):
        await ask(failing(400, body))


@pytest.mark.parametrize("missing", ["address", "authToken", "org"])
async def test_what_a_secret_lacks(missing):
    """A Secret must hold address, token and organisation."""
    known = {"address": "http://i", "authToken": "t", "org": "o"}
    with pytest.raises(Invalid, match=f"no '{missing}'"):
        await measured("influxdb", {"query": QUERY}, {"influxdb": known | {missing: " "}})


@pytest.mark.parametrize(
    ("value", "condition", "phase"),
    [
        ([0.005], "result[0] <= 0.01", "Successful"),
        ([5, 6], "all(result, # < 6)", "Failed"),
        (["up"], "result[0] == 'up'", "Successful"),
    ],
    ids=str,
)
def test_conditions(value, condition, phase):
    """Conditions see a list, as those of Argo Rollouts do."""
    metric = Metric.model_validate(
        {"name": "m", "successCondition": condition, "provider": {"influxdb": {"query": QUERY}}}
    )
    assert judged(metric, value)[0] == phase
