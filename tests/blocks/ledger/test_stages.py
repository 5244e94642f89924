"""What Stages hold: stays, soak, verification, approval, holds."""

from datetime import timedelta

import pytest

from blocks.ledger.passings import Passing
from blocks.ledger.records import Phase, Standing, VerificationPhase, Verified
from tests.blocks.ledger.samples import ORIGIN, OTHER, at, promote, promotion, start, verification, verify

pytestmark = pytest.mark.usefixtures("stocked")


async def standing(ledger, name="f1"):
    return (await ledger.stages.standings("p", [name]))[name]


async def test_unknown_freight_stands_nowhere(ledger):
    """Freight that was nowhere has an empty standing."""
    assert {"f1": Standing()} == await ledger.stages.standings("p", ["f1"])


async def test_success_moves_freight_in_and_the_old_out(ledger):
    """A promotion that succeeds ends the old stay and begins the new one."""
    await promote(ledger, "a", "f1", minutes=0)
    await promote(ledger, "b", "f2", minutes=10)

    visits = await ledger.stages.visits("p", "test", 10)

    assert [("f2", at(10), None), ("f1", at(0), at(10))] == [(v.freight, v.entered_at, v.left_at) for v in visits]
    assert {o: v.freight for o, v in (await ledger.stages.current("p", "test")).items()} == {ORIGIN: "f2"}
    assert Standing() == await standing(ledger, "f1")
    assert {"test": at(10)} == (await standing(ledger, "f2")).currently_in


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.ERRORED, Phase.ABORTED])
async def test_any_other_end_keeps_the_collection(ledger, phase):
    """A promotion that does not succeed changes nothing in its Stage, holds included."""
    await promote(ledger, "a", "f1")
    await ledger.promotions.create(promotion("b", "f2", intent="hold"))
    await start(ledger, "b", collection={ORIGIN: "f2"})
    await ledger.promotions.finish("p", "b", "run", phase, "no", at(5))

    assert [v.freight for v in await ledger.stages.visits("p", "test", 10)] == ["f1"]
    assert await ledger.stages.holds("p") == []


async def test_the_longest_verified_stay_counts_as_soak(ledger):
    """Stays do not add up; only those at whose end the Freight was verified count, wholly."""
    await promote(ledger, "a", "f1", minutes=0)  # 100 minutes, never verified: no soak
    await promote(ledger, "b", "f2", minutes=100)
    assert (await standing(ledger)).verified_in == {}
    await promote(ledger, "c", "f1", minutes=110)  # 50 minutes, verified on the way
    await verify(ledger, "v1", {ORIGIN: "f1"}, 120)
    assert {"test": Verified(at(120), None)} == (await standing(ledger)).verified_in
    await promote(ledger, "d", "f2", minutes=160)
    await promote(ledger, "e", "f1", minutes=170)  # 20 minutes: shorter

    await promote(ledger, "f", "f2", minutes=190)

    assert Standing({"test": Verified(at(120), timedelta(minutes=50))}) == await standing(ledger)


async def test_a_later_stay_of_verified_freight_soaks_without_a_new_verification(ledger):
    """Verified once in a Stage is verified there: a longer second stay counts."""
    await promote(ledger, "a", "f1", minutes=0)
    await verify(ledger, "v1", {ORIGIN: "f1"}, 5)
    await promote(ledger, "b", "f2", minutes=10)
    await promote(ledger, "c", "f1", minutes=20)
    assert {"test": at(20)} == (await standing(ledger)).currently_in

    await promote(ledger, "d", "f2", minutes=80)

    assert {"test": Verified(at(5), timedelta(minutes=60))} == (await standing(ledger)).verified_in


async def test_promoting_the_current_freight_again_keeps_its_stay(ledger):
    """The soak clock does not start anew when the same Freight is promoted again; the stay is the last one's."""
    await promote(ledger, "a", "f1", minutes=0)
    await promote(ledger, "b", "f1", minutes=30)

    assert [("b", at(0), None)] == [
        (v.promotion, v.entered_at, v.left_at) for v in await ledger.stages.visits("p", "test", 9)
    ]


