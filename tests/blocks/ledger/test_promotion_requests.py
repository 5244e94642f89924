"""Requests and the Promotions of their targets: who may make them, and what ends with what."""

import asyncio
from dataclasses import replace

import pytest

from blocks.errors import Conflict, NotFound, Refused
from blocks.ledger.promotion_claims import Busy, Over, Started
from blocks.ledger.records import CONTROLLER, Phase, StepRun, StepStatus
from blocks.ledger.retention import PROMOTIONS
from tests.blocks.ledger.samples import ORIGIN, at, promote, promotion, start

pytestmark = pytest.mark.usefixtures("stocked")

TARGETS = [{"name": name, "labels": {"tier": "prod"}, "params": {"of": name}} for name in ("eu", "us", "x" * 60)]
STEPS = [{"as": "one", "uses": "http"}, {"as": "two", "uses": "http", "onAbort": True}]


async def requested(ledger, name="r", **other):
    """A running request to Stage test, owned by `run`."""
    other = {"targets": TARGETS, "steps": STEPS, **other}
    await ledger.promotions.create(promotion(name, **other))
    started = await start(ledger, name)
    assert isinstance(started, Started)
    return started.record


async def begun(ledger, target="eu", request="r", minutes=1.0):
    """The Promotion of a target."""
    return await ledger.promotions.begin_target("p", request, "run", target, at(minutes))


async def ended(ledger, name, phase, minutes=2.0, owner="run"):
    """Finish a Promotion, taking it first."""
    await start(ledger, name, owner, minutes)
    return await ledger.promotions.finish("p", name, owner, phase, f"{phase} it is", at(minutes))


async def test_targets_run_side_by_side(ledger):
    """One runs for each target while the request has the Stage, to which nothing else comes."""
    await requested(ledger)
    eu, us = await begun(ledger), await begun(ledger, "us")
    assert (eu.name, us.name) == ("r.0-eu", "r.1-us")
    assert (eu.target, eu.request, eu.targets, eu.steps, eu.freight) == ("eu", "r", None, STEPS, "f1")
    assert len((await begun(ledger, "x" * 60)).name) == len("r.2-") + 40
    assert isinstance(await start(ledger, eu.name), Started)
    assert isinstance(await start(ledger, us.name), Started)

    await ledger.promotions.create(promotion("later", minutes=3))
    assert await start(ledger, "later") == Busy("r")


async def test_begun_twice_is_begun_once(ledger):
    """Whoever goes on with a request finds what was begun, also when two do at once."""
    await requested(ledger)
    first = await begun(ledger)
    await asyncio.gather(*(begun(ledger, minutes=minutes) for minutes in (2, 3)))
    assert await begun(ledger) == first
    assert [each.name for each in await ledger.promotions.of_requests("p", ["r", "other"])] == ["r.0-eu"]


async def test_only_the_run_of_a_running_request_makes_them(ledger):
    """Nobody else, for nothing that is no target, and not after the end."""
    await requested(ledger)
    with pytest.raises(Conflict, match="stop working on it"):
        await ledger.promotions.begin_target("p", "r", "another", "eu", at(1))
    with pytest.raises(NotFound, match="has no target 'mars'; it has: eu, us"):
        await begun(ledger, "mars")
    await ledger.promotions.abort("p", "r", "ann", "", at(2))
    with pytest.raises(Conflict):
        await begun(ledger)


async def test_the_stage_has_the_freight_when_the_request_succeeded(ledger):
    """Targets change nothing in their Stage; the request does, with what their steps want watched."""
    await requested(ledger)
    checks = [{"uses": "argocd-update"}]
    for target in ("eu", "us"):
        child = await begun(ledger, target)
        await start(ledger, child.name)
        await ledger.promotions.finish("p", child.name, "run", Phase.SUCCEEDED, "", at(2), checks)
    assert await ledger.stages.current("p", "test") == {}
    assert await ledger.promotions.targets_health_checks("p", "r") == checks * 2

    await ledger.promotions.finish("p", "r", "run", Phase.SUCCEEDED, "all", at(3))
    assert (await ledger.stages.current("p", "test"))[ORIGIN].promotion == "r"


@pytest.mark.parametrize("how", ["aborted", "errored"])
async def test_nothing_goes_on_without_the_request(ledger, how):
    """Whatever ends a request ends what its targets have open: what waits, what runs with its step, nothing else."""
    await requested(ledger)
    for target in ("eu", "us", "x" * 60):
        await begun(ledger, target)
    await ended(ledger, "r.0-eu", Phase.SUCCEEDED)
    await start(ledger, "r.1-us")
    await ledger.promotions.save_step("p", "r.1-us", "run", StepRun(0, "one", "http", started_at=at(2)))

    if how == "aborted":
        await ledger.promotions.abort("p", "r", "ann", "wrong one", at(3))
    else:
        await ledger.promotions.finish("p", "r", "run", Phase.ERRORED, "it may no longer enter", at(3))
    phases = [each.phase for each in await ledger.promotions.of_requests("p", ["r"])]
    assert phases == [Phase.SUCCEEDED, Phase.ABORTED, Phase.ABORTED]
    assert [each.status for each in await ledger.promotions.steps("p", "r.1-us")] == [StepStatus.ABORTED]
    assert await start(ledger, "r.1-us", "another") == Over(Phase.ABORTED)
    assert [each.name for each in await ledger.promotions.to_clean_up(at(0))] == ["r.1-us"]
    assert await ledger.promotions.open("p") == []


