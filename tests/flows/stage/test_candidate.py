"""Auto-promotion says why it leaves Freight alone."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from blocks.ledger.records import CONTROLLER, FreightRecord, Hold, Phase, PromotionRecord, Standing
from flows.stage.candidate import Promote, Situation, Skip, auto_promote, passed
from flows.stage.model import PromotionPolicy, StageSpec

NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)
SPEC = StageSpec.model_validate({"requestedFreight": [{"origin": {"name": "main"}, "sources": {"direct": True}}]})
OLD = FreightRecord("demo", "a" * 40, "old-otter", "main", {}, NOON, NOON)
NEW = FreightRecord("demo", "b" * 40, "new-newt", "main", {}, NOON, NOON)
FREIGHT = [(OLD, Standing()), (NEW, Standing())]
ON = [PromotionPolicy(stage="uat", auto_promotion_enabled=True)]
UAT = Situation("demo", "uat", SPEC)
PROMOTION = PromotionRecord("demo", "uat.01.bbbbbbb", "uat", NEW.name, "main", "admin", NOON)


def _promoted(phase):
    return replace(UAT, promotions=[replace(PROMOTION, phase=phase)])


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        pytest.param(UAT, Promote("main", NEW, "new-newt is the candidate of 'main'"), id="promote"),
        pytest.param(
            replace(UAT, name="prod"), Skip("main", "auto-promotion is not enabled for 'prod'"), id="policy-off"
        ),
        pytest.param(
            replace(UAT, holds=[Hold("demo", "uat", "main", OLD.name, "p", "admin", NOON)]),
            Skip("main", "a person chose old-otter; promote the candidate of Warehouse 'main' to resume"),
            id="held",
        ),
        pytest.param(
            replace(UAT, holds=[Hold("demo", "uat", "main", OLD.name, "p", CONTROLLER, NOON)]),
            Skip("main", "a rollback brought old-otter; promote the candidate of Warehouse 'main' to resume"),
            id="held-by-a-rollback",
        ),
        pytest.param(
            replace(UAT, project="other"),
            Skip("main", "no Freight from Warehouse 'main' is a candidate for 'uat'"),
            id="no-candidate",
        ),
        pytest.param(
            replace(UAT, current={"main": NEW.name}), Skip("main", "new-newt is already in 'uat'"), id="already-current"
        ),
        pytest.param(
            _promoted(Phase.PENDING),
            Skip("main", "new-newt is already on its way to 'uat' (Promotion uat.01.bbbbbbb is Pending)"),
            id="awaiting",
        ),
        pytest.param(
            _promoted(Phase.ABORTED),
            Skip(
                "main",
                "Promotion uat.01.bbbbbbb of new-newt ended Aborted; it is not tried again until a person asks",
            ),
            id="not-retried",
        ),
        pytest.param(
            _promoted(Phase.SUCCEEDED),
            Skip("main", "'uat' has not yet taken note of Promotion uat.01.bbbbbbb of new-newt"),
            id="unprocessed",
        ),
    ],
)
def test_every_reason_has_its_sentence(situation, expected):
    """Each verdict names the Freight by alias and what decided."""
    assert auto_promote(situation, ON, FREIGHT, NOON).verdicts == [expected]


def test_a_hold_ends_with_the_request_for_its_origin():
    """Holds of Warehouses the Stage no longer asks for do not count."""
    held = replace(UAT, holds=[Hold("demo", "uat", "gone", OLD.name, "p", "admin", NOON)])
    assert auto_promote(held, ON, FREIGHT, NOON).held == []


def _asked(name, origin="main", phase=Phase.PENDING, intent="hold"):
    return replace(PROMOTION, name=name, freight=OLD.name, origin=origin, phase=phase, intent=intent)


@pytest.mark.parametrize(
    ("promotions", "held"),
    [
        pytest.param([_asked("uat.01")], ["main"], id="under-way"),
        pytest.param(
            [_asked("uat.01"), _asked("uat.02", "other", Phase.SUCCEEDED, "")], ["main"], id="passed-by-another-origin"
        ),
        pytest.param([_asked("uat.01"), _asked("uat.02", phase=Phase.FAILED, intent="resume")], ["main"], id="failed"),
        pytest.param([_asked("uat.01"), _asked("uat.02", phase=Phase.SUCCEEDED, intent="resume")], [], id="overtaken"),
        pytest.param([_asked("uat.01"), _asked("uat.02", intent="resume")], [], id="the-last-word"),
        pytest.param([_asked("uat.01", phase=Phase.FAILED)], [], id="ended"),
    ],
)
def test_a_choice_under_way_holds_although_others_pass_it(promotions, held):
    """What waits for people counts until it has ended, unless a later one of its Warehouse succeeded."""
    finished = max((each.name for each in promotions if each.phase.terminal), default="")
    situation = replace(UAT, promotions=promotions, last_promotion=finished, passed=passed(promotions))
    assert auto_promote(situation, ON, FREIGHT, NOON).held == held
