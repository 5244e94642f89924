"""A world that misbehaves on request, counts requests, and answers metric queries."""

import time

import httpx
import pytest

from tests.deployments.sandbox.conftest import DEPLOYMENT, application, eventually


async def test_status_and_rate_limit(http):
    """A fault acts as many times as asked, then the world is well again."""
    await http.post("/sandbox/faults", json={"match": "/v2/", "kind": "rate_limit", "retry_after": 7, "times": 1})
    await http.post("/sandbox/faults", json={"match": "^/v2/$", "kind": "status", "status": 502, "times": 2})
    answers = [await http.get("/v2/") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 502, 502, 200]
    assert answers[0].headers["retry-after"] == "7"


async def test_other_paths_and_methods_are_spared(http):
    """Only what fits is disturbed, and the controls never."""
    await http.post("/sandbox/faults", json={"match": "/v2/", "method": "put", "kind": "status"})
    await http.post("/sandbox/faults", json={"match": "/apis", "kind": "status"})
    assert (await http.get("/v2/")).status_code == 200
    assert (await http.get("/apis")).status_code == 503
    assert (await http.put("/v2/a/manifests/b")).status_code == 503
    await http.post("/sandbox/faults", json={"kind": "status"})
    assert (await http.get("/sandbox")).status_code == 200
    assert (await http.delete("/sandbox/faults")).status_code == 204
    assert (await http.get("/apis")).status_code == 200


async def test_drop_gives_no_answer(http):
    """A dropped connection ends without a status."""
    await http.post("/sandbox/faults", json={"match": "/version", "kind": "drop", "times": 1})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await http.get("/version")
    assert (await http.get("/version")).status_code == 200


async def test_delay_and_garbage(http):
    """A delayed answer is right but late, garbage is no JSON."""
    await http.post("/sandbox/faults", json={"match": "/version", "kind": "delay", "seconds": 0.2, "times": 1})
    began = time.monotonic()
    assert (await http.get("/version")).json()["major"] == "1"
    assert time.monotonic() - began >= 0.2
    await http.post("/sandbox/faults", json={"match": "/version", "kind": "garbage", "times": 1})
    answer = await http.get("/version")
    with pytest.raises(ValueError, match=r"."):
        answer.json()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"kind": "explode"}, id="unknown-kind"),
        pytest.param({"kind": "status", "status": 200}, id="no-error"),
        pytest.param({"kind": "status", "match": "^("}, id="bad-regex"),
        pytest.param({"kind": "drop", "often": 1}, id="unknown-key"),
    ],
)
async def test_bad_faults_are_refused(http, body):
    """A fault that cannot be read is a 400 and does nothing."""
    assert (await http.post("/sandbox/faults", json=body)).status_code == 400
    assert (await http.get("/version")).status_code == 200


async def test_requests_are_counted_by_prefix(http):
    """Counts add up under a prefix, leave the controls out, and can be forgotten."""
    for path in ("/v2/", "/v2/", "/v2/_catalog", "/version"):
        await http.get(path)
    counted = (await http.get("/sandbox/requests", params={"prefix": "/v2/"})).json()
    assert counted == {"prefix": "/v2/", "count": 3, "paths": {"/v2/": 2, "/v2/_catalog": 1}}
    assert (await http.get("/sandbox/requests")).json()["count"] == 4
    await http.delete("/sandbox/requests")
    assert (await http.get("/sandbox/requests")).json()["count"] == 0


async def query(http, text):
    answer = (await http.get("/prometheus/api/v1/query", params={"query": text})).json()
    assert (answer["status"], answer["data"]["resultType"]) == ("success", "vector")
    found = [(dict(one["metric"]), one["value"][1]) for one in answer["data"]["result"]]
    for labels, _ in found:
        labels.pop("__name__")
    return found


async def test_error_rate_follows_what_is_deployed(sandbox, http):
    """There is no number before the workload is up; then the default, or what was set for its image."""
    repo = await sandbox.create_repository("deploy", {"env/test/guestbook.yaml": DEPLOYMENT})
    await http.post("/sandbox/metrics", json={"name": "http_error_rate", "labels": {"app": "web"}, "value": 1})
    labels = {"app": "guestbook", "image_tag": "1.1.0"}
    await http.post("/sandbox/metrics", json={"name": "http_error_rate", "labels": labels, "value": 0.3})
    selector = 'http_error_rate{app="guestbook"}'
    path = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
    await http.post(path, json=application(repo=repo, automated=True))
    healthy = _health(sandbox, "1.0.0")
    await eventually(*healthy)
    assert await query(http, selector) == [({"app": "guestbook", "image_tag": "1.0.0"}, "0.01")]
    await sandbox.commit("deploy", {"env/test/guestbook.yaml": DEPLOYMENT.replace("1.0.0", "1.1.0")}, "1.1.0")
    await eventually(*_health(sandbox, "1.1.0"))
    assert await query(http, selector) == [(labels, "0.3")]
    await http.post("/sandbox/metrics", json={"name": "http_error_rate", "labels": labels, "value": None})
    assert await query(http, selector) == [(labels, "0.01")]
    assert await query(http, 'http_error_rate{app="web"}') == [({"app": "web"}, "1")]
    overview = (await http.get("/sandbox")).json()
    assert overview["applications"][0]["health"] == "Healthy"
    assert overview["applications"][0]["images"] == ["registry.test/guestbook:1.1.0"]


def _health(sandbox, tag):
    def status():
        return sandbox.world.applications.get("argocd", "guestbook").get("status") or {}

    return (
        status,
        lambda seen: (
            seen
            and seen["health"]["status"] == "Healthy"
            and seen["summary"]["images"] == [f"registry.test/guestbook:{tag}"]
        ),
    )


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param("up", ["1"], id="name"),
        pytest.param('{__name__="up"}', ["1"], id="name-as-label"),
        pytest.param('speed{car="a",colour!="red"}', ["1.5"], id="equal-and-not"),
        pytest.param('speed{car=~"a|b"}', ["1.5", "+Inf"], id="regex"),
        pytest.param('speed{car!~"a.*",}', ["+Inf"], id="not-regex"),
        pytest.param('speed{colour=""}', ["1.5", "+Inf"], id="absent-label"),
        pytest.param("speed{car='x'}", [], id="empty"),
        pytest.param("nothing", [], id="unknown"),
    ],
)
async def test_selectors(http, text, values):
    """Selectors choose by name and labels."""
    for car, value in (("a", 1.5), ("b", "Infinity")):
        await http.post("/sandbox/metrics", json={"name": "speed", "labels": {"car": car}, "value": value})
    assert [value for _, value in await query(http, text)] == values


@pytest.mark.parametrize("text", ["", "sum(up", "rate(up[5m])", "up{", 'up{a="b"', "up{a=b}", "{}", 'up{a=~"("}'])
async def test_bad_queries(http, text):
    """What is no selector is Prometheus' 400, also by POST."""
    answer = await http.post("/prometheus/api/v1/query", data={"query": text})
    assert (answer.status_code, answer.json()["status"], answer.json()["errorType"]) == (400, "error", "bad_data")
