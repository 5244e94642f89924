"""Promotions that wait for Argo CD, all in one worker: the memory they take, and how soon each is woken.

    python -m benchmarks.waiting [--promotions 500] [--per-second 5]

Starts everything on this machine, as the demo does, and a Kubernetes API with an Application for each Stage. When all
promotions wait, one Application after the other becomes healthy; a promotion is woken when its step has ended. Woken
later than the watch would is missed: it took the look that makes sure. The last line is one JSON object: `memory_mib`
is the worker's peak, `slowest_wake_s` counts from the change of the Application.
"""

import argparse
import asyncio
import contextlib
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import uvicorn
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW, temporary_settings
from ruamel.yaml import YAML
from starlette.applications import Starlette

from blocks.argocd_block import ArgoCDConnection
from blocks.ledger.records import StepStatus
from blocks.ledger.tables import step_runs
from deployments.apply import apply
from deployments.machine import Machine
from deployments.processes import free_port
from deployments.requests import ask_promotion
from deployments.sandbox.bell import Bell
from deployments.sandbox.images import push_image
from deployments.sandbox.kubernetes_api import KubernetesApi
from deployments.sandbox.kubernetes_store import ObjectStore
from deployments.sandbox.server import Sandbox
from flows.promotion.admission import Wish
from flows.world import World, opened_world

STAGES = 10
"""Stages of each project."""

MISSED = 10.0
"""Seconds after which a promotion was not woken by the watch."""

PATIENCE = 1_800.0
Place = tuple[str, str]
"""Project and Stage; the Application is called by both."""


class Server(uvicorn.Server):
    """Leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Do nothing."""
        yield


@contextlib.asynccontextmanager
async def kubernetes(store: ObjectStore) -> AsyncIterator[str]:
    """Serve Applications on a free port and return the address."""
    port = free_port()
    app = Starlette(routes=KubernetesApi(store, None).routes())
    server = Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        store.bell.close()
        server.should_exit = True
        await serving


def application(place: Place) -> dict[str, Any]:
    """An Application that rolls out, about as large as a real one with many resources."""
    resource = {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "status": "Synced"}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "-".join(place)},
        "spec": {"project": "default", "destination": {"namespace": "shop"}, "source": {"repoURL": "https://git/shop"}},
        "status": {
            "health": {"status": "Progressing"},
            "sync": {"status": "Synced", "revision": "a" * 40},
            "resources": [resource | {"name": f"service-{number}"} for number in range(100)],
        },
    }


def manifests(project: str, stages: list[str], repository: str) -> list[dict[str, Any]]:
    """A project whose Stages wait for their Applications and do nothing else."""
    image = {"image": {"repoURL": repository, "imageSelectionStrategy": "SemVer"}}
    meta = {"name": "shop", "namespace": project}
    warehouse = {"kind": "Warehouse", "metadata": meta, "spec": {"interval": "24h", "subscriptions": [image]}}
    every = [{"kind": "Project", "metadata": {"name": project}}, warehouse, *(_stage(project, each) for each in stages)]
    return [{"apiVersion": "kargo.akuity.io/v1alpha1", **each} for each in every]


def _stage(project: str, name: str) -> dict[str, Any]:
    config = {"apps": [{"name": f"{project}-{name}"}]}
    step = {"uses": "argocd-wait", "as": "wait", "retry": {"timeout": "2h"}, "config": config}
    requested = {"origin": {"kind": "Warehouse", "name": "shop"}, "sources": {"direct": True}}
    spec = {"requestedFreight": [requested], "promotionTemplate": {"spec": {"steps": [step]}}}
    return {"kind": "Stage", "metadata": {"name": name, "namespace": project}, "spec": spec}


async def promote_all(here: World, places: list[Place], repository: str, folder: Path) -> None:
    """Declare all Stages, and ask for a promotion into each."""
    projects = sorted({project for project, _ in places})
    for project in projects:
        file = folder / f"{project}.yaml"
        stages = [stage for mine, stage in places if mine == project]
        with file.open("w") as opened:
            YAML(typ="safe").dump_all(manifests(project, stages, repository), opened)
        await apply(here, [str(file)], actor="user:benchmark")
    print(f"{len(places)} Stages in {len(projects)} projects are declared", flush=True)
    freight = {}
    for project in projects:
        while not (found := await here.ledger.freight.list(project)):
            await asyncio.sleep(1)
        freight[project] = found[0].name
    for project, stage in places:
        await ask_promotion(here, Wish(project, stage, "user:benchmark", freight[project]))


