"""Tasks are inflated and steps admitted as in Kargo (task_inflation.json)."""

import pytest
from pydantic import ValidationError

from blocks.errors import Invalid
from flows.promotion.inflate import admit_steps, inflate
from flows.promotion.model import PromotionTaskSpec, Step, Variable
from tests.conformance.cases import cases

FILE = "task_inflation.json"


def _lookup(case):
    def find(reference):
        for task in case["tasks"]:
            same = (task["kind"], task["name"]) == (reference.kind, reference.name)
            if same and task.get("namespace", case["project"]) == case["project"]:
                return PromotionTaskSpec.model_validate({"vars": task.get("vars") or [], "steps": task["steps"]})
        return None

    return find


def _inflate(case):
    stage_vars, template_vars = (
        [Variable.model_validate(each) for each in case[name]] for name in ("stageVars", "templateVars")
    )
    steps = [Step.model_validate(step) for step in case["steps"]]
    return inflate(case["project"], stage_vars, template_vars, steps, _lookup(case))


@pytest.mark.parametrize("case", cases(FILE, lambda case: case["op"] == "inflate"))
def test_inflate(case):
    """Variables and steps are frozen as wanted, or the template is refused."""
    if case["want"] == {"error": True}:
        with pytest.raises((Invalid, ValidationError)):
            _inflate(case)
        return
    variables, steps = _inflate(case)
    assert {"vars": variables, "steps": steps} == case["want"]


@pytest.mark.parametrize("case", cases(FILE, lambda case: case["op"] != "inflate"))
def test_admit(case):
    """Steps are admitted or refused as wanted."""
    try:
        problems = admit_steps([Step.model_validate(step) for step in case["steps"]], case["op"] == "admitTask")
    except ValidationError as error:
        problems = error.errors()
    assert (not problems) == case["want"]["valid"], problems
