"""What the trail keeps of a decision: the rule, what went in, the answer and its sentence."""

from dataclasses import replace

from flows.promotion.decided import of_promotion, of_verdicts
from flows.stage.candidate import Promote, Skip
from tests.flows.promotion.test_gates import EVERYWHERE, LATER, NEW, NOW, entering, spec


def promotion(gates, before, record=LATER):
    """What is decided about a promotion."""
    return of_promotion(replace(record, freight="f2"), before, gates)


def test_a_promotion_begins_waits_or_is_blocked():
    """All gates are kept, whichever decided."""
    free = entering(spec(), promotion="test.01c.f1")
    found = promotion(free.gates(NOW), free)
    assert (found.answer, found.about, found.freight) == ("begin", "Promotion/test.01c.f1", "f2")
    assert found.sentence == "'test' takes new-kiwi straight from Warehouse 'web'"
    assert found.inputs["rule"] == "all gates"
    assert found.inputs["actor"] == "user:ann"

    frozen = entering(spec(), freezes=[EVERYWHERE], promotion="test.01c.f1")
    found = promotion(frozen.gates(NOW), frozen)
    assert found.answer == "wait"
    assert "outage" in found.sentence

    shut = entering(spec({"stages": ["dev"]}), promotion="test.01c.f1")
    found = promotion(shut.gates(NOW), shut)
    assert (found.answer, found.inputs["rule"]) == ("block", "availability")
    assert found.sentence == "new-kiwi is not yet verified in 'dev'"
    assert found.inputs["standing"] == {"verifiedIn": {}, "longestSoak": {}, "currentlyIn": {}, "approvedFor": {}}


def test_what_enters_by_itself():
    """By which policy; what is on its way already is decided by its promotion."""
    before = entering(spec(), running="f1")
    verdicts = [(before.stage, Promote("web", NEW, "new-kiwi is the candidate")), (before.stage, Skip("other", "none"))]
    goes, stays = of_verdicts(before.outlook, verdicts)
    assert (goes.answer, goes.about, goes.freight) == ("promote", "Warehouse/web", "f2")
    assert (goes.inputs["policy"], goes.inputs["enabled"], goes.inputs["current"]) == (0, True, "f1")
    assert (stays.answer, stays.sentence, stays.freight) == ("skip", "none", "")
    busy = entering(spec(), promotions=[LATER])
    assert [each.about for each in of_verdicts(busy.outlook, verdicts)] == ["Warehouse/other"]
