"""Selectors and the approvals that policies ask for."""

import pytest

from blocks.errors import Invalid
from flows.stage.model import Approval, StagePolicySpec, StageSelector
from flows.stage.policy import approvals_for, queue_for
from flows.stage.selector import name_pattern, selects


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("prod", ["prod"], ["prod-eu", ""]),
        ("glob:prod-*", ["prod-eu", "prod-"], ["prod", "my-prod-eu"]),
        ("glob:*", ["prod", ""], []),
        ("glob:prod-{eu,us}-?", ["prod-eu-1", "prod-us-2"], ["prod-eu", "prod-as-1"]),
        ("glob:s[0-9]", ["s1"], ["sx"]),
        ("glob:s[!0-9]", ["sx"], ["s1"]),
        (r"glob:a\*", ["a*"], ["ab"]),
        ("glob:a.c,d", ["a.c,d"], ["abc,d", "a.c"]),
        ("regex:^(test|uat)-", ["test-1", "uat-"], ["prod-test-1"]),
        ("regexp:eu", ["prod-eu-1"], ["prod"]),
    ],
)
def test_name_pattern(pattern, matching, others):
    """Exact and glob patterns take the whole name, regular expressions any part of it."""
    matches = name_pattern(pattern)
    assert [name for name in matching + others if matches(name)] == matching


@pytest.mark.parametrize("pattern", ["glob:[", "glob:[]", "glob:{a,b", "glob:a}", "regex:(", "regex:(?<=a)b"])
def test_a_bad_pattern_is_refused(pattern, capfd):
    """The message names the pattern, and RE2 keeps its own lines to itself."""
    with pytest.raises(Invalid) as failure:
        name_pattern(pattern)
    assert repr(pattern.partition(":")[2]) in str(failure.value)
    assert capfd.readouterr().err == ""


def test_all_criteria_must_hold():
    """Name, labels and expressions are joined by and."""
    selector = StageSelector.model_validate(
        {
            "name": "glob:prod-*",
            "matchLabels": {"tier": "prod"},
            "matchExpressions": [{"key": "eu", "operator": "Exists"}],
        }
    )
    labels = {"tier": "prod", "eu": ""}
    assert selects(selector, "prod-1", labels)
    assert not selects(selector, "uat-1", labels)
    assert not selects(selector, "prod-1", {"tier": "prod"})
    assert not selects(selector, "prod-1", {"tier": "uat", "eu": ""})


def _policy(name, approvals):
    return StagePolicySpec(
        stage_selector=StageSelector(name=name), approval=Approval(min_approvals=approvals) if approvals else None
    )


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], None),
        ([_policy("test", 3)], None),
        ([_policy("prod", 0)], None),
        ([_policy("prod", 1), _policy("glob:*", 2), _policy("test", 3)], 2),
    ],
    ids=["none", "other-stage", "no-approval", "most-people"],
)
def test_approval_for(policies, expected):
    """Of all policies about the Stage the one with the most approvals comes first."""
    approval = next(iter(approvals_for(policies, "prod", {})), None)
    assert (approval and approval.min_approvals) == expected


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], "Every"),
        ([("test", "Latest")], "Every"),
        ([("prod", None), ("glob:p*", "Latest"), ("prod", "Every")], "Latest"),
    ],
    ids=["none", "other-stage", "first-that-says"],
)
def test_queue_for(policies, expected):
    """The first policy about the Stage that says how its queue goes counts; without any, every one runs."""
    given = [StagePolicySpec(stage_selector=StageSelector(name=name), queue=queue) for name, queue in policies]
    assert queue_for(given, "prod", {}) == expected
