"""CloudWatch: stored numbers on moto, and math, pages and errors against a server that checks requests."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import boto3
import pytest
from moto.server import ThreadedMotoServer

from blocks.errors import Invalid, RateLimited, Refused, Terminal, Unauthorized, Unavailable
from flows.verification.cloud_watch import CloudWatch
from flows.verification.measure import judged
from flows.verification.model import Metric
from tests.flows.verification.contract import NOON, ProviderContract, measured
from tests.servers.metrics.cloud_watch import KEY, SECRET_KEY, cloud_watch, error, page, result
from tests.servers.recording import recording

SECRET = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
KEYS = SECRET | {"AWS_REGION": "eu-west-1"}


def stat(name, **more):
    """A query for the sum of a metric, as a manifest writes it."""
    metric = {"namespace": "shop", "metricName": name, "dimensions": [{"name": "app", "value": "web"}]}
    return {"id": name, "metricStat": {"metric": metric, "period": 300, "stat": "Sum", "unit": "Count"}} | more


RATE = [
    {"id": "rate", "expression": "errors / requests", "label": "Error rate"},
    stat("errors", returnData=False),
    stat("requests", returnData=False),
]


def settings(queries, **more):
    """Settings that use the Secret of these tests."""
    return {"metricDataQueries": queries, "secretRef": {"name": "aws", "namespaced": True}} | more


class TestCloudWatch(ProviderContract):
    """What all providers keep to."""

    provider = "cloudWatch"
    SECRETS: ClassVar[Any] = {"aws": SECRET}
    value: ClassVar[Any] = [
        result("rate", 0.25, 0.5, label="Error rate") | {"Timestamps": ["2026-01-01T12:00:00Z", "2026-01-01T11:59:00Z"]}
    ]

    def secrets(self, url):
        return {"aws": SECRET | {"AWS_ENDPOINT_URL": url}}

    def settings(self, url):
        return settings(RATE, region="eu-west-1")

    def answer(self, asked):
        return cloud_watch(page(result("rate", 0.25, 0.5, label="Error rate")))(asked)


async def ask(queries, answer, **more):
    """Measure once, and return what came out and what was asked."""
    with recording(answer) as server:
        secrets = {"aws": KEYS | {"AWS_ENDPOINT_URL": server.url}}
        return await measured("cloudWatch", settings(queries, **more), secrets), server.asked


@pytest.fixture(scope="module")
def moto():
    """CloudWatch as moto plays it."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


async def test_stored_numbers(moto):
    """Numbers that were put are found by namespace, name, dimensions and unit; others are not."""
    now = datetime.now(UTC).replace(microsecond=0)
    client = boto3.client(
        "cloudwatch", "eu-west-1", endpoint_url=moto, aws_access_key_id=KEY, aws_secret_access_key=SECRET_KEY
    )
    dimensions = [{"Name": "app", "Value": "web"}]
    datum = {"MetricName": "errors", "Dimensions": dimensions, "Unit": "Count", "Timestamp": now - timedelta(seconds=9)}
    client.put_metric_data(Namespace="shop", MetricData=[datum | {"Value": 3.0}, datum | {"Value": 4.0}])
    secrets = {"aws": KEYS | {"AWS_ENDPOINT_URL": moto}}
    wanted = settings([{"id": "same", "expression": "errors"}, stat("errors"), stat("requests")])
    outcome = await measured("cloudWatch", wanted, secrets, now=now)
    found = {each["Id"]: each["Values"] for each in outcome.value}
    assert found == {"same": [7.0], "errors": [7.0], "requests": []}


async def test_requests():
    """Queries reach CloudWatch whole, for a window that ends now; what is unset is left out."""
    outcome, (asked,) = await ask(RATE, cloud_watch(page(result("rate"))), interval="30m")
    assert outcome.shown == []
    assert (asked.json["EndTime"], asked.json["StartTime"]) == (NOON.timestamp(), NOON.timestamp() - 1800)
    rate, errors, _ = asked.json["MetricDataQueries"]
    assert rate == {"Id": "rate", "Expression": "errors / requests", "Label": "Error rate"}
    metric = {"Namespace": "shop", "MetricName": "errors", "Dimensions": [{"Name": "app", "Value": "web"}]}
    assert errors == {
        "Id": "errors",
        "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum", "Unit": "Count"},
        "ReturnData": False,
    }