async def test_a_retry_is_for_what_failed(ledger):
    """A failed target goes on at the step that failed, an aborted one begins anew, one that succeeded is left alone."""
    await requested(ledger)
    for target in ("eu", "us", "x" * 60):
        child = await begun(ledger, target)
        await start(ledger, child.name)
        for index, status in enumerate((StepStatus.SUCCEEDED, StepStatus.FAILED)):
            step = StepRun(index, STEPS[index]["as"], "http", status, 1, 0, at(1), at(1), output={"n": index})
            await ledger.promotions.save_step("p", child.name, "run", step)
    done, failed, aborted = [each.name for each in await ledger.promotions.of_requests("p", ["r"])]
    await ledger.promotions.finish("p", done, "run", Phase.SUCCEEDED, "", at(2))
    await ledger.promotions.finish("p", failed, "run", Phase.FAILED, "no", at(2))
    await ledger.promotions.abort("p", aborted, "ann", "", at(2))
    await ledger.promotions.finish("p", "r", "run", Phase.FAILED, "not all", at(3))

    with pytest.raises(Refused, match="is for target 'us' of 'r': retry that"):
        await ledger.promotions.retry("p", failed, "ann", "", at(4))
    assert (await ledger.promotions.retry("p", "r", "ann", "", at(4))).retries == 1
    await start(ledger, "r", minutes=4)
    for target in ("eu", "us", "x" * 60):
        await begun(ledger, target, minutes=5)
        await begun(ledger, target, minutes=6)
    after = {each.name: (each.phase, each.retries) for each in await ledger.promotions.of_requests("p", ["r"])}
    again = (Phase.PENDING, 1)
    assert after == {done: (Phase.SUCCEEDED, 0), failed: again, aborted: again}
    assert [step.finished_at is None for step in await ledger.promotions.steps("p", failed)] == [False, True]
    assert await ledger.promotions.steps("p", aborted) == []
    assert await ledger.promotions.to_clean_up(at(0)) == []


async def test_the_rules_about_a_stage_see_the_request_only(ledger):
    """What failed in one target is no promotion of the Stage; lists tell both kinds apart."""
    await requested(ledger)
    await begun(ledger)
    await ended(ledger, "r.0-eu", Phase.FAILED)
    promotions = ledger.promotions
    assert [each.name for each in await promotions.pertinent("p", ["f1"])] == ["r"]
    assert (await promotions.latest_for("p", "test", "f1")).name == "r"
    assert [each.name for each in await promotions.list("p")] == ["r"]
    assert [each.name for each in await promotions.list("p", kind="Promotion")] == ["r.0-eu"]
    assert [each.name for each in await promotions.list("p", "test", kind="PromotionRequest")] == ["r"]
    uses = await ledger.retention.freight_uses("p", ["f1"])
    assert uses == {"f1": ["Promotion 'r' to Stage 'test' is Running"]}


async def test_a_request_without_targets(ledger):
    """It is a request all the same."""
    record = await requested(ledger, targets=[])
    assert (record.targets, record.kind) == ([], "PromotionRequest")
    assert [each.name for each in await ledger.promotions.list("p", kind="PromotionRequest")] == ["r"]


async def test_automatic_requests_have_many_targets(ledger):
    """That Drayage promotes one Freight once at a time is about the Stage."""
    await ledger.promotions.create(replace(promotion("r", targets=TARGETS), actor=CONTROLLER))
    await start(ledger, "r")
    names = [(await begun(ledger, target)).name for target in ("eu", "us")]
    assert names == ["r.0-eu", "r.1-us"]
    second = await ledger.promotions.create(replace(promotion("s", targets=TARGETS), actor=CONTROLLER))
    assert second.name == "r"


async def test_collected_with_its_targets(ledger):
    """What is kept of a Stage is counted by requests, and an old one goes with all that its targets did."""
    await requested(ledger)
    for target in ("eu", "us"):
        child = await begun(ledger, target)
        await ended(ledger, child.name, Phase.SUCCEEDED)
    await ledger.promotions.finish("p", "r", "run", Phase.SUCCEEDED, "all", at(3))
    await promote(ledger, "later", "f2", minutes=5)
    assert await ledger.retention.lines(PROMOTIONS, 2) == []
    assert await ledger.retention.lines(PROMOTIONS, 1) == [("p", "test")]
    old = await ledger.retention.aged(PROMOTIONS, "p", "test", at(60))
    assert [each.name for each in old] == ["later", "r"]
    assert await ledger.retention.collect_promotions("p", "test", ["r"], at(60)) == {"r"}
    assert await ledger.promotions.of_requests("p", ["r"]) == []
