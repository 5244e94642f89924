"""Which Targets a Stage fans out to, and how."""

import pytest

from blocks.ledger.records import Definition
from flows.stage.model import StagePolicySpec, StageSpec
from flows.stage.targets import chosen, limits_for

TARGETS = [
    Definition(
        "Target", "shop", "us", {"metadata": {"labels": {"tier": "prod", "region": "us"}}, "spec": {"params": 7}}
    ),
    Definition("Target", "shop", "eu", {"metadata": {"labels": {"tier": "prod", "region": "eu"}}}),
    Definition("Target", "shop", "lab", {"metadata": {"labels": {"tier": "lab"}}, "spec": {"params": {"a": [1]}}}),
    Definition("Target", "shop", "bare", {"metadata": {}}),
]
PROD, LAB = {"matchLabels": {"tier": "prod"}}, {"matchLabels": {"tier": "lab"}}


def stage(**targets):
    """A Stage's spec with these targets."""
    request = {"origin": {"name": "main"}, "sources": {"direct": True}}
    return StageSpec.model_validate({"requestedFreight": [request], **targets})


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        pytest.param({}, [], id="the field present but empty selects none"),
        pytest.param({"selectors": []}, [], id="an empty list selects none"),
        pytest.param({"selectors": [{}]}, ["bare", "eu", "lab", "us"], id="an empty selector selects all"),
        pytest.param({"selectors": [PROD]}, ["eu", "us"], id="labels"),
        pytest.param(
            {"selectors": [LAB, PROD, PROD]}, ["eu", "lab", "us"], id="selectors are unioned, each target once"
        ),
        pytest.param(
            {"selectors": [{**PROD, "matchExpressions": [{"key": "region", "operator": "In", "values": ["us"]}]}]},
            ["us"],
            id="criteria of one selector all hold",
        ),
        pytest.param(
            {"selectors": [{"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}]},
            ["bare"],
            id="no label",
        ),
    ],
)
def test_chosen(targets, names):
    """Targets are chosen by labels, in the order of their names."""
    assert [each["name"] for each in chosen(stage(targets=targets).targets.selectors, TARGETS)] == names


def test_a_snapshot_holds_what_expressions_see():
    """Parameters are any JSON, empty when a Target has none."""
    found = {each["name"]: (each["labels"], each["params"]) for each in chosen([*_all()], TARGETS)}
    assert found["us"] == ({"tier": "prod", "region": "us"}, 7)
    assert found["lab"] == ({"tier": "lab"}, {"a": [1]})
    assert found["bare"] == ({}, {})


def _all():
    return stage(targets={"selectors": [{}]}).targets.selectors


def test_a_stage_without_the_field_does_not_fan_out():
    """The field decides, not its content."""
    assert stage().targets is None


def test_limits():
    """Of several policies about a Stage the strictest of each limit counts; there are defaults."""
    policies = [
        StagePolicySpec.model_validate({"stageSelector": {"name": name}, "targets": targets})
        for name, targets in (
            ("prod", {"maxConcurrent": 3}),
            ("glob:*", {"maxConcurrent": 9, "maxFailures": 4}),
            ("test", {"maxConcurrent": 1}),
        )
    ]
    assert limits_for(policies, "prod", {}).model_dump() == {"max_concurrent": 3, "max_failures": 1}
    assert limits_for([], "prod", {}).model_dump() == {"max_concurrent": 10, "max_failures": 1}
