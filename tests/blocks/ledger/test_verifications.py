"""Verifications: one open per Stage, claimed, measured, ended once."""

import pytest

from blocks.errors import Conflict, Invalid, NotFound
from blocks.ledger.records import VerificationPhase as P
from tests.blocks.ledger.samples import ORIGIN, OTHER, at, promote, verification, verify

pytestmark = pytest.mark.usefixtures("stocked")

HELD = {ORIGIN: "f1", OTHER: "c1"}


async def test_the_open_one_of_a_stage_is_attached_to(ledger):
    """While one is open, a new one is that one; afterwards it is new; an id is never used twice."""
    first = await ledger.verifications.create(verification("v1", HELD))
    assert await ledger.verifications.create(verification("v2", HELD, minutes=1)) == first
    await ledger.verifications.abort("p", "v1", "ann", "", at(1))

    assert (await ledger.verifications.create(verification("v2", HELD, minutes=1))).id == "v2"
    assert (await ledger.verifications.create(verification("v1", HELD, stage="prod"))).stage == "test"


async def test_a_claim_lapses_and_fences(ledger):
    """As with promotions: a live lease keeps others out, a lapsed one does not, and the old owner is told."""
    await ledger.verifications.create(verification("v1", HELD))
    assert await ledger.verifications.claim("p", "v1", "old", at(1), at(0))
    assert await ledger.verifications.claim("p", "v1", "old", at(1), at(0))
    assert not await ledger.verifications.claim("p", "v1", "new", at(2), at(0.5))

    assert await ledger.verifications.claim("p", "v1", "new", at(2), at(1))

    assert not await ledger.verifications.renew("p", "v1", "old", at(9))
    assert await ledger.verifications.renew("p", "v1", "new", at(9))
    with pytest.raises(Conflict, match="taken over by 'new'"):
        await ledger.verifications.measure("p", "v1", "old", [])
    with pytest.raises(Conflict, match="taken over by 'new'"):
        await ledger.verifications.finish("p", "v1", "old", P.SUCCESSFUL, "", [], at(2))


async def test_measurements_are_kept_on_the_way(ledger):
    """What was measured so far survives the owner."""
    await ledger.verifications.create(verification("v1", HELD))
    await ledger.verifications.claim("p", "v1", "run", at(1), at(0))
    metrics = [{"name": "errors", "measurements": [{"value": "0.1"}]}]

    await ledger.verifications.measure("p", "v1", "run", metrics, message="1 of 3")

    stored = await ledger.verifications.get("p", "v1")
    assert (stored.metrics, stored.phase, stored.message, stored.collection) == (metrics, P.RUNNING, "1 of 3", HELD)
    with pytest.raises(Invalid):
        await ledger.verifications.measure("p", "v1", "run", metrics, phase=P.FAILED)


@pytest.mark.parametrize(
    ("phase", "event"),
    [
        (P.SUCCESSFUL, "Succeeded"),
        (P.FAILED, "Failed"),
        (P.ERROR, "Errored"),
        (P.ABORTED, "Aborted"),
        (P.INCONCLUSIVE, "Inconclusive"),
    ],
)
async def test_an_end_is_final_and_told_for_each_freight(ledger, phase, event):
    """Only success marks; each Freight of the collection gets its event; a second end changes nothing."""
    await promote(ledger, "a", "f1")
    ended = await verify(ledger, "v1", HELD, 5, phase=phase)

    assert await ledger.verifications.finish("p", "v1", "run", phase, "other", [], at(9)) == (
        await ledger.verifications.get("p", "v1")
    )
    assert (await ledger.verifications.abort("p", "v1", "ann", "", at(9))).phase is phase
    assert not await ledger.verifications.claim("p", "v1", "run", at(9), at(9))
    assert (ended.finished_at, ended.metrics) == (at(5), [{"name": "m"}])
    told = await ledger.audit.list("p", type=f"FreightVerification{event}")
    assert sorted(e.subject for e in told) == ["Freight/c1", "Freight/f1"]
    assert bool((await ledger.stages.standings("p", ["f1"]))["f1"].verified_in) == (phase is P.SUCCESSFUL)


