"""A promotion from request to end: creation, claims, fencing, steps, ends."""

from dataclasses import replace

import pytest

from blocks.errors import Conflict, Invalid, NotFound
from blocks.ledger.promotion_claims import Busy, Over, Started
from blocks.ledger.records import CONTROLLER, Decision, Phase, StepRun, StepStatus
from tests.blocks.ledger.samples import NOON, ORIGIN, at, promote, promotion, start

pytestmark = pytest.mark.usefixtures("stocked")

ENDS = [Phase.SUCCEEDED, Phase.FAILED, Phase.ERRORED, Phase.ABORTED]


async def types(ledger):
    return [event.type for event in await ledger.audit.list("p")]


async def test_a_promotion_is_kept_as_it_was_asked_for(ledger):
    """Every field comes back, times to the microsecond."""
    asked = promotion(
        "a",
        reason="because\0of\ud800",
        vars=[{"name": "v", "value": "1"}],
        steps=[{"uses": "git-clone", "config": {"b": 1, "a": [None, 2.5]}}],
        intent="hold",
        flow_run_id="run-1",
    )

    await ledger.promotions.create(asked)

    stored = await ledger.promotions.get("p", "a")
    assert stored.reason == "because\ufffdof?"
    assert stored == await ledger.promotions.by_flow_run("run-1")
    assert (stored.created_at, stored.vars, stored.steps) == (NOON, asked.vars, asked.steps)
    assert list(stored.steps[0]["config"]) == ["b", "a"]


async def test_creating_twice_attaches(ledger):
    """The same name or the same flow run gives the promotion there is, told once."""
    first = await ledger.promotions.create(promotion("a", flow_run_id="run-1"))

    assert await ledger.promotions.create(promotion("a", freight="f9")) == first
    assert await ledger.promotions.create(promotion("b", flow_run_id="run-1")) == first
    assert await types(ledger) == ["PromotionCreated"]


async def test_a_run_is_attached_to_one_promotion(ledger):
    """A flow run works for one promotion only."""
    await ledger.promotions.create(promotion("a"))
    await ledger.promotions.create(promotion("b"))
    await ledger.promotions.attach_run("p", "a", "run-1")

    assert (await ledger.promotions.by_flow_run("run-1")).name == "a"
    with pytest.raises(Conflict):
        await ledger.promotions.attach_run("p", "b", "run-1")


async def test_one_promotion_runs_per_stage(ledger):
    """The second of a Stage is told which one runs; another Stage is free."""
    for name, stage in (("a", "test"), ("b", "test"), ("c", "prod")):
        await ledger.promotions.create(promotion(name, stage=stage))
    started = await start(ledger, "a")

    assert isinstance(started, Started)
    assert started.record == await ledger.promotions.get("p", "a")
    assert (started.record.phase, started.record.started_at) == (Phase.RUNNING, at(0))
    assert await start(ledger, "b", owner="other") == Busy(by="a")
    assert isinstance(await start(ledger, "c"), Started)


async def test_starting_what_is_not_there_says_so(ledger):
    """An unknown promotion is an error with a sentence."""
    with pytest.raises(NotFound, match="'nope'"):
        await start(ledger, "nope")


@pytest.mark.parametrize("phase", ENDS)
async def test_an_ended_promotion_does_not_start(ledger, phase):
    """Whoever starts it again learns how it ended."""
    await ledger.promotions.create(promotion("a"))
    await start(ledger, "a")
    await ledger.promotions.finish("p", "a", "run", phase, "", at(1))

    assert await start(ledger, "a", minutes=9) == Over(phase)


async def test_a_live_lease_is_respected_and_a_lapsed_one_taken_over(ledger):
    """Another owner waits for the lease; then it takes over what was frozen, and the old owner is fenced out."""
    await ledger.promotions.create(promotion("a"))
    first = await start(ledger, "a", owner="old")
    assert await start(ledger, "a", owner="new", minutes=0.5) == Busy(by="a")

    taken = await start(ledger, "a", owner="new", minutes=1, collection={ORIGIN: "something else"})

    assert (taken.record.owner, taken.record.lease_until) == ("new", at(2))
    assert (taken.record.collection, taken.record.started_at) == (first.record.collection, at(0))
    step = StepRun(0, "clone", "git-clone")
    assert not await ledger.promotions.renew("p", "a", "old", at(5))
    with pytest.raises(Conflict, match="'new' took over"):
        await ledger.promotions.save_step("p", "a", "old", step)
    with pytest.raises(Conflict, match="'new' took over"):
        await ledger.promotions.finish("p", "a", "old", Phase.SUCCEEDED, "", at(2))
    await ledger.promotions.save_step("p", "a", "new", step)
    assert await ledger.promotions.steps("p", "a") == [step]


