"""SkyWalking, against a server that checks requests by its query API."""

from typing import Any, ClassVar

import pytest

from blocks.errors import Invalid, NotFound
from flows.verification.measure import judged
from flows.verification.model import Metric
from tests.flows.verification.contract import ProviderContract, measured
from tests.servers.metrics.skywalking import skywalking
from tests.servers.recording import recording

QUERY = """query queryData($duration: Duration!) {
  service_apdex: readMetricsValues(
    condition: { name: "service_apdex", entity: { scope: Service, serviceName: "web", normal: true } },
    duration: $duration) { label values { values { value } } }
}"""


def apdex(*values):
    """Data of an answer."""
    return {"service_apdex": {"label": None, "values": {"values": [{"value": value} for value in values]}}}


class TestSkywalking(ProviderContract):
    """What all providers keep to."""

    provider = "skywalking"
    value: ClassVar[Any] = apdex(10000.0, 9950.0)

    def settings(self, url):
        return {"address": f"{url}/", "query": QUERY, "interval": "3m"}

    def answer(self, asked):
        return skywalking(apdex(10000, 9950))(asked)


@pytest.mark.parametrize(
    ("interval", "start"), [("3m", "2026-01-01 1157"), ("24h", "2025-12-31 1200")], ids=["minutes", "day"]
)
async def test_the_window(interval, start):
    """The window ends now, in minutes of UTC."""
    with recording(skywalking(apdex(1))) as server:
        await measured("skywalking", {"address": server.url, "query": QUERY, "interval": interval})
    assert server.asked[0].json["variables"]["duration"] == {"start": start, "end": "2026-01-01 1200", "step": "MINUTE"}


@pytest.mark.parametrize(
    ("query", "data", "kind", "words"),
    [
        pytest.param("{ version }", apdex(1), Invalid, "'duration' is not declared", id="its-own-words"),
        pytest.param(QUERY, None, NotFound, "no data", id="no-data"),
    ],
)
async def test_answers_without_values(query, data, kind, words):
    """Without values there is no verdict."""
    with recording(skywalking(data)) as server, pytest.raises(kind, match=words):
        await measured("skywalking", {"address": server.url, "query": query})


@pytest.mark.parametrize(
    ("value", "phase"), [(apdex(10000.0, 9950.0), "Successful"), (apdex(10000.0, 1.0), "Failed")], ids=["good", "bad"]
)
def test_conditions(value, phase):
    """Conditions see the data, as those of Argo Rollouts do."""
    condition = "all(result.service_apdex.values.values, {asFloat(.value) >= 9900})"
    provider = {"skywalking": {"address": "http://s", "query": QUERY}}
    metric = Metric.model_validate({"name": "m", "successCondition": condition, "provider": provider})
    assert judged(metric, value)[0] == phase
