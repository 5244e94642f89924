"""Datadog and CloudWatch over the sandbox's numbers, asked as verifications ask the real ones."""

import pytest

from blocks.errors import Invalid, RateLimited, Unauthorized
from deployments.sandbox.faults import Fault
from deployments.sandbox.metric_queries import calculate
from deployments.sandbox.metrics_selector import BadQuery
from deployments.sandbox.server import Sandbox
from tests.flows.verification.contract import measured

USERS = {"demo": "hush-hush"}
STATS = [
    {"id": "rate", "expression": "errors / requests"},
    *(
        {
            "id": name,
            "returnData": False,
            "metricStat": {
                "metric": {"metricName": f"http_{name}", "dimensions": [{"name": "app", "value": "web"}]},
                "period": 60,
                "stat": "Sum",
            },
        }
        for name in ("errors", "requests")
    ),
]


@pytest.fixture
async def world(tmp_path):
    """A sandbox with two workloads that are no Applications."""
    async with Sandbox(tmp_path, users=USERS) as sandbox:
        for app, tag, rate in (("web", "1.0.0", 0.5), ("api", "2.0.0", 0.25)):
            sandbox.world.metrics.set("http_error_rate", {"app": app, "image_tag": tag}, rate)
        yield sandbox


async def datadog(world, key="hush-hush", **settings):
    """Ask Datadog once."""
    secret = {"address": f"{world.url}/datadog", "api-key": key, "app-key": "any"}
    return await measured("datadog", settings, {"datadog": secret})


async def cloud_watch(world, queries, key="demo"):
    """Ask CloudWatch once."""
    place = {"AWS_ENDPOINT_URL": f"{world.url}/cloudwatch", "AWS_REGION": "eu-west-1"}
    secret = {"accessKeyID": key, "secretAccessKey": "hush-hush"} | place
    return await measured("cloudWatch", {"metricDataQueries": queries, "secretRef": {"name": "aws"}}, {"aws": secret})


@pytest.mark.parametrize(
    ("settings", "value"),
    [
        pytest.param({"query": "avg:http_error_rate{app:web}"}, 0.5, id="v1"),
        pytest.param({"query": "avg:http_error_rate{app:none}"}, None, id="v1-nothing"),
        pytest.param({"apiVersion": "v2", "query": "max:http_error_rate{*}"}, 0.5, id="v2"),
        pytest.param({"apiVersion": "v2", "query": "avg:http_error_rate{*} by {app}"}, (0.25, 0.5), id="v2-groups"),
        pytest.param({"apiVersion": "v2", "query": "avg:http_error_rate{app:none}"}, None, id="v2-nothing"),
        pytest.param(
            {
                "apiVersion": "v2",
                "queries": {"a": "sum:http_errors{*}.as_count()", "b": "sum:http_requests{*}.as_count()"},
                "formula": "a / b * 100",
            },
            37.5,
            id="v2-formula",
        ),
    ],
)
async def test_datadog(world, settings, value):
    """Both versions of Datadog's API know the numbers that Prometheus has."""
    outcome = await datadog(world, **settings)
    assert outcome.value == (pytest.approx(value) if value else None)


async def test_cloud_watch(world):
    """CloudWatch has a number for each period, and calculates."""
    (rate,) = (await cloud_watch(world, STATS)).value
    assert (rate["Values"], rate["StatusCode"]) == ([0.5] * 5, "Complete")
    world.world.metrics.set("http_error_rate", {"app": "web", "image_tag": "1.0.0"}, None)
    (nothing,) = (await cloud_watch(world, STATS)).value
    assert nothing["Values"] == []


async def test_who_is_not_let_in(world):
    """Keys of nobody are refused as the real services refuse them."""
    with pytest.raises(Unauthorized, match="'api-key'"):
        await datadog(world, key="other", query="avg:up{*}")
    with pytest.raises(Unauthorized, match="accessKeyID"):
        await cloud_watch(world, STATS, key="AKIAOTHER")


async def test_what_cannot_be_asked(world):
    """What the sandbox does not know is refused with a sentence."""
    with pytest.raises(Invalid, match="error parsing query"):
        await datadog(world, query="anomalies(up)")
    with pytest.raises(Invalid, match="'others' is none of the queries"):
        await cloud_watch(world, [{"id": "x", "expression": "others / 2"}])


async def test_limits(world):
    """Faults disturb these services too."""
    world.faults.add(Fault(match="/datadog", kind="rate_limit", retry_after=60))
    with pytest.raises(RateLimited):
        await datadog(world, query="avg:up{*}")


@pytest.mark.parametrize(
    ("expression", "number"),
    [("a / b", 0.5), ("-(a + 1) * 2", -4.0), ("a / (b - 2)", None), ("9e999 - 1", float("inf")), (" a ", 1.0)],
)
def test_calculating(expression, number):
    """Arithmetic over names; what cannot be divided is no number."""
    assert calculate(expression, {"a": 1.0, "b": 2.0}) == number


@pytest.mark.parametrize("expression", ["", "a +", "__import__('os')", "a.real", "a ** 9", "c", "(" * 9000, "1+" * 600])
def test_no_arithmetic(expression):
    """Nothing else is calculated."""
    with pytest.raises(BadQuery):
        calculate(expression, {"a": 1.0})
