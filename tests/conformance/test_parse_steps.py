"""The parse steps take outputs from files as in Kargo (parse_steps.json)."""

import pytest

from blocks.ledger.records import StepStatus
from tests.conformance.cases import cases
from tests.conformance.test_updates import attempted
from tests.flows.promotion.workspace import step_context


@pytest.mark.parametrize("case", cases("parse_steps.json"))
async def test_parse_steps(case, tmp_path):
    """Status and outputs are as wanted."""
    for name, text in case["files"].items():
        (tmp_path / name).write_text(text)
    result = await attempted(case, step_context(tmp_path))
    assert result.status == case["want"]["status"], result.message
    if result.status is StepStatus.SUCCEEDED:
        assert result.outputs == case["want"]["output"]