async def test_the_same_owner_starts_again(ledger):
    """A run that comes back to its own promotion goes on at once."""
    await ledger.promotions.create(promotion("a"))
    await start(ledger, "a")

    assert isinstance(await start(ledger, "a", minutes=0.1), Started)


async def test_renewing_keeps_others_out_and_releasing_lets_them_in(ledger):
    """A lease is prolonged by its owner and can be handed over at a clean shutdown."""
    await ledger.promotions.create(promotion("a"))
    await start(ledger, "a")
    assert await ledger.promotions.renew("p", "a", "run", at(10))
    assert await start(ledger, "a", owner="new", minutes=5) == Busy(by="a")

    await ledger.promotions.release("p", "a", "run")

    assert isinstance(await start(ledger, "a", owner="new", minutes=5), Started)
    await ledger.promotions.release("p", "a", "run")
    assert (await ledger.promotions.get("p", "a")).owner == "new"


async def test_steps_are_kept_in_order_and_overwritten(ledger):
    """The latest word on a step counts; numbers JSON has no word for are kept as words."""
    await ledger.promotions.create(promotion("a"))
    await start(ledger, "a")
    second = StepRun(1, "b", "http", attempts=1, output={"nan": float("nan"), "text": "\0", "n": 1.5})
    first = StepRun(0, "a", "copy", StepStatus.SUCCEEDED, 1, 0, at(0), at(1), "done", {"x": [1]}, True)
    await ledger.promotions.save_step("p", "a", "run", StepRun(0, "a", "copy"))

    for step in (second, first):
        await ledger.promotions.save_step("p", "a", "run", step)

    stored = await ledger.promotions.steps("p", "a")
    assert stored[0] == first
    assert stored[1].output == {"nan": "NaN", "text": "\0", "n": 1.5}


@pytest.mark.parametrize("phase", ENDS)
async def test_an_end_is_final_and_told_once(ledger, phase):
    """Finishing again the same way is no news; any other way is refused."""
    await ledger.promotions.create(promotion("a"))
    await start(ledger, "a")
    checks = [{"uses": "argocd-update"}]

    ended = await ledger.promotions.finish("p", "a", "run", phase, "because", at(2), health_checks=checks)
    again = await ledger.promotions.finish("p", "a", "run", phase, "because", at(3))

    assert ended.finished_at == again.finished_at == at(2)
    assert (again.phase, again.message, again.health_checks, again.lease_until) == (phase, "because", checks, None)
    other = Phase.FAILED if phase is Phase.SUCCEEDED else Phase.SUCCEEDED
    with pytest.raises(Conflict, match="by now"):
        await ledger.promotions.finish("p", "a", "run", other, "", at(3))
    with pytest.raises(Conflict, match="by now"):
        await ledger.promotions.save_step("p", "a", "run", StepRun(0, "a", "copy"))
    assert await types(ledger) == [f"Promotion{phase}", "PromotionCreated"]


async def test_a_pending_promotion_can_end_only_without_success(ledger):
    """One that may not start any more is ended where it stands; success needs a start."""
    for name in ("a", "b"):
        await ledger.promotions.create(promotion(name))
    await ledger.promotions.finish("p", "a", "sweep", Phase.ERRORED, "not available any more", at(1))

    assert (await ledger.promotions.get("p", "a")).phase is Phase.ERRORED
    with pytest.raises(Conflict):
        await ledger.promotions.finish("p", "b", "sweep", Phase.SUCCEEDED, "", at(1))
    with pytest.raises(Invalid):
        await ledger.promotions.finish("p", "b", "sweep", Phase.RUNNING, "", at(1))


async def test_aborting_a_pending_promotion(ledger):
    """It never starts, and the Stage keeps what it has."""
    await promote(ledger, "before", "f0")
    await ledger.promotions.create(promotion("a"))

    aborted = await ledger.promotions.abort("p", "a", "email:ann@example.com", "wrong one", at(1))

    assert (aborted.phase, aborted.message) == (Phase.ABORTED, "aborted by email:ann@example.com: wrong one")
    assert await start(ledger, "a") == Over(Phase.ABORTED)
    assert (await ledger.stages.current("p", "test"))[ORIGIN].freight == "f0"


