"""The flow `discover` on a real Prefect server: many Warehouses in one run, none of which holds up another."""

import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter

from blocks.errors import NotFound
from blocks.ledger.tables import registry_images
from deployments.sandbox.server import Sandbox
from flows.discover import discover
from flows.world import opened_world
from tests.flows.place import Place
from tests.servers.guestbook import until

SECRET = "planted-7c1e"


@pytest.fixture
async def place(machine, tmp_path, monkeypatch):
    """A world on a ledger that only this test knows."""
    monkeypatch.setenv("DRAYAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DRAYAGE_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.db'}")
    async with opened_world() as here, Sandbox(tmp_path / "sandbox") as sandbox:
        yield Place(here, sandbox, f"discover-{uuid4().hex[:8]}")


async def test_a_warehouse_that_hangs_holds_up_no_other(place):
    """The others' Freight is recorded and announced to their Stages while one registry still does not answer."""
    await place.watch("quick", "slow", "swift")
    for name in ("quick", "slow", "swift"):
        await place.push(name)
    place.disturb("/v2/slow/tags", kind="delay", seconds=60)
    running = asyncio.create_task(discover(place.project))

    async def announced():
        return len(await place.events("freight.available")) == 2

    await until(announced, "both announced", 40)
    assert not running.done()
    assert await place.freight() == ["quick", "swift"]
    assert len(await place.events("freight.created")) == 2
    place.sandbox.faults.clear()
    assert len(await running) == 3
    assert await place.freight() == ["quick", "slow", "swift"]


async def test_what_one_run_finds(place):
    """A new tag is one Freight with an alias and one event; a look at nothing new brings nothing."""
    await place.watch("app")
    await place.push("app")
    (alias,) = await discover(place.project, "app")

    async def told():
        return [each["alias"] for each in await place.events("freight.created")] == [alias]

    await until(told, "the event", 10)
    assert await discover(place.project, "app") == []
    assert await discover(place.project) == []
    await place.push("app", "2.0.0")
    assert await discover(place.project, "app") == []
    await place.push("app", "1.0.1")
    assert len(await discover(place.project, "app")) == 1
    assert len(await place.freight()) == 2


async def test_looking_again_costs_little(place):
    """A second look lists the tags and asks whether they moved; no manifest and no config is read again."""
    await place.watch("app")
    await place.watch("fixed", cacheByTag=True)
    for name in ("app", "fixed"):
        await place.push(name, "1.0.0")
        await place.push(name, "1.1.0")
    await discover(place.project)
    place.sandbox.faults.requests.clear()
    await discover(place.project, "app")
    await discover(place.project, "fixed")
    assert dict(place.sandbox.faults.requests) == {
        "/v2/app/tags/list": 1,
        "/v2/app/manifests/1.0.0": 1,
        "/v2/app/manifests/1.1.0": 1,
        "/v2/fixed/tags/list": 1,
    }


@pytest.mark.parametrize(("warehouse", "looks"), [("", 1), ("app", 2)], ids=["due", "named"])
async def test_two_runs_at_once(place, warehouse, looks):
    """Of two runs one finds the Freight. Asked by name, the other looks too if it was asked after that look began."""
    await place.watch("app")
    await place.push("app")
    place.disturb("/v2/app/tags", kind="delay", seconds=1)
    found = await asyncio.gather(*(discover(place.project, warehouse) for _ in range(2)))
    assert sorted(map(len, found)) == [0, 1]
    assert 1 <= place.asked("/v2/app/tags") <= looks


async def test_a_killed_run_loses_its_claim(place):
    """The Warehouse a killed run was looking at is looked at again after seconds."""
    await place.watch("app")
    await place.push("app")
    place.disturb("/v2/app/tags", kind="delay", seconds=60, times=1)
    code = f"import asyncio; from flows.discover import discover; asyncio.run(discover({place.project!r}))"
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", code)

    async def asking():
        return place.asked("/v2/app/tags") == 1

    try:
        await until(asking, "the run to look", 60)
    finally:
        killed.send_signal(signal.SIGKILL)
        await killed.wait()
    now = datetime.now(UTC)
    assert not await place.here.ledger.warehouses.claim(place.project, "app", "another", now, now)
    async with asyncio.timeout(30):
        assert len(await discover(place.project, "app")) == 1


