"""Promotion policies say of a Stage what the conformance cases say."""

import pytest
from pydantic import ValidationError

from blocks.errors import Invalid
from flows.stage.model import PromotionPolicy
from flows.stage.policy import auto_promotion
from tests.conformance.cases import cases


@pytest.mark.parametrize("case", cases("policies.json"))
def test_policy(case):
    """The first policy about the Stage decides; policies behind it are not even read."""
    policies = (PromotionPolicy.model_validate(policy) for policy in case["promotionPolicies"] or [])
    stage = case["stage"]
    if "error" in case["want"]:
        with pytest.raises((Invalid, ValidationError)):
            auto_promotion(policies, stage["name"], stage["labels"])
    else:
        verdict = auto_promotion(policies, stage["name"], stage.get("labels") or {})
        assert case["want"] == {"enabled": verdict.enabled, "matchedIndex": verdict.matched_index}
