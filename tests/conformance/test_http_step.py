"""The `http` step reads answers as Kargo does (http_step.json), asked from a real server."""

import pytest

from blocks.ledger.records import StepStatus
from flows.promotion import rules
from flows.promotion.attempt import attempt
from tests.conformance.cases import cases
from tests.flows.promotion.answering import answer, answering
from tests.flows.promotion.workspace import step_context


async def attempted(config, ctx):
    """What one attempt of the step comes to."""
    try:
        return rules.attempted(await attempt({"uses": "http"}, config, ctx))
    except Exception as error:
        return rules.attempted(error)


def seen(result, want):
    """The outcome, cut down to what the case speaks of."""
    told = {"status": result.status}
    if result.status in (StepStatus.FAILED, StepStatus.ERRORED):
        told["terminal"] = result.terminal
    if "error" in want:
        told["error"] = result.message
    if result.status is StepStatus.SUCCEEDED:
        told["outputs"] = result.outputs
    if result.status is StepStatus.RUNNING:
        told["retryAfterSeconds"] = result.again_in
    return told


@pytest.mark.parametrize("case", cases("http_step.json"))
async def test_http_step(case, tmp_path):
    """The answer leads to the wanted outcome."""
    response, config = case["response"], dict(case["config"])
    raw = answer(response["status"], response["headers"].items(), response["body"].encode())
    async with answering(raw) as server:
        if "url" in config:
            config["url"] = config["url"].replace("https://svc.example.com", server.url)
        result = await attempted(config, step_context(tmp_path))
    assert seen(result, case["want"]) == case["want"]
