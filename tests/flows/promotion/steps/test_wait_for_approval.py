"""Who may approve a step, whose word counts how often, and what is said of it."""

import pytest
from pydantic import ValidationError

from flows.promotion.result import Failed, Succeeded, Waiting
from flows.promotion.steps.wait_for_approval import Config, run
from tests.flows.promotion.asked import Said, approve, reject
from tests.flows.promotion.workspace import step_context

ANN, BOB, EVE = {"name": "Ann Lee"}, {"name": "bob"}, {"name": "eve"}


async def step(said, **config):
    """Run the step over what people said."""
    return await run(Config.model_validate(config), step_context("/nowhere", people=said, alias="go"))


TWO = {"minApprovals": 2}
ROWS = [
    pytest.param({}, [], Waiting, "waits for approval: 0 of 1 approved", id="nobody-yet"),
    pytest.param({}, [approve()], Succeeded, "1 of 1 approved", id="unnamed-where-one-is-enough"),
    pytest.param({}, [reject("eve", "no")], Failed, "rejected by eve (unauthenticated): no", id="rejected"),
    pytest.param(TWO, [approve("ann")], Waiting, "waits for approval: 1 of 2 approved", id="one-of-two"),
    pytest.param(TWO, [approve("ann"), approve(" ANN ")], Waiting, "1 of 2", id="one-person-twice"),
    pytest.param(TWO, [approve("ann"), approve()], Waiting, "1 of 2", id="unnamed-second"),
    pytest.param(TWO, [approve("ann"), approve("bob")], Succeeded, "2 of 2", id="two"),
    pytest.param(TWO, [approve("ann"), reject("ann")], Failed, "rejected by ann", id="changed-mind"),
    pytest.param({"approvers": [ANN]}, [approve("eve")], Waiting, "0 of 1", id="not-among-them"),
    pytest.param({"approvers": [ANN]}, [reject("eve"), reject()], Waiting, "0 of 1", id="no-say"),
    pytest.param({"approvers": [ANN]}, [approve(" ann  lee")], Succeeded, "1 of 1", id="blanks-and-case"),
    pytest.param(
        {"approvers": [ANN, {**BOB, "required": True}]},
        [approve("ann lee")],
        Waiting,
        "1 of 1 approved, needed yet: bob",
        id="required-missing",
    ),
    pytest.param(
        {"approvers": [ANN, {**BOB, "required": True}]},
        [approve("ann lee"), approve("BOB")],
        Succeeded,
        "",
        id="required",
    ),
    pytest.param({}, [{"decision": "perhaps"}, {"approver": "ann"}, {}], Waiting, "0 of 1", id="no-answers-at-all"),
    pytest.param(
        {"approvers": [ANN, {"claim": "groups", "value": "sre"}]}, [approve("ann lee")], Succeeded, "", id="or-a-claim"
    ),
    pytest.param({"approvers": [ANN, {"role": "sre"}]}, [approve("sre")], Waiting, "0 of 1", id="a-role-is-no-name"),
    pytest.param(
        {"approvers": [{"claim": "email", "value": "a@b.c"}]},
        [approve("a@b.c")],
        Failed,
        "claim 'email' ask",
        id="claim",
    ),
    pytest.param({"approvers": [ANN, {"role": "sre", "required": True}]}, [], Failed, "role 'sre' ask", id="role"),
    pytest.param({"approvers": [ANN, BOB], "minApprovals": 3}, [], Failed, "3 must approve and 2 can", id="too-few"),
    pytest.param(
        {"approvers": [ANN, {"role": "sre"}], "minApprovals": 2}, [], Failed, "name people by 'name'", id="few-names"
    ),
]


@pytest.mark.parametrize(("config", "answers", "result", "said"), ROWS)
async def test_verdicts(config, answers, result, said):
    """A name satisfies a name and nothing else; any rejection of somebody who may decide fails it."""
    found = await step(Said(*answers), **config)
    assert type(found) is result
    assert said in found.message


async def test_outputs_and_trail():
    """Who, what and when; names marked as what they are; the same each time it is asked."""
    said = Said(approve("eve"), approve("ann  lee", "fine\nby me"), approve("bob"))
    for _ in range(2):
        found = await step(said, approvers=[ANN, BOB], minApprovals=2)
    assert found.outputs["responses"] == [
        {
            "user": "ann lee (unauthenticated)",
            "action": "approve",
            "time": "2025-01-01T00:02:00+00:00",
            "message": "fine by me",
        },
        {"user": "bob (unauthenticated)", "action": "approve", "time": "2025-01-01T00:03:00+00:00", "message": ""},
    ]
    first = said.trail[0]
    assert first[:2] == ("Approved", "ann lee (unauthenticated)")
    assert first[2] == "ann lee (unauthenticated) approved step 'go': fine by me"
    assert len(said.trail) == 4


async def test_the_form():
    """It wants a decision, and tells who may decide and what became of the last answer."""
    found = await step(Said(approve("eve")), approvers=[ANN, BOB], minApprovals=2)
    assert found.form.schema["required"] == ["decision"]
    assert "Only these may decide: Ann Lee, bob." in found.form.description
    assert "did not count: somebody was not among those who may decide" in found.form.description


@pytest.mark.parametrize(
    "approver",
    [{}, {"claim": "email"}, {"value": "x"}, {"name": "a", "role": "b"}, {"role": "b", "claim": "c", "value": "d"}],
)
def test_approvers_refused(approver):
    """Each is exactly one of name, claim with value, and role."""
    with pytest.raises(ValidationError):
        Config.model_validate({"approvers": [approver]})


async def test_what_does_not_count_is_told():
    """An answer of somebody who may not decide, and one that is none, are in the trail with the reason."""
    said = Said(approve("eve"))
    await step(said, approvers=[ANN])
    assert [(verb, actor) for verb, actor, _, _ in said.trail] == [("AnswerIgnored", "eve (unauthenticated)")]
    assert "an answer to step 'go' does not count: " in said.trail[0][2]
    said = Said({"decision": "perhaps"})
    await step(said)
    assert [(verb, actor) for verb, actor, _, _ in said.trail] == [("AnswerIgnored", "unnamed person")]
