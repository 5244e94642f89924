"""Prometheus is asked as its API wants it, and its refusals are worded for people. Against a real Prometheus."""

import base64
import contextlib
import json
import math
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from blocks import prometheus
from blocks.client_credentials import ClientCredentials, fetch_token
from blocks.errors import BadAnswer, Invalid, Retryable, Unauthorized, Unavailable, Unreachable
from blocks.prometheus import Question, Range
from blocks.web import Web
from tests.servers.prometheus import LOGIN, guarded_prometheus_url, prometheus_url  # noqa: F401


async def query(question, login=None):
    """Ask as a measurement does."""
    web = Web(allow_plain_http_credentials=True)

    async def opening(method, url, headers, body):
        return {**headers, "Authorization": f"Bearer {(await fetch_token(web, login)).text}"}

    try:
        return await prometheus.query(question, web, opening=opening if login else None)
    finally:
        await web.aclose()


@pytest.mark.parametrize(
    ("promql", "value"),
    [
        pytest.param("scalar(requests)", 40.0, id="scalar"),
        pytest.param("sort(error_rate)", (0.25, 0.5), id="vector"),
        pytest.param("sum(error_rate)", (0.75,), id="one-series"),
        pytest.param("no_such_metric", (), id="no-series"),
        pytest.param("requests / nothing", (math.inf,), id="infinity"),
    ],
)
async def test_instant(prometheus_url, promql, value):  # noqa: F811
    """A scalar is a number, anything else a tuple of numbers."""
    sample = await query(Question(prometheus_url, promql))
    assert sample.value == value
    assert sample.metadata == {"ResolvedPrometheusQuery": promql}


async def test_points_of_a_stretch(prometheus_url):  # noqa: F811
    """A query for several points of a series gives them all."""
    value = (await query(Question(prometheus_url, "requests[1m]"))).value
    assert set(value) == {40.0}
    assert len(value) >= 3


async def test_not_a_number(prometheus_url):  # noqa: F811
    """NaN is a value for conditions to judge, not an error."""
    [value] = (await query(Question(prometheus_url, "nothing / nothing"))).value
    assert math.isnan(value)


async def test_range(prometheus_url):  # noqa: F811
    """A range gives the points of all series, one after the other."""
    now = datetime.now(UTC)
    wanted = Range(now - timedelta(minutes=2), now, timedelta(minutes=1))
    sample = await query(Question(prometheus_url, "sort(error_rate)", range=wanted))
    assert sample.value == (0.25, 0.25, 0.25, 0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("promql", "said"),
    [
        pytest.param("sum(", "unclosed left parenthesis", id="does-not-parse"),
        pytest.param("error_rate * on(nothing) error_rate", "many-to-many|multiple matches", id="cannot-be-executed"),
    ],
)
async def test_bad_promql(prometheus_url, promql, said):  # noqa: F811
    """Prometheus' own sentence reaches the person, and nothing tries again."""
    with pytest.raises(Invalid, match=said):
        await query(Question(prometheus_url, promql))


async def test_text_is_no_number(prometheus_url):  # noqa: F811
    """An answer without numbers is refused by its kind."""
    with pytest.raises(BadAnswer, match="a string that holds no numbers"):
        await query(Question(prometheus_url, '"text"'))


async def test_login_in_a_header(guarded_prometheus_url):  # noqa: F811
    """A basic login goes in the headers, as in Argo Rollouts."""
    basic = base64.b64encode(":".join(LOGIN).encode()).decode()
    sample = await query(Question(guarded_prometheus_url, "requests", headers={"Authorization": f"Basic {basic}"}))
    assert sample.value == (40.0,)


async def test_login_in_the_address(guarded_prometheus_url):  # noqa: F811
    """A login in the address works too, and a wrong one is refused without repeating it."""
    right = guarded_prometheus_url.replace("://", "://reader:p%40ss%20word@")
    assert (await query(Question(right, "requests"))).value == (40.0,)
    wrong = Question(guarded_prometheus_url.replace("://", "://reader:hush@"), "requests")
    with pytest.raises(Unauthorized, match="answered 401") as error:
        await query(wrong)
    assert "hush" not in f"{error.value} {wrong!r}"


async def test_nobody_answers():
    """A server that is not there is worth another try later."""
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        await query(Question("http://reader:hush@127.0.0.1:1", "up"))


@pytest.mark.parametrize("address", ["", "prometheus:9090", "ftp://x", "http://"])
async def test_addresses_that_are_none(address):
    """An address that is no URL is a mistake in the template."""
    with pytest.raises(Invalid, match="no http:// or https:// URL"):
        await query(Question(address, "up"))


class Gate(BaseHTTPRequestHandler):
    """Gives tokens for client credentials, and metrics for tokens. The path says how it behaves."""

    def do_POST(self):
        form = {name: values[0] for name, values in parse_qs(self._body()).items()}
        self.server.seen.append((self.path, self.headers.get("Authorization"), form))
        if self.path == "/busy/api/v1/query":
            self._answer(503, {}, {"Retry-After": "30"})
        elif self.path.startswith("/token"):
            known = self.headers.get("Authorization") == "Basic YXBwOmh1c2g=" and self.path == "/token"
            known = known or (self.path == "/token-by-form" and form.get("client_secret") == "hush")
            self._answer(200 if known else 401, {"access_token": "t0ken"} if known else {})
        else:
            known = self.headers.get("Authorization") == "Bearer t0ken"
            data = {"resultType": "vector", "result": [{"metric": {}, "value": [1, "7"]}]}
            self._answer(200 if known else 401, {"status": "success", "data": data})

    def _body(self):
        return self.rfile.read(int(self.headers["Content-Length"])).decode()

    def _answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *args):
        """Keep the tests quiet."""


@pytest.fixture
def gate():
    """A server in front of Prometheus that wants tokens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Gate) as server:
        server.seen = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        with contextlib.ExitStack() as stack:
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            yield server


@pytest.mark.parametrize("path", ["/token", "/token-by-form"])
async def test_oauth2(gate, path):
    """A token is fetched with client credentials, in the header or else in the form, and used."""
    login = ClientCredentials(gate.url + path, "app", "hush", ("read", "metrics"))
    assert (await query(Question(gate.url, "up"), login)).value == (7.0,)
    assert gate.seen[0][2]["scope"] == "read metrics"
    assert "hush" not in repr(login)


async def test_oauth2_refused(gate):
    """A wrong client secret is refused without repeating it."""
    login = ClientCredentials(f"{gate.url}/token", "app", "s3cret")
    with pytest.raises(Unauthorized, match="gave no token for client 'app'") as error:
        await query(Question(gate.url, "up"), login)
    assert "s3cret" not in str(error.value)


async def test_busy_server(gate):
    """A server that asks for more patience than one call has is left alone, and its wish is passed on."""
    with pytest.raises(Unavailable) as error:
        await query(Question(f"{gate.url}/busy", "up"))
    assert isinstance(error.value, Retryable)
    assert (error.value.retry_after, len(gate.seen)) == (30.0, 1)
