"""Freezes, and promotions whose place a later one takes."""

from dataclasses import replace

import pytest

from blocks.ledger.promotion_queue import superseded
from blocks.ledger.records import EVERYWHERE, Freeze, Phase
from tests.blocks.ledger.samples import ORIGIN, OTHER, at, promotion, start

pytestmark = pytest.mark.usefixtures("stocked")


async def test_only_what_waits_before_it_is_superseded(ledger):
    """Not what runs, what came later, what is of another Warehouse, Stage or target; done again it does nothing."""
    records = [
        promotion("test.01", "f1", flow_run_id="run-1"),
        promotion("test.02", "f2"),
        promotion("test.03", "c1", origin=OTHER),
        promotion("prod.04", "f1", stage="prod"),
        promotion("test.05", "f5", flow_run_id="run-5"),
        promotion("test.06", "f6"),
        promotion("test.07", "f7"),
    ]
    for record in records:
        await ledger.promotions.create(record)
    await start(ledger, "test.02")
    await ledger.promotions.ask("p", "test.05", {"message": "waits", "wake_when": {"kind": "turn"}})

    ended = await ledger.promotions.supersede("p", "test", ORIGIN, "test.06", at(1))
    again = await ledger.promotions.supersede("p", "test", ORIGIN, "test.06", at(2))

    assert [each.name for each in ended] == ["test.01", "test.05"]
    assert again == []
    phases = {each.name: each.phase for each in await ledger.promotions.list("p")}
    assert [name for name, phase in sorted(phases.items()) if phase is Phase.ABORTED] == ["test.01", "test.05"]
    kept = await ledger.promotions.get("p", "test.05")
    assert superseded(kept)
    assert kept.message == "superseded by Promotion test.06, because only the latest counts in Stage 'test'"
    told = await ledger.audit.list("p", type="PromotionSuperseded")
    assert {each.subject: each.message for each in told} == {
        "Promotion/test.01": kept.message,
        "Promotion/test.05": kept.message,
    }


async def test_runs_of_what_was_superseded_are_ended_once(ledger):
    """They are known until somebody says that they have ended; an aborted promotion is none of them."""
    for record in (promotion("test.01", flow_run_id="run-1"), promotion("test.02"), promotion("test.03")):
        await ledger.promotions.create(record)
    await ledger.promotions.supersede("p", "test", ORIGIN, "test.03", at(1))
    await ledger.promotions.abort("p", "test.03", "user:ann", "", at(1))

    assert [each.name for each in await ledger.promotions.superseded_runs(at(0))] == ["test.01"]
    assert await ledger.promotions.superseded_runs(at(2)) == []
    await ledger.promotions.run_ended("p", "test.01")
    assert await ledger.promotions.superseded_runs(at(0)) == []
    assert superseded(await ledger.promotions.get("p", "test.01"))
    assert not superseded(await ledger.promotions.get("p", "test.03"))


async def test_queued_are_those_that_wait_and_have_not_begun(ledger):
    """Oldest first; beginning forgets what was waited for."""
    for name in ("test.01", "test.02", "test.03"):
        await ledger.promotions.create(promotion(name, minutes=float(name[-1])))
    waiting_for = {"message": "outside window 'w'", "wake_when": {"kind": "turn", "stopped": True}}
    for name in ("test.03", "test.02"):
        await ledger.promotions.ask("p", name, waiting_for)

    assert [each.name for each in await ledger.promotions.queued()] == ["test.02", "test.03"]
    await start(ledger, "test.02")
    assert [each.name for each in await ledger.promotions.queued()] == ["test.03"]
    assert (await ledger.promotions.get("p", "test.02")).waiting_for == {}


async def test_a_freeze_of_a_project_and_of_all(ledger):
    """One each; freezing again changes why and until when; ending it twice says so; all is in the trail."""
    freeze = Freeze("p", "audit", "user:ann", at(0))
    later = replace(freeze, reason="still", until=at(60))
    for each in (
        freeze,
        Freeze("other", "x", "user:ann", at(0)),
        Freeze(EVERYWHERE, "outage", "user:eve", at(0)),
        later,
    ):
        await ledger.freezes.freeze(each)

    assert [each.project for each in await ledger.freezes.list()] == ["", "other", "p"]
    assert [each.reason for each in await ledger.freezes.list("p")] == ["outage", "still"]
    assert [later.holds(at(minutes)) for minutes in (59, 60)] == [True, False]
    assert await ledger.freezes.unfreeze("p", "user:bob", "done", at(1))
    assert not await ledger.freezes.unfreeze("p", "user:bob", "done", at(1))
    assert [(each.type, each.actor) for each in await ledger.audit.list("p")] == [
        ("ProjectUnfrozen", "user:bob"),
        ("ProjectFrozen", "user:ann"),
        ("ProjectFrozen", "user:ann"),
    ]
    assert [each.message for each in await ledger.audit.list("")] == ["user:eve froze all projects: outage"]