async def test_pages_are_one_answer():
    """An answer of several pages is put together query by query, and its messages are shown."""
    said = [{"Code": "MaxMetricsExceeded", "Value": "only 500 metrics"}]
    pages = [
        page(result("rate", 0.1, status="PartialData"), messages=said),
        page(result("rate", 0.2, 0.3), result("other", 1.0)),
    ]
    outcome, asked = await ask(RATE, cloud_watch(*pages))
    assert [(each["Id"], each["Values"], each["StatusCode"]) for each in outcome.value] == [
        ("rate", [0.1, 0.2, 0.3], "Complete"),
        ("other", [1.0], "Complete"),
    ]
    assert outcome.shown == [[0.1, 0.2, 0.3], [1.0]]
    assert outcome.metadata == {"messages": "MaxMetricsExceeded: only 500 metrics"}
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("pages", "kind", "words"),
    [
        pytest.param([page(result("rate", 0.1, status="PartialData"))], Unavailable, "a part of", id="partial"),
        pytest.param([page(result("rate", status="InternalError"))], Unavailable, "InternalError", id="internal"),
        pytest.param([page(result("rate", status="Forbidden"))], Unauthorized, "may not read", id="forbidden"),
        pytest.param([page(result("rate", 0.1))] * 6, Invalid, "more than 5 pages", id="endless"),
    ],
)
async def test_partial_answers_are_no_verdict(pages, kind, words):
    """What CloudWatch could not read whole is an error, not a number."""
    with pytest.raises(kind, match=words):
        await ask(RATE, cloud_watch(*pages))


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        pytest.param(error("ValidationError", "Error in 'errors /'"), Invalid, "Error in 'errors /'", id="math"),
        pytest.param(error("InvalidParameterValueException", "Period 7"), Invalid, "Period 7", id="parameter"),
        pytest.param(error("Throttling", "Rate exceeded"), RateLimited, "Throttling", id="throttled"),
        pytest.param(error("InvalidClientTokenId", "x", 403), Unauthorized, "accessKeyID", id="unknown-key"),
        pytest.param(error("InternalServiceFault", "x", 500), Unavailable, "500", id="fault"),
    ],
)
async def test_errors(answer, kind, words):
    """CloudWatch's own words are repeated for a wrong query alone: of others Amazon's may quote what was signed."""
    with pytest.raises(kind, match=words) as raised:
        await ask(RATE, lambda _asked: answer)
    assert SECRET_KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("endpoint", "kind", "words"),
    [
        pytest.param("http://169.254.169.254", Refused, "link-local", id="link-local"),
        pytest.param("ftp://aws", Invalid, "no http:// or https:// URL", id="no-url"),
    ],
)
async def test_endpoints_that_are_not_asked(endpoint, kind, words):
    """Another endpoint is asked only where it is one of a service."""
    with pytest.raises(kind, match=words):
        await measured("cloudWatch", settings(RATE), {"aws": KEYS | {"AWS_ENDPOINT_URL": endpoint}})


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        pytest.param({"AWS_REGION": "eu-west-1"}, "lacks 'accessKeyID' or 'secretAccessKey'", id="no-keys"),
        pytest.param(SECRET, "needs a region", id="no-region"),
    ],
)
async def test_what_is_missing(keys, words, monkeypatch):
    """Keys and region are asked for by name."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Terminal, match=words):
        await measured("cloudWatch", settings(RATE), {"aws": keys})


async def test_the_workers_own_role():
    """What the worker is for AWS is used only where its operator allows that."""
    with pytest.raises(Refused, match="DRAYAGE_AMBIENT_CREDENTIALS"):
        await measured("cloudWatch", {"metricDataQueries": RATE, "region": "eu-west-1"})


@pytest.mark.parametrize(
    ("queries", "words"),
    [
        pytest.param([], "at least 1", id="none"),
        pytest.param([{"id": "a"}], "exactly one of 'expression' and 'metricStat'", id="neither"),
        pytest.param([stat("a", expression="b")], "exactly one of 'expression' and 'metricStat'", id="both"),
        pytest.param([stat("a"), stat("a")], "the same 'id'", id="twice"),
        pytest.param([stat("a", returnData=False)], "there is no result", id="no-result"),
        pytest.param([stat("a") | {"period": "often"}], "no whole number", id="period"),
    ],
)
def test_settings_that_cannot_be(queries, words):
    """What CloudWatch could not be asked is refused when it is applied."""
    with pytest.raises(ValueError, match=words):
        CloudWatch.model_validate({"metricDataQueries": queries})


@pytest.mark.parametrize(
    ("value", "condition", "phase"),
    [
        ([result("rate", 0.01, 0.02)], "result[0].Values[0] < 0.05", "Successful"),
        ([result("rate", 0.01, 0.09)], "all(result[0].Values, {# <= 0.05})", "Failed"),
        ([result("rate", 0.1)], "len(result[0].Values) >= 5 and all(result[0].Values, {# <= 0.5})", "Failed"),
        ([result("rate")], "result[0].Values[0] < 0.05", "Error"),
    ],
    ids=["first", "all", "count", "empty"],
)
def test_conditions(value, condition, phase):
    """Conditions see what those of Argo Rollouts see: a list of results, with the field names of Amazon's API."""
    provider = {"cloudWatch": {"metricDataQueries": RATE}}
    metric = Metric.model_validate({"name": "m", "successCondition": condition, "provider": provider})
    assert judged(metric, value)[0] == phase
