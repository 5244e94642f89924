"""Hundreds of Warehouses in one run, on PostgreSQL: what is shared is asked once, and the sick ones harm nobody."""

import asyncio
import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from blocks.ledger.records import Definition, WarehouseStatus
from deployments.sandbox.server import Sandbox
from flows.discover import discover
from flows.warehouse.conditions import condition, dated, healthy, well
from flows.world import opened_world
from tests.blocks.ledger.conftest import count_statements  # noqa: F401
from tests.flows.place import Place
from tests.servers.guestbook import until
from tests.servers.postgres import postgres_ledger_url, postgres_server  # noqa: F401

IMAGES, REPOSITORIES, FOLDERS, BROKEN, HANGING = 250, 50, 60, 3, 55
PER_SECOND = 20
SECONDS = 120
"""Well within one interval, on two slow cores."""


@pytest.fixture
async def place(machine, tmp_path, monkeypatch, postgres_ledger_url):  # noqa: F811
    """A world on a ledger that only this test knows."""
    monkeypatch.setenv("DRAYAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DRAYAGE_LEDGER_URL", postgres_ledger_url)
    monkeypatch.setenv("DRAYAGE_LEASE_SECONDS", "30")  # as people have it
    async with opened_world() as here, Sandbox(tmp_path / "sandbox") as sandbox:
        yield Place(here, sandbox, f"many-{uuid4().hex[:8]}")


def warehouse(place, name, *subscriptions):
    """A Warehouse by its subscriptions."""
    return Definition("Warehouse", place.project, name, {"spec": {"interval": "5m", "subscriptions": [*subscriptions]}})


@pytest.mark.long
async def test_hundreds_of_warehouses_and_some_that_are_sick(place):
    """All that can be read is Freight long before those that hang give up, and each sick one says what it has."""
    registry = {f"image-{n}": f"{place.sandbox.host}/app{n % REPOSITORIES}" for n in range(IMAGES)}
    url = await place.sandbox.create_repository("config", {f"dir{n}/values.yaml": "a: 1\n" for n in range(FOLDERS)})
    hanging = {f"hang-{n}": f"localhost:{place.sandbox.port}/hang{n}" for n in range(HANGING)}
    images = {**hanging, **registry}
    wanted = [warehouse(place, name, {"image": {"repoURL": repo}}) for name, repo in images.items()]
    wanted += [
        warehouse(place, f"git-{n}", {"git": {"repoURL": url, "includePaths": [f"dir{n}"]}}) for n in range(FOLDERS)
    ]
    wanted += [warehouse(place, f"broken-{n}", {"git": {"branches": url}}) for n in range(BROKEN)]
    for n in range(REPOSITORIES):
        await place.push(f"app{n}")
    place.disturb("/v2/hang", kind="delay", seconds=300)
    await place.here.ledger.definitions.apply(wanted, [], "user:test", datetime.now(UTC))
    place.sandbox.faults.requests.clear()

    began = time.monotonic()
    running = asyncio.create_task(discover(place.project))
    sound = {each.name for each in wanted if each.name.startswith(("image-", "git-"))}

    async def all_well():
        statuses = await place.here.ledger.warehouses.statuses(place.project, discovered=False)
        return sound == {name for (_, name), status in statuses.items() if healthy(status)}

    try:
        await until(all_well, "all that can be read", SECONDS)
        took = time.monotonic() - began
        assert set(await place.freight()) == sound
        asked = place.asked("/v2/app")
        assert asked <= IMAGES + 3 * REPOSITORIES  # at most one listing each; what a tag is, is read once
        assert took >= asked / PER_SECOND - 2
        # One listing and one fetch, another listing for those that come late.
        assert place.asked("/git/config.git") <= FOLDERS / 5
        assert not running.done()
        assert "spec.subscriptions.0" in (await place.condition("broken-0"))[2]
        # The next run is not held up by this one: what is new is found, what hangs is left to whom it hangs.
        await place.here.ledger.definitions.apply(
            [warehouse(place, "late", {"image": {"repoURL": f"{place.sandbox.host}/app0"}})],
            [],
            "user:test",
            place.now(),
        )
        async with asyncio.timeout(30):
            assert len(await discover(place.project)) == 1
    finally:
        place.sandbox.faults.clear()
    await asyncio.wait([running], timeout=SECONDS)
    for name in hanging:
        status = await place.here.ledger.warehouses.status(place.project, name)
        assert condition(status, "Healthy")["reason"] == "DiscoveryFailed"
        assert f"localhost:{place.sandbox.port}" in condition(status, "Ready")["message"]


async def test_a_run_when_nothing_is_due_is_a_handful_of_queries(place, count_statements):  # noqa: F811
    """However many Warehouses there are, and however much was found."""
    names = [f"w{n}" for n in range(1_000)]
    definitions = [warehouse(place, name, {"image": {"repoURL": f"{place.sandbox.host}/app"}}) for name in names]
    await place.here.ledger.definitions.apply(definitions, [], "user:test", place.now())
    for name in names:
        seen = WarehouseStatus(place.project, name, 1, place.now(), {"images": [{"repoURL": "x"}]})
        await place.here.ledger.warehouses.record(dated(seen, well(1), place.now()), place.now())
    with count_statements() as statements:
        assert await discover(place.project) == []
    assert len([each for each in statements if "SELECT" in each or "UPDATE" in each or "INSERT" in each]) <= 4
    assert not any("warehouses.discovered," in each for each in statements)
