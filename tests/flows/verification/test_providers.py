"""Settings of metrics become questions for their servers."""

from datetime import UTC, datetime, timedelta

import pytest

from blocks.errors import Invalid
from blocks.prometheus import Question, Range
from flows.verification.prometheus import Prometheus, question

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        pytest.param({}, Question("http://p", "up"), id="defaults"),
        pytest.param({"timeout": "7"}, Question("http://p", "up", timeout=7.0), id="timeout"),
        pytest.param({"insecure": True}, Question("http://p", "up", insecure=True), id="insecure"),
        pytest.param(
            {"headers": [{"key": "X-Scope-OrgID", "value": "a"}]},
            Question("http://p", "up", headers={"X-Scope-OrgID": "a"}),
            id="headers",
        ),
        pytest.param(
            {"rangeQuery": {"start": 'now() - duration("1h")', "end": "now()", "step": "1m"}},
            Question("http://p", "up", range=Range(NOON - timedelta(hours=1), NOON, timedelta(minutes=1))),
            id="range",
        ),
    ],
)
def test_question(settings, asked):
    """Every setting reaches the server's client, times relative to the measurement."""
    assert question(Prometheus.model_validate({"address": "http://p", "query": "up"} | settings), NOON) == asked


@pytest.mark.parametrize("expression", ["1 + 1", "'today'", "now(", "result"])
def test_instants_that_are_none(expression):
    """An expression for a range's end that gives no instant is refused by its text."""
    settings = {"address": "http://p", "rangeQuery": {"start": expression, "end": "now()", "step": "1m"}}
    with pytest.raises(Invalid, match="is no instant"):
        question(Prometheus.model_validate(settings), NOON)