async def test_aborting_a_running_promotion_stops_its_step_and_its_owner(ledger):
    """The running step is aborted, finished ones stay, the owner learns at its next word; the Stage is free."""
    for name in ("a", "b"):
        await ledger.promotions.create(promotion(name))
    await start(ledger, "a")
    await ledger.promotions.save_step("p", "a", "run", StepRun(0, "x", "copy", StepStatus.SUCCEEDED))
    await ledger.promotions.save_step("p", "a", "run", StepRun(1, "y", "http"))

    await ledger.promotions.abort("p", "a", "email:ann@example.com", "", at(1))

    steps = await ledger.promotions.steps("p", "a")
    assert [(s.status, s.finished_at) for s in steps] == [(StepStatus.SUCCEEDED, None), (StepStatus.ABORTED, at(1))]
    assert not await ledger.promotions.renew("p", "a", "run", at(9))
    with pytest.raises(Conflict, match="Aborted by now"):
        await ledger.promotions.finish("p", "a", "run", Phase.SUCCEEDED, "", at(2))
    assert isinstance(await start(ledger, "b"), Started)


@pytest.mark.parametrize("phase", ENDS)
async def test_aborting_what_has_ended_changes_nothing(ledger, phase):
    """Abort is idempotent and never rewrites an end."""
    await ledger.promotions.create(promotion("a"))
    await start(ledger, "a")
    ended = await ledger.promotions.finish("p", "a", "run", phase, "end", at(1))

    again = await ledger.promotions.abort("p", "a", "email:ann@example.com", "late", at(2))

    assert (again.phase, again.message, again.finished_at) == (phase, "end", ended.finished_at)
    assert len(await ledger.audit.list("p", subject="Promotion/a")) == 2


async def test_decisions_one_per_person(ledger):
    """A later word of the same person replaces the earlier; nothing is kept after the end; all are told."""
    await ledger.promotions.create(promotion("a"))
    words = [("ann", True, 1), ("bob", True, 2), ("ann", False, 3), ("ann", False, 3)]

    for actor, approved, minute in words:
        kept = await ledger.promotions.decide(Decision("p", "a", actor, approved, "", at(minute)))
    await ledger.promotions.abort("p", "a", "ann", "", at(4))
    late = await ledger.promotions.decide(Decision("p", "a", "eve", True, "", at(5)))

    assert [(d.actor, d.approved) for d in kept] == [("bob", True), ("ann", False)]
    assert late == kept == await ledger.promotions.decisions("p", "a")
    told = [t for t in await types(ledger) if t in ("PromotionApproved", "PromotionRejected")]
    assert told == ["PromotionRejected", "PromotionApproved", "PromotionApproved"]
    with pytest.raises(NotFound):
        await ledger.promotions.decide(Decision("p", "nope", "ann", True, "", at(5)))


async def test_lists_are_filtered_ordered_and_limited(ledger):
    """Newest first by time then name; open ones oldest first, over all projects."""
    await promote(ledger, "a", "f1", minutes=1)
    await promote(ledger, "b", "f1", minutes=2)
    for name, freight, stage in (("d", "f2", "test"), ("c", "f2", "test"), ("e", "f3", "prod")):
        await ledger.promotions.create(promotion(name, freight, stage, minutes=3))
    await start(ledger, "e")
    promotions = ledger.promotions

    async def names(listing):
        return [one.name for one in await listing]

    assert await names(promotions.list("p")) == ["e", "d", "c", "b", "a"]
    assert await names(promotions.list("p", stage="test", limit=2)) == ["d", "c"]
    assert await names(promotions.list("p", phases=[Phase.SUCCEEDED])) == ["b", "a"]
    assert await names(promotions.list("q")) == []
    assert await names(promotions.open()) == ["c", "d", "e"]
    assert await names(promotions.open("p", limit=1)) == ["c"]
    assert (await promotions.latest_for("p", "test", "f1")).name == "b"
    assert await promotions.latest_for("p", "prod", "f1") is None
    newest = await promotions.latest_by_freight("p", "test", ["f1", "f2", "f3"])
    assert {freight: one.name for freight, one in newest.items()} == {"f1": "b", "f2": "d"}


async def test_drayage_itself_asks_once_for_a_freight(ledger):
    """One automatic promotion of a Freight to a Stage is open; people, other Stages and later times are free."""
    mine = {"actor": CONTROLLER}

    def asked(name, **other):
        return replace(promotion(name, flow_run_id=f"run-{name}", **other), **mine)

    first = await ledger.promotions.create(asked("a"))

    assert await ledger.promotions.create(asked("b")) == first
    await start(ledger, "a")
    assert (await ledger.promotions.create(asked("b"))).name == "a"
    for other in (asked("c", stage="prod"), asked("d", freight="f2"), promotion("e")):
        assert await ledger.promotions.create(other) == other
    await ledger.promotions.finish("p", "a", "run", Phase.FAILED, "", at(1))
    assert (await ledger.promotions.create(asked("f"))).name == "f"
