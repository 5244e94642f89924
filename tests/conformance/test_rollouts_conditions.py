"""Conditions judge measurements as Argo Rollouts judges them."""

from typing import Any

import pytest

from flows.expression.conditions import judge
from tests.conformance.cases import Case, cases


@pytest.mark.parametrize("case", cases("rollouts_conditions.json"))
def test_judge(case: Case):
    """The two conditions decide the phase; a condition that cannot be evaluated is an error."""
    phase, message = judge(
        _result(case["result"], case["result_type"]),
        case.get("successCondition", ""),
        case.get("failureCondition", ""),
        vector=case["result_type"] == "vector",
    )
    assert phase == case["want"], message
    assert message


def _result(value: Any, kind: str) -> Any:
    if kind == "vector":
        return [float(item) for item in value]
    if kind in ("float", "floatptr"):
        return float(value)
    return _floats(value) if kind == "json" else value


def _floats(value: Any) -> Any:
    """JSON as Go reads it: every number a float."""
    if isinstance(value, list):
        return [_floats(item) for item in value]
    if isinstance(value, dict):
        return {key: _floats(item) for key, item in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
