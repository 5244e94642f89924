"""What a sweep costs that looks at 1,000 Stages in 50 projects with 10,000 Freight, on PostgreSQL and on SQLite.

    python -m benchmarks.sweep [--projects 50] [--rounds 5] [--only postgresql|sqlite] [--no-registering]

Starts a Prefect server on this machine and asks it as a worker's sweep does: promotions of these Stages wait, queue and
run there. `sweep_s` is the median time of the whole flow in which nothing is left to do, `queries` the statements it
sends to the ledger; `publish_all_s` is what the pages of all Stages take, some of which each sweep renews; `work_s` and
`work_queries` are those of a sweep that finds 25 Stages something may enter. Then all Stages are registered with
Prefect, once, again, and with one Stage changed. The last line is one JSON object.
"""

import argparse
import asyncio
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from prefect.client.orchestration import PrefectClient, get_client
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW, temporary_settings

from benchmarks import registering
from benchmarks.sweep_world import AHEAD, LANES, Installation, fill, manifests
from blocks.ledger import rows
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Phase
from blocks.ledger.tables import freight
from deployments.machine import Machine
from flows.publish import publish_changed
from flows.start import STAGE_TAG
from flows.sweep import sweep
from flows.world import close_world, world

ENTERING = 25
"""Stages that Freight may enter in the sweep that has something to do."""


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect what is asked of the ledger, without what only begins a transaction."""
    seen: list[str] = []

    def listen(_: Any, __: Any, statement: str, *___: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", listen)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", listen)


async def swept() -> tuple[float, int, str]:
    """Sweep once: seconds, statements, and what it says it did."""
    with statements() as seen:
        began = time.perf_counter()
        state = await sweep(return_state=True)  # type: ignore[misc]
        took = time.perf_counter() - began
    assert state.is_completed(), state.message
    return took, len(seen), str(state.message)


async def measure(url: str, world: Installation, rounds: int) -> dict[str, Any]:
    """Fill an empty ledger and sweep: at rest, and with something new in some Stages."""
    ledger = await Ledger.open(url)
    began = time.perf_counter()
    sizes = await fill(ledger, world)
    print(f"filled in {time.perf_counter() - began:.0f} s: {world.stages} stages, {json.dumps(sizes)}", flush=True)
    if not ledger.database.sqlite:
        async with ledger.database.write() as connection:
            await connection.execute(sa.text("ANALYZE"))  # as PostgreSQL does by itself within a minute
    later = world.now + AHEAD
    await ledger.leases.take(
        "health", "a worker", later, world.now
    )  # workers watch it, the sweep is for where none does
    try:
        first, *_ = await swept()
        published = await _publish_all(ledger)
        at_rest = [await swept() for _ in range(rounds)]
        for seconds, count, said in at_rest:
            print(f"  at rest: {seconds:.3f} s, {count} queries: {said}", flush=True)
        await _something_new(ledger, world)
        busy, queries, said = await swept()
        print(f"  {ENTERING} Stages may be entered: {busy:.3f} s, {queries} queries: {said}", flush=True)
    finally:
        await close_world()
        await ledger.close()
    return {
        "sweep_s": round(statistics.median(seconds for seconds, _, _ in at_rest), 3),
        "queries": max(count for _, count, _ in at_rest),
        "first_s": round(first, 3),
        "publish_all_s": round(published, 1),
        "work_s": round(busy, 3),
        "work_queries": queries,
    }


async def _publish_all(ledger: Ledger) -> float:
    """Renew the page of every Stage, of which each sweep renews some after the first decisions. Returns seconds."""
    began = time.perf_counter()
    while await ledger.gates.fresh(1):
        await publish_changed(await world())
    return time.perf_counter() - began


async def _something_new(ledger: Ledger, world: Installation) -> None:
    """One more Freight for a Warehouse in each of several projects: its first Stage takes it straight from there."""
    new = [rows.values(world.found(project, LANES[0], -1)) for project in world.names[:ENTERING]]
    async with ledger.database.write() as connection:
        await connection.execute(rows.insert(connection, freight), new)


async def prefect_runs(client: PrefectClient, world: Installation) -> Installation:
    """Make the runs that open promotions have in Prefect."""
    flow = (await client.request("POST", "/flows/", json={"name": "promote"})).json()
    gate = asyncio.Semaphore(8)
    found: dict[str, str] = {}

    async def one(project: str, name: str, state: dict[str, str]) -> None:
        body = {"flow_id": flow["id"], "name": name, "state": state, "tags": [STAGE_TAG, f"project:{project}"]}
        async with gate:
            found[f"{project}/{name}"] = (await client.request("POST", "/flow_runs/", json=body)).json()["id"]

    await asyncio.gather(*(one(each.project, each.name, _state(each)) for each in world.open_promotions()))
    return replace(world, runs=found)


def _state(record: Any) -> dict[str, str]:
    if record.phase is Phase.PENDING:
        return {"type": "SCHEDULED", "name": "Late"}
    return {"type": "RUNNING"} if record.owner else {"type": "PAUSED", "name": "Suspended"}


async def run(machine: Machine, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Measure all that was asked for."""
    found: dict[str, Any] = {}
    world = Installation(options.projects, datetime.now(UTC))
    urls = {"postgresql": _database(machine), "sqlite": f"sqlite:///{folder}/ledger.db"}
    async with get_client() as client:
        world = await prefect_runs(client, world)
    for name, url in urls.items():
        if options.only in (None, name):
            runs = replace(world, now=datetime.now(UTC))
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("DRAYAGE_LEDGER_URL", url)
                print(f"{name}:", flush=True)
                found[name] = await measure(url, runs, options.rounds)
    if options.registering:
        found["registering"] = await registering.measure(manifests(world))
    return found


def _database(machine: Machine) -> str:
    assert machine.postgres is not None, "PostgreSQL cannot run here"
    return machine.env["DRAYAGE_LEDGER_URL"]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("postgresql", "sqlite"), default=None)
    parser.add_argument("--no-registering", dest="registering", action="store_false")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        machine = Machine(Path(folder) / "machine")
        try:
            asyncio.run(machine.start())
            gc.freeze()  # as the worker does
            assert machine.worker is not None
            machine.worker.stop()  # it would sweep too
            for name, value in machine.env.items():
                patch.setenv(name, value)
            settings = {PREFECT_API_URL: f"{machine.url}/api", PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore"}
            with temporary_settings(settings):
                print(json.dumps(asyncio.run(run(machine, Path(folder), options))))
        finally:
            machine.stop()


if __name__ == "__main__":
    main()