async def test_aborting_an_open_one(ledger):
    """Its owner learns at its next word."""
    await ledger.verifications.create(verification("v1", HELD))
    await ledger.verifications.claim("p", "v1", "run", at(1), at(0))

    aborted = await ledger.verifications.abort("p", "v1", "ann", "enough", at(1))

    assert (aborted.phase, aborted.message) == (P.ABORTED, "aborted by ann: enough")
    with pytest.raises(Conflict, match="Aborted by now"):
        await ledger.verifications.finish("p", "v1", "run", P.SUCCESSFUL, "", [], at(2))
    with pytest.raises(NotFound):
        await ledger.verifications.abort("p", "nope", "ann", "", at(1))


async def test_lists(ledger):
    """Newest first per Stage; the open ones over all."""
    await verify(ledger, "v1", HELD, 1)
    await verify(ledger, "v2", HELD, 2)
    await ledger.verifications.create(verification("v3", HELD, stage="prod", minutes=3))

    assert [v.id for v in await ledger.verifications.list("p", "test")] == ["v2", "v1"]
    assert (await ledger.verifications.latest("p", "test")).id == "v2"
    assert await ledger.verifications.latest("p", "none") is None
    assert [v.id for v in await ledger.verifications.open()] == ["v3"]


async def test_left_until_later(ledger):
    """Who leaves it gives it to whoever comes back; nobody else's to leave."""
    await ledger.verifications.create(verification("v1", HELD))
    await ledger.verifications.claim("p", "v1", "run", at(1), at(0))
    assert not await ledger.verifications.leave("p", "v1", "other", at(60), "run-2", "soaks")

    assert await ledger.verifications.leave("p", "v1", "run", at(60), "run-2", "soaks")

    stored = await ledger.verifications.get("p", "v1")
    assert (stored.owner, stored.lease_until, stored.flow_run_id, stored.message) == ("", at(60), "run-2", "soaks")
    assert await ledger.verifications.claim("p", "v1", "run-2/x", at(61), at(50))


async def test_a_failure_may_take_back_what_was_verified(ledger):
    """Only where it is asked for, only a failure, and of all stays of the Freight in that Stage."""
    await promote(ledger, "test.1", "f1")
    held = {ORIGIN: "f1"}
    for number, (phase, revoke, verified) in enumerate(
        [(P.SUCCESSFUL, True, True), (P.FAILED, False, True), (P.ERROR, True, True), (P.FAILED, True, False)]
    ):
        await ledger.verifications.create(verification(f"v{number}", held, minutes=number))
        await ledger.verifications.claim("p", f"v{number}", "run", at(number + 1), at(number))
        await ledger.verifications.finish("p", f"v{number}", "run", phase, "", [], at(number), revoke=revoke)
        standing = (await ledger.stages.standings("p", ["f1"]))["f1"]
        assert ("test" in standing.verified_in) is verified, (phase, revoke)
    trail = await ledger.audit.list("p")
    assert [event.type for event in trail].count("FreightVerificationRevoked") == 1


async def test_measurements_go_when_their_time_is_over(ledger):
    """What they came to stays."""
    await ledger.verifications.create(verification("v1", HELD))
    await ledger.verifications.claim("p", "v1", "run", at(1), at(0))
    metrics = [{"name": "errors"}]
    await ledger.verifications.finish("p", "v1", "run", P.FAILED, "why", metrics, at(1), expires_at=at(5))
    assert await ledger.verifications.forget_measurements(at(4)) == 0

    assert await ledger.verifications.forget_measurements(at(5)) == 1
    assert await ledger.verifications.forget_measurements(at(5)) == 0

    stored = await ledger.verifications.get("p", "v1")
    assert (stored.metrics, stored.phase, stored.message) == ([], P.FAILED, "why")
