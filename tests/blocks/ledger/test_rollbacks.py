"""What rollbacks are decided from, and that one failure is answered once."""

import asyncio
from dataclasses import replace

import pytest

from blocks.ledger.records import CONTROLLER, Phase, VerificationPhase
from tests.blocks.ledger.samples import ORIGIN, OTHER, at, promote, promotion, start, verification, verify

pytestmark = pytest.mark.usefixtures("stocked")


async def test_stays_and_stable_freight(ledger):
    """What stayed in a Stage, newest first, what brought it, and what was verified there last by origin."""
    await promote(ledger, "a", "f1", minutes=0)
    await verify(ledger, "v1", {ORIGIN: "f1"}, minutes=1)
    await promote(ledger, "b", "c1", minutes=2, origin=OTHER)
    await promote(ledger, "c", "f2", minutes=3)
    await promote(ledger, "d", "f1", minutes=4, rollback="c")
    await promote(ledger, "e", "f9", stage="uat", minutes=5)

    stays = await ledger.rollbacks.stays("p", "test")

    assert [(each.promotion, each.freight) for each in stays] == [("d", "f1"), ("c", "f2"), ("b", "c1"), ("a", "f1")]
    assert [each.promotion for each in stays if each.current] == ["d", "b"]
    assert [each.promotion for each in stays if each.verified] == ["a"]
    assert [each.promotion for each in stays if each.by_rollback] == ["d"]
    assert stays[0].alias == "f1"
    assert await ledger.rollbacks.stable("p") == {"test": {ORIGIN: "f1"}}
    await ledger.stages.remove("p", "test", at(6))
    assert await ledger.rollbacks.stays("p", "test") == []
    assert await ledger.rollbacks.stable("p") == {}


async def test_what_was_promoted_again_is_the_last_promotions(ledger):
    """Freight that is there already stays in its visit, which is the new promotion's from then on."""
    await promote(ledger, "a", "f1", minutes=0)
    await verify(ledger, "v1", {ORIGIN: "f1"}, minutes=1)
    await promote(ledger, "b", "f1", minutes=2, rollback="x")

    assert [(each.promotion, each.entered_at, each.verified) for each in await ledger.rollbacks.stays("p", "test")] == [
        ("b", at(0), True)
    ]


async def test_where_something_failed_lately(ledger):
    """Stages in which a promotion or a verification has failed, not what was aborted or is older."""
    for minutes, (name, phase) in enumerate(
        {"old": Phase.FAILED, "failed": Phase.FAILED, "erred": Phase.ERRORED, "aborted": Phase.ABORTED}.items()
    ):
        await ledger.promotions.create(promotion(name, stage=name))
        await ledger.promotions.finish("p", name, "", phase, "so", at(minutes))
    await verify(ledger, "v1", {ORIGIN: "f1"}, minutes=2, stage="bad", phase=VerificationPhase.FAILED)
    await verify(ledger, "v2", {ORIGIN: "f1"}, minutes=2, stage="broken", phase=VerificationPhase.ERROR)
    await verify(ledger, "v3", {ORIGIN: "f1"}, minutes=2, stage="good")

    assert await ledger.rollbacks.failing(at(1)) == [("p", each) for each in ("bad", "broken", "erred", "failed")]
    assert len(await ledger.rollbacks.failing(at(1), limit=2)) == 2


async def test_one_failure_is_answered_once(ledger):
    """Of those who roll back at once, or later, all get the one promotion; people may go back as often as they like."""
    back = replace(promotion("a", rollback="v1"), actor=CONTROLLER)

    made = await asyncio.gather(*(ledger.promotions.create(replace(back, name=name)) for name in "abc"))
    assert len({each.name for each in made}) == 1
    await start(ledger, made[0].name)
    await ledger.promotions.finish("p", made[0].name, "run", Phase.FAILED, "no", at(2))

    assert (await ledger.promotions.create(replace(back, name="later"))).name == made[0].name
    assert (await ledger.promotions.create(replace(back, name="next", rollback="v2"))).name == "next"
    for name in ("mine", "mine too"):
        assert (await ledger.promotions.create(promotion(name, rollback="v1"))).name == name
    created = await ledger.audit.list("p", type="PromotionCreated")
    assert [each.data.get("rollback") for each in created] == ["v1", "v1", "v2", "v1"]


async def test_a_verification_is_given_its_run_once(ledger):
    """The run that was first is its run; one that has ended gets none."""
    await ledger.verifications.create(replace(verification("v1", {ORIGIN: "f1"}), flow_run_id=None))
    assert (await ledger.verifications.attach_run("p", "v1", "run-1")).flow_run_id == "run-1"
    assert (await ledger.verifications.attach_run("p", "v1", "run-2")).flow_run_id == "run-1"
    assert (await ledger.verifications.get("p", "v1")).flow_run_id == "run-1"
