"""Registering many Stages: what is asked of Prefect is counted, not timed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import httpx
from prefect.client.orchestration import PrefectClient, get_client

from deployments.register_stages import read_registered, register_stages, unregister_stages
from flows.stage.pipeline import read_pipeline
from tests.servers.small import MANIFESTS, Small, stage

MANY = 30


@dataclass
class Calls:
    """What was asked of Prefect: what only reads, and what writes, as method and path."""

    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    async def note(self, request: httpx.Request) -> None:
        """Keep a request."""
        path = request.url.path.removeprefix("/api")
        reads = request.method == "GET" or path.endswith("/filter") or path in ("/flows/", "/csrf-token")
        (self.reads if reads else self.writes).append(f"{request.method} {path}")


@asynccontextmanager
async def counted() -> AsyncIterator[tuple[PrefectClient, Calls]]:
    """A client that keeps what it asks."""
    calls = Calls()
    async with get_client(httpx_settings={"event_hooks": {"request": [calls.note]}}) as client:
        yield client, calls


async def registered(small: Small) -> tuple[int, Calls, list[tuple[int, int]]]:
    """Register the project; how many Stages were touched, what was asked, and what was told of the progress."""
    told: list[tuple[int, int]] = []
    pipeline = await read_pipeline(small.here.ledger, small.project)
    async with counted() as (client, calls):
        touched = await register_stages(
            client, small.here.settings.work_pool, [pipeline], True, lambda done, of: told.append((done, of))
        )
    return touched, calls, told


async def test_a_changed_stage_touches_its_own_things_and_no_others(small: Small):
    """Of thirty Stages that promote by themselves one call writes the one that changed; as they are, none is made."""
    names = [f"test-{number:02}" for number in range(MANY)]
    small.write(*map(stage, names), base=MANIFESTS.replace("^(test|prod)$", "^test-"))
    said: list[tuple[int, int]] = []
    await small.apply(say=lambda done, of: said.append((done, of)))
    assert said[-1] == (MANY, MANY)

    touched, calls, told = await registered(small)
    assert (touched, calls.writes) == (0, [])
    assert len(calls.reads) <= 10
    assert sorted(told) == [(number, MANY) for number in range(1, MANY + 1)]

    await change(small, "test-07")
    touched, calls, _ = await registered(small)
    assert (touched, calls.writes) == (1, ["POST /deployments/"])
    assert len(calls.reads) <= 10
    described = {name: (await small.deployment(name)).description for name in ("test-07", "test-08")}
    assert ["2. fail" in each for each in described.values()] == [True, False]

    pool, gone = small.here.settings.work_pool, [(small.project, name) for name in names[1:]]
    async with counted() as (client, calls):
        await unregister_stages(client, pool, gone)
        there = await read_registered(client, pool, [(small.project, each) for each in names])
    assert len(calls.writes) == 3 * len(gone)
    assert list(there.deployments) == list(there.queues) == [f"{small.project}.{names[0]}"]
    assert len(there.automations) == 1


async def change(small: Small, name: str) -> None:
    """Give a Stage one more step, in the ledger alone."""
    known = await small.here.ledger.definitions.get("Stage", small.project, name)
    assert known is not None
    template = {"spec": {"steps": [{"task": {"name": "note"}}, {"uses": "fail"}]}}
    manifest = known.manifest | {"spec": known.spec | {"promotionTemplate": template}}
    await small.here.ledger.definitions.apply([replace(known, manifest=manifest)], [], "user:test", datetime.now(UTC))
