"""The Prometheus provider keeps to the contract, and signs for Amazon."""

import json
from typing import ClassVar

import pytest

from blocks.errors import Refused
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
