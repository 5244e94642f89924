"""Kill -9 while a request fans out: of the run that begins its targets, and of one that serves a target."""

import asyncio
from uuid import uuid4

import pytest

from blocks.ledger.records import Phase
from flows.start import TARGETS_QUEUE, stage_deployment
from flows.sweep import sweep
from flows.world import opened_world
from tests.flows.test_fan_out import fleet, of_targets, shape
from tests.servers.doomed_worker import Nursery, Order, alive
from tests.servers.guestbook import until


async def sweep_for_ever():
    """Find what is lost, as soon as it is known to be."""
    while True:
        await sweep()
        await asyncio.sleep(1)


@pytest.mark.long
async def test_killed_as_it_fans_out(machine, tmp_path, monkeypatch):
    """A target that was begun and not started is started, one in its step goes on; none is served twice or left out."""
    monkeypatch.setenv("DRAYAGE_WORK_POOL", f"kill-{uuid4().hex[:8]}")
    prod = {"tier": "prod"}
    async with (
        opened_world(),
        Nursery(tmp_path / "workers.log", {"DRAYAGE_LEASE_SECONDS": "2"}) as nursery,
        fleet(tmp_path, {"maxConcurrent": 1, "maxFailures": 1}, {"a1": prod, "b2": prod}) as guestbook,
    ):
        pool, queue = guestbook.here.settings.work_pool, stage_deployment(guestbook.project, "test")
        sweeping = asyncio.create_task(sweep_for_ever())
        parent = await nursery.bear(Order(pool, queue, "began", str(tmp_path / "began")))
        child = await nursery.bear(Order(pool, TARGETS_QUEUE, "before:note", str(tmp_path / "note")))
        request = await guestbook.promotion(await guestbook.push("1.0.0"), "test", 60)

        async def both_died() -> bool:
            return not alive(parent) and not alive(child)

        await until(both_died, "both deaths", 90)
        for each in (queue, TARGETS_QUEUE):
            await nursery.bear(Order(pool, each, "", ""))
        ended = await guestbook.ended(request, 90)
        sweeping.cancel()
        assert (ended.phase, ended.message) == (Phase.SUCCEEDED, "all of 2 targets took it")
        known = await of_targets(guestbook, request)
        assert {name: (each.phase, each.retries) for name, each in known.items()} == {
            "a1": (Phase.SUCCEEDED, 0),
            "b2": (Phase.SUCCEEDED, 0),
        }
        ledger = guestbook.here.ledger
        attempts = {}
        for name, each in known.items():
            attempts[name] = (await ledger.promotions.steps(guestbook.project, each.name))[-1].attempts
            for type in ("PromotionCreated", "PromotionSucceeded"):
                told = await ledger.audit.list(guestbook.project, type=type, promotion=each.name)
                assert len(told) == 1, (type, name)
        assert attempts == {"a1": 2, "b2": 1}
        visits = await ledger.stages.visits(guestbook.project, "test", 10)
        assert [each.promotion for each in visits] == [request.name]
        (shown,) = await shape(guestbook, "PromotionRequest", request.name)
        assert shown["status"]["summary"]["succeeded"] == shown["status"]["summary"]["total"] == 2