async def test_who_asks_by_name_waits_for_a_look_that_began_before(place):
    """What was pushed while another run was looking is found all the same, and a deleted Warehouse is let be."""
    await place.watch("app", "gone")
    await place.push("app")
    now = datetime.now(UTC)
    for name in ("app", "gone"):
        await place.here.ledger.warehouses.claim(place.project, name, "another", now + timedelta(minutes=1), now)
    asking = [asyncio.create_task(discover(place.project, name)) for name in ("app", "gone")]
    await asyncio.sleep(1.5)
    assert not any(task.done() for task in asking)
    key = ("Warehouse", place.project, "gone")
    await place.here.ledger.definitions.apply([], [key], "user:test", now)
    for name in ("app", "gone"):
        await place.here.ledger.warehouses.release(place.project, name, "another")
    app, gone = await asyncio.gather(*asking, return_exceptions=True)
    assert len(app) == 1
    assert gone == [] or isinstance(gone, NotFound)  # a slow start of that run sees it deleted already
    assert place.asked("/v2/gone") == 0


async def test_a_run_with_trouble_completes(place):
    """Each trouble is a condition and a warning; the run ends Completed and says what it saw, without secrets."""
    await place.watch("well", "missing", "broken", "flaky")
    await place.push("well")
    await place.push("flaky")
    place.disturb("/v2/flaky", kind="status", status=500)
    await place.push("broken")
    await discover(place.project, "broken")
    await place.later("broken", 301)
    async with place.here.ledger.database.write() as connection:
        await connection.execute(sa.update(registry_images).values(platforms=SECRET))
    state = await discover(place.project, return_state=True)
    assert (state.type.value, state.name) == ("COMPLETED", "Discovered")
    (alias,) = await state.aresult()
    prefix = f"looked at 4 Warehouses, 1 new Freight ({alias}), 3 unhealthy ("
    assert state.message.startswith(prefix)
    names = state.message.removeprefix(prefix).rstrip(")").split(", ")
    assert sorted(names) == sorted(f"{place.project}/{name}" for name in ("broken", "flaky", "missing"))
    assert (await place.condition("broken"))[:2] == ("False", "InternalError")

    def said(text, level):
        return any(text in each.message and each.level == level for each in logs)

    logs, mine = [], LogFilter(flow_run_id={"any_": [state.state_details.flow_run_id]})

    async def logged():
        async with get_client() as client:
            logs[:] = await client.read_logs(mine, limit=200, offset=0)
        return said("a fault of Drayage itself", 30) and said("missing: ", 30)

    await until(logged, "the log", 20)
    assert said(f"{place.project}/well: new Freight {alias}", 20)
    assert said("in _platforms", 30)
    assert not any(SECRET in each.message for each in logs)

    place.sandbox.faults.clear()
    await place.later("flaky", 31)
    assert len(await discover(place.project)) == 1
    assert (await place.condition("flaky"))[0] == "True"


async def test_a_changed_definition_is_looked_at_at_once(place):
    """Nobody waits an interval for what was just applied."""
    await place.watch("app")
    await place.push("app", "1.0.0")
    await place.push("app", "2.0.0")
    assert len(await discover(place.project)) == 1
    await place.watch("app", constraint="^2.0.0")
    assert len(await discover(place.project)) == 1
    assert await discover(place.project) == []


async def test_a_warehouse_that_is_not_there(place):
    """The error names those that are."""
    await place.watch("app")
    with pytest.raises(NotFound, match=f"project '{place.project}' has no Warehouse 'apt'; it has: app"):
        await discover(place.project, "apt")