async def test_origins_keep_their_own_stays(ledger):
    """A promotion of one origin leaves the other's stay alone, in the Stage and in the collection."""
    await promote(ledger, "a", "f1", minutes=0)
    await promote(ledger, "b", "c1", minutes=10, origin=OTHER)

    current = (await ledger.stages.currents("p"))["test"]

    assert {ORIGIN: ("f1", at(0)), OTHER: ("c1", at(10))} == {o: (v.freight, v.entered_at) for o, v in current.items()}


async def test_a_stale_collection_does_not_undo_another_origin(ledger):
    """What a caller read before another promotion ended is read again at the start."""
    await promote(ledger, "a", "f1", minutes=0)
    await ledger.promotions.create(promotion("c", "c1", minutes=5, origin=OTHER))
    await promote(ledger, "b", "f2", minutes=10)

    started = await start(ledger, "c", minutes=20, collection={ORIGIN: "f1", OTHER: "c1"})
    await ledger.promotions.finish("p", "c", "run", Phase.SUCCEEDED, "done", at(21))

    assert started.record.collection == {ORIGIN: "f2", OTHER: "c1"}
    assert {o: v.freight for o, v in (await ledger.stages.current("p", "test")).items()} == {ORIGIN: "f2", OTHER: "c1"}


async def test_verification_marks_only_what_is_still_there(ledger):
    """Freight that left while its verification ran is not marked."""
    await promote(ledger, "a", "f1", minutes=0)
    await promote(ledger, "b", "c1", minutes=1, origin=OTHER)
    await ledger.verifications.create(verification("v1", {ORIGIN: "f1", OTHER: "c1"}))
    await ledger.verifications.claim("p", "v1", "run", at(9), at(2))
    await promote(ledger, "c", "f2", minutes=3)

    await ledger.verifications.finish("p", "v1", "run", VerificationPhase.SUCCESSFUL, "good", [], at(4))

    found = await ledger.stages.standings("p", ["f1", "f2", "c1"])
    assert {name: list(s.verified_in) for name, s in found.items()} == {"f1": [], "f2": [], "c1": ["test"]}


async def test_a_mark_is_sticky(ledger):
    """Neither a second success nor a failure moves the time of the first mark."""
    await promote(ledger, "a", "f1")
    await verify(ledger, "v1", {ORIGIN: "f1"}, 5)
    await verify(ledger, "v2", {ORIGIN: "f1"}, 6)
    await verify(ledger, "v3", {ORIGIN: "f1"}, 7, phase=VerificationPhase.FAILED)

    assert {"test": Verified(at(5))} == (await standing(ledger)).verified_in


async def test_a_stage_without_verification_is_marked_at_once(ledger):
    """A mark without a verification names the Freight it newly marked, once."""
    await promote(ledger, "a", "f1")
    mark = ("p", "test", {ORIGIN: "f1", OTHER: "elsewhere"}, "controller:sweep", "healthy")

    assert await ledger.stages.mark_verified(*mark, at(3)) == ["f1"]
    assert await ledger.stages.mark_verified(*mark, at(4)) == []
    assert len(await ledger.audit.list("p", type="FreightVerificationSucceeded")) == 1


async def test_approval_is_idempotent_and_told_once(ledger):
    """The first approval stays, and only it is in the trail."""
    assert await ledger.stages.approve("p", "prod", "f1", "email:ann@example.com", at(1))
    assert not await ledger.stages.approve("p", "prod", "f1", "email:bob@example.com", at(2))

    assert {"prod": at(1)} == (await standing(ledger)).approved_for
    assert [e.actor for e in await ledger.audit.list("p", type="FreightApproved")] == ["email:ann@example.com"]