async def finished(here: World, *statuses: StepStatus) -> dict[Place, datetime | None]:
    """When which promotions' steps ended, of those in a state."""
    query = sa.select(step_runs.c.project, step_runs.c.promotion, step_runs.c.finished_at)
    async with here.ledger.database.read() as connection:
        rows = await connection.execute(query.where(step_runs.c.status.in_(statuses)))
        return {(row.project, row.promotion.partition(".")[0]): row.finished_at for row in rows}


async def until_all(here: World, count: int, seconds: float, *statuses: StepStatus) -> dict[Place, datetime | None]:
    """Wait until so many steps are in a state, at most for some time, and return those that are."""
    deadline = time.monotonic() + seconds
    while len(found := await finished(here, *statuses)) < count and time.monotonic() < deadline:
        await asyncio.sleep(1)
    return found


def heal(store: ObjectStore, place: Place) -> datetime:
    """Let an Application become healthy; returns when."""
    name = "-".join(place)
    old = store.get("argocd", name)
    metadata = {key: value for key, value in old["metadata"].items() if key != "resourceVersion"}
    store.replace(
        "argocd", name, old | {"metadata": metadata, "status": old["status"] | {"health": {"status": "Healthy"}}}
    )
    return datetime.now(UTC)


def peak_mib(pid: int) -> float:
    """The most memory a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


async def measure(machine: Machine, folder: Path, count: int, per_second: float) -> dict[str, Any]:
    """Let all wait, wake them one after the other, and say how that went."""
    places = [(f"p{number // STAGES:03}", f"s{number % STAGES}") for number in range(count)]
    store = ObjectStore(Bell())
    for place in places:
        store.create("argocd", application(place), datetime.now(UTC))
    async with opened_world() as here, kubernetes(store) as url, Sandbox(folder / "sandbox") as sandbox:
        await push_image(sandbox.url, "shop", "1.0.0", created=datetime.now(UTC))
        await ArgoCDConnection(server=url).asave("default", overwrite=True)
        await promote_all(here, places, f"{sandbox.host}/shop", folder)
        waiting = await until_all(here, count, PATIENCE, StepStatus.RUNNING)
        print(f"{len(waiting)} promotions wait", flush=True)
        assert machine.worker
        assert machine.worker.started
        changed: dict[Place, datetime] = {}
        for place in random.sample(places, count):
            changed[place] = heal(store, place)
            await asyncio.sleep(1 / per_second)
        ended = await until_all(here, count, 60, StepStatus.SUCCEEDED)
        wakes = [(at - changed[place]).total_seconds() for place, at in ended.items() if at]
        return {
            "promotions": len(waiting),
            "memory_mib": round(peak_mib(machine.worker.started.pid), 1),
            "missed": count - sum(wake < MISSED for wake in wakes),
            "slowest_wake_s": round(max(wakes, default=float("inf")), 3),
            "median_wake_s": round(sorted(wakes)[len(wakes) // 2], 3) if wakes else None,
        }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--promotions", type=int, default=500)
    parser.add_argument("--per-second", type=float, default=5.0)
    asked = parser.parse_args()
    settings = {PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore"}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        machine = Machine(
            Path(folder) / "machine",
            extra={"DRAYAGE_AUTOMATIONS": "false", "DRAYAGE_CONCURRENT_RUNS": str(asked.promotions + 100)},
        )
        try:
            asyncio.run(machine.start())
            for name, value in machine.env.items():
                patch.setenv(name, value)
            with temporary_settings(settings | {PREFECT_API_URL: f"{machine.url}/api"}):
                print(json.dumps(asyncio.run(measure(machine, Path(folder), asked.promotions, asked.per_second))))
        finally:
            machine.stop()


if __name__ == "__main__":
    main()
