"""Auto-promotion picks, skips and holds as the conformance cases say."""

import pytest

from flows.stage.candidate import Promote, auto_promote, intent, is_system
from flows.stage.model import PromotionPolicy
from tests.conformance.cases import cases
from tests.flows.stage.from_kargo import HOLD, RESUME, freight, instant, situation


def _given(case):
    policies = [PromotionPolicy.model_validate(policy) for policy in case["promotionPolicies"] or []]
    return policies, [freight(entry) for entry in case["freight"]], instant(case["now"])


@pytest.mark.parametrize("case", cases("auto_promotion.json", lambda case: case["op"] == "autoPromote"))
def test_auto_promote(case):
    """What enters by itself, and which origins are held."""
    verdict = auto_promote(situation(case["stage"], case["promotions"]), *_given(case))
    chosen = [each for each in verdict.verdicts if isinstance(each, Promote)]
    assert case["want"] == {
        "enabled": verdict.enabled,
        "heldOrigins": [f"Warehouse/{origin}" for origin in verdict.held],
        "promoted": [{"origin": f"Warehouse/{each.origin}", "freight": each.freight.name} for each in chosen],
    }


@pytest.mark.parametrize("case", cases("auto_promotion.json", lambda case: case["op"] == "intent"))
def test_intent(case):
    """What a new Promotion means for auto-promotion."""
    asked = case["promote"]
    if is_system(asked["createActor"], asked["requestFromControlPlane"]):
        got = {"hold": asked["annotations"].get(HOLD), "resume": asked["annotations"].get(RESUME)}
    else:
        policies, standings, now = _given(case)
        promoted = next(record for record, _ in standings if record.name == asked["freight"])
        meant = intent(situation(case["stage"]), policies, promoted, standings, now)
        key = f"Warehouse/{promoted.origin}"
        got = {"hold": key if meant == "hold" else None, "resume": key if meant == "resume" else None}
    assert case["want"] == got
