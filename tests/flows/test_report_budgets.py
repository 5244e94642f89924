"""Budgets told by `discover` on a real Prefect server: in the ledger, in an artifact and on the command line."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client

from blocks.ledger.records import Definition
from deployments.look import LOOK
from flows.discover import discover
from flows.report_budgets import KEY
from flows.world import close_world, world
from tests.servers.odd import OddRegistry, listening


@pytest.fixture
async def registry():
    """A registry that grants 5,000 requests an hour and tells with every answer how many are left."""
    async with listening(OddRegistry()) as odd:
        odd.push("1.0.0")
        odd.left, odd.reset, reply = 4_210, int(time.time()) + 3_000, odd.answer

        async def answer(request):
            status, headers, body = await reply(request)
            left = {"x-ratelimit-remaining": str(odd.left), "x-ratelimit-reset": str(odd.reset)}
            return status, {**headers, "x-ratelimit-limit": "5000", **left}, body

        odd.answer = answer
        yield odd


@dataclass
class Place:
    """A project with the Warehouse `app` and a ledger that only this test knows."""

    project: str

    async def watch(self, repo):
        """Watch an image."""
        spec = {"subscriptions": [{"image": {"repoURL": repo}}]}
        wanted = [
            Definition("Project", "", self.project, {"metadata": {"name": self.project}}),
            Definition("Warehouse", self.project, "app", {"metadata": {"name": "app"}, "spec": spec}),
        ]
        await (await world()).ledger.definitions.apply(wanted, [], "user:test", datetime.now(UTC))

    async def budgets(self):
        """What `drayage get warehouses -o json` shows of the Warehouse's budgets."""
        (shape,) = await LOOK["Warehouse"]((await world()).ledger, self.project, "app", "", 10)
        return shape["status"]["drayage"]["budgets"]


@pytest.fixture
async def place(machine, tmp_path, monkeypatch):
    """A project on a ledger that only this test knows."""
    monkeypatch.setenv("DRAYAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DRAYAGE_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.db'}")
    yield Place(f"budgets-{uuid4().hex[:8]}")
    await close_world()


async def tables(host):
    """What all versions of the artifact said of a host, newest first; other tests have theirs."""
    wanted = {"artifacts": {"key": {"any_": [KEY]}}, "sort": "CREATED_DESC", "limit": 50}
    async with get_client() as client:
        found = (await client.request("POST", "/artifacts/filter", json=wanted)).json()
    rows = [row for each in found for row in json.loads(each["data"])]
    return [row["budget"] for row in rows if row["host"] == host]


async def test_budgets_are_told(place, registry):
    """After a look all see what is left; an artifact is made anew only when that is notable."""
    await place.watch(registry.repo)
    await discover(place.project, "app")
    (budget,) = await place.budgets()
    assert (budget["kind"], budget["host"]) == ("http", registry.address)
    assert (budget["limit"], budget["remaining"]) == (5_000, 4_210)
    assert "credential" not in budget
    (told,) = await tables(registry.address)
    assert told.startswith(f"{registry.address}: 4,210 of 5,000 left until ")

    registry.left = 4_205
    await discover(place.project, "app")
    assert (await place.budgets())[0]["remaining"] == 4_205
    assert len(await tables(registry.address)) == 1

    registry.left = 0
    await discover(place.project, "app")
    assert (await tables(registry.address))[0].startswith(f"{registry.address}: 0 of 5,000 left until ")


async def test_a_restart_keeps_the_peace(place, registry):
    """A process that begins while nothing is left asks nobody, and says until when."""
    registry.left = 0
    await place.watch(registry.repo)
    await discover(place.project, "app")
    asked = len(registry.asked)
    await close_world()  # the next one begins as after a restart
    await discover(place.project, "app")
    assert len(registry.asked) == asked