async def test_holds_follow_intent_on_success(ledger):
    """`hold` establishes, `resume` lifts, a promotion without intent leaves it."""
    await promote(ledger, "a", "f1", intent="hold", minutes=1)
    assert [(h.origin, h.freight, h.promotion) for h in await ledger.stages.holds("p")] == [(ORIGIN, "f1", "a")]
    await promote(ledger, "b", "f2", minutes=2)
    assert [h.freight for h in await ledger.stages.holds("p")] == ["f1"]
    await promote(ledger, "c", "f3", intent="hold", minutes=3)
    assert [h.freight for h in await ledger.stages.holds("p")] == ["f3"]

    await promote(ledger, "d", "f4", intent="resume", minutes=4)

    assert await ledger.stages.holds("p") == []
    told = [each for each in await ledger.audit.list("p", stage="test") if each.type.startswith("AutoPromotionHold")]
    assert [(each.type.removeprefix("AutoPromotionHold"), each.data["promotion"], each.actor) for each in told] == [
        ("Lifted", "d", "email:ann@example.com"),
        ("Established", "c", "email:ann@example.com"),
        ("Established", "a", "email:ann@example.com"),
    ]
    created = await ledger.audit.list("p", promotion="d", type="PromotionCreated")
    assert [each.data["intent"] for each in created] == ["resume"]


async def test_a_hold_can_be_lifted_by_hand(ledger):
    """Lifting a hold is told once; lifting none is no event."""
    await promote(ledger, "a", "f1", intent="hold")

    assert await ledger.stages.clear_hold("p", "test", ORIGIN, "email:ann@example.com", at(1))
    assert not await ledger.stages.clear_hold("p", "test", ORIGIN, "email:ann@example.com", at(1))
    assert len(await ledger.audit.list("p", type="AutoPromotionHoldLifted")) == 1


async def test_passing_a_control_flow_stage_verifies_without_a_stay(ledger):
    """Freight that passes is verified there, never currently in it, and passes once."""
    assert await ledger.stages.pass_through([Passing("p", "gate", "f1", ORIGIN)], at(1))
    assert not await ledger.stages.pass_through([Passing("p", "gate", "f1", ORIGIN)], at(2))

    assert Standing(verified_in={"gate": Verified(at(1))}, passed={"gate": at(1)}) == await standing(ledger)


async def test_a_deleted_stage_leaves_history_only(ledger):
    """Marks, approvals and holds of a deleted Stage go; its visits stay, closed; a new one starts afresh."""
    await promote(ledger, "a", "f1", intent="hold")
    await verify(ledger, "v1", {ORIGIN: "f1"}, 5)
    await ledger.stages.approve("p", "test", "f1", "email:ann@example.com", at(6))
    await ledger.stages.pass_through([Passing("p", "gate", "f1", ORIGIN)], at(1))

    await ledger.stages.remove("p", "test", at(10))
    await ledger.stages.remove("p", "gate", at(10))

    assert Standing() == await standing(ledger)
    assert await ledger.stages.holds("p") == []
    assert [at(10)] == [v.left_at for v in await ledger.stages.visits("p", "test", 10)]
    assert await ledger.stages.pass_through([Passing("p", "gate", "f1", ORIGIN)], at(11))
    await promote(ledger, "b", "f1", minutes=12)
    passed = {"gate": at(11)}
    assert Standing({"gate": Verified(at(11))}, {}, {"test": at(12)}, passed=passed) == await standing(ledger)


async def test_an_origin_no_longer_requested_leaves(ledger):
    """The stay of a dropped origin ends with its hold; others stay."""
    await promote(ledger, "a", "f1", intent="hold")
    await promote(ledger, "b", "c1", origin=OTHER)

    await ledger.stages.leave("p", "test", [ORIGIN], at(9))

    assert list(await ledger.stages.current("p", "test")) == [OTHER]
    assert await ledger.stages.holds("p") == []
    (lifted,) = await ledger.audit.list("p", type="AutoPromotionHoldLifted")
    assert (lifted.actor, lifted.data["origin"]) == ("controller:drayage", ORIGIN)


async def test_standings_of_many_freight_take_few_queries(ledger, count_statements):
    """Ten thousand Freight are asked about in a handful of queries."""
    await promote(ledger, "a", "f1")

    with count_statements() as statements:
        found = await ledger.stages.standings("p", ["f1", *(f"g{n}" for n in range(9_999))])

    assert len(found) == 10_000
    assert {"test": at(0)} == found["f1"].currently_in
    assert len(statements) <= 4
