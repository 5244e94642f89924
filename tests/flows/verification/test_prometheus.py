"""The Prometheus provider keeps to the contract, and signs for Amazon."""

import base64
import json
from typing import ClassVar
from urllib.parse import urlsplit

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pydantic import ValidationError

from blocks.client_credentials import Tokens
from blocks.errors import Refused, Unauthorized
from flows.verification.prometheus import Prometheus
from tests.flows.verification.contract import ProviderContract, measured
from tests.servers.recording import recording

KEYS = {"accessKeyID": "AKIDEXAMPLE", "secretAccessKey": "hush-secret-key"}
VECTOR = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "0.25"]}]}}


class TestPrometheus(ProviderContract):
    """A query with a bearer token."""

    provider = "prometheus"
    value = (0.25,)
    SECRETS: ClassVar = {"prometheus": {"token": "hush-token"}}

    def settings(self, url):
        """An instant query."""
        headers = [{"key": "Authorization", "value": "Bearer hush-token"}]
        return {"address": url, "query": "error_rate", "headers": headers}

    def answer(self, asked):
        """One series."""
        assert (asked.path, asked.form["query"]) == ("/api/v1/query", "error_rate")
        assert asked.headers["authorization"] == "Bearer hush-token"
        return 200, {}, VECTOR


async def test_signed_for_amazon():
    """A signature covers exactly what is sent, for the service and region of Amazon's Prometheus."""
    with recording(lambda _: (200, {}, VECTOR)) as server:
        sigv4 = {"region": "eu-central-1", "secretRef": {"name": "aws"}}
        settings = {"address": server.url, "query": "up", "authentication": {"sigv4": sigv4}}
        await measured("prometheus", settings, {"aws": KEYS})
    signature = server.asked[0].headers["authorization"]
    assert signature.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-central-1/aps/aws4_request" in signature
    assert "hush-secret-key" not in json.dumps(server.asked[0].headers)


async def test_what_this_machine_is_must_be_allowed():
    """Without keys, what the worker is for AWS is used only where that is allowed."""
    settings = {"address": "http://127.0.0.1:1", "query": "up", "authentication": {"sigv4": {"region": "x"}}}
    with pytest.raises(Refused, match="DRAYAGE_AMBIENT_CREDENTIALS"):
        await measured("prometheus", settings)


ROLE = "arn:aws:iam::123456789012:role/metrics"


@pytest.fixture
def sts(monkeypatch):
    """Amazon's token service as moto plays it; the address is where its library looks for it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        yield boto3.Session("admin", "x", region_name="eu-west-1").client("iam", endpoint_url=url)
    finally:
        server.stop()


async def test_signed_as_a_role(sts):
    """With a role, its own temporary keys sign, fetched with those of the Secret once for all measurements."""
    sts.create_role(RoleName="metrics", AssumeRolePolicyDocument="{}")
    with recording(lambda _: (200, {}, VECTOR)) as server:
        sigv4 = {"region": "eu-west-1", "roleArn": ROLE, "secretRef": {"name": "aws"}}
        settings = {"address": server.url, "query": "up", "authentication": {"sigv4": sigv4}}
        for _ in range(2):
            await measured("prometheus", settings, {"aws": KEYS})
    first, second = (asked.headers for asked in server.asked)
    assert first["authorization"].startswith("AWS4-HMAC-SHA256 Credential=ASIA")
    assert "x-amz-security-token" in first["authorization"]
    assert first["x-amz-security-token"] == second["x-amz-security-token"]


async def test_a_role_that_may_not_be_taken(monkeypatch):
    """Amazon's refusal is told with what to check, and without keys."""
    denied = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
    with recording(lambda _: (403, {"content-type": "text/xml"}, denied)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        sigv4 = {"region": "eu-west-1", "roleArn": ROLE + "-other", "secretRef": {"name": "aws"}}
        settings = {"address": "http://127.0.0.1:1", "query": "up", "authentication": {"sigv4": sigv4}}
        with pytest.raises(Unauthorized, match=r"AccessDenied\): check roleArn") as error:
            await measured("prometheus", settings, {"aws": KEYS})
    assert "hush" not in str(error.value)


async def test_a_password():
    """A user name and a password open the server; a header that the template writes itself comes first."""
    login = {"username": "me", "password": "hush:äö"}
    with recording(lambda _: (200, {}, VECTOR)) as server:
        settings = {"address": server.url, "query": "up", "authentication": {"basicAuth": login}}
        await measured("prometheus", settings)
        await measured("prometheus", settings | {"headers": [{"key": "authorization", "value": "Bearer x"}]})
    first, second = (asked.headers["authorization"] for asked in server.asked)
    assert base64.b64decode(first.removeprefix("Basic ")).decode() == "me:hush:äö"
    assert second == "Bearer x"
    assert "hush" not in repr(Prometheus.model_validate(settings))


async def test_a_token_is_kept_and_renewed():
    """One token serves several measurements; one that is refused before its time is replaced at once."""
    tokens, given, valid = Tokens(), [], set()

    def answer(asked):
        if urlsplit(asked.path).path == "/token":
            given.append(f"t{len(given)}")
            valid.add(f"Bearer {given[-1]}")
            return 200, {}, {"access_token": given[-1], "expires_in": 3600}
        return (200, {}, VECTOR) if asked.headers["authorization"] in valid else (401, {}, {})

    with recording(answer) as server:
        oauth2 = {"tokenUrl": f"{server.url}/token", "clientId": "me", "clientSecret": "hush"}
        settings = {"address": server.url, "query": "up", "authentication": {"oauth2": oauth2}}
        for _ in range(3):
            await measured("prometheus", settings, tokens=tokens)
        assert given == ["t0"]
        valid.clear()
        assert (await measured("prometheus", settings, tokens=tokens)).value == (0.25,)
        assert given == ["t0", "t1"]


async def test_warnings_are_shown():
    """What Prometheus says beside its answer is in the metadata, not all of it when there is much."""
    with recording(lambda _: (200, {}, VECTOR | {"warnings": ["a store is away", "x" * 1000] * 9})) as server:
        outcome = await measured("prometheus", {"address": server.url, "query": "up"})
    assert outcome.metadata["warnings"].startswith("a store is away; xxx")
    assert len(outcome.metadata["warnings"]) < 2_000


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param({"timeout": -1}, "must not be negative", id="timeout"),
        pytest.param({"authentication": {"oauth2": {"tokenUrl": "http://t"}}}, "needs 'tokenUrl'", id="oauth2"),
        pytest.param({"authentication": {"basicAuth": {"username": "x"}}}, "needs 'username'", id="basic"),
        pytest.param(
            {"authentication": {"basicAuth": {"username": "x", "password": "y"}, "sigv4": {"region": "z"}}},
            "logs in in one way",
            id="two-logins",
        ),
    ],
)
def test_settings_that_cannot_be(settings, said):
    """What cannot work is refused when the template is read, and no password is repeated."""
    with pytest.raises(ValidationError, match=said):
        Prometheus.model_validate({"address": "http://p", "query": "up"} | settings)
