"""A Stage that people let changes into by a pull request: nobody's worker waits, and it is opened and merged once."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from ruamel.yaml import YAML

from blocks.ledger.records import Phase, PromotionRecord, StepRun
from deployments.machine import Machine
from deployments.sandbox.pull_requests import Pull
from flows.start import stage_deployment
from flows.sweep import sweep
from flows.wake import wake_pull_request
from tests.servers.doomed_worker import Nursery, Order, alive
from tests.servers.guestbook import PASSWORD, USER, Guestbook, only_test, opened_guestbook, until
from tests.servers.waiting import in_state

NAME = "acme/guestbook"
LEASE = "2"
"""Seconds after which a dead worker is known to be dead."""


def steps(url: str, last: str) -> list[dict[str, Any]]:
    """Push to a branch of the promotion's own, open a pull request, and wait for it or merge it."""
    there = {"repoURL": url, "provider": "github"}
    number = "${{ outputs['open-pr'].pr.id }}"
    return [
        {"uses": "git-clone", "config": {"repoURL": url, "checkout": [{"branch": "main", "path": "./src"}]}},
        {
            "uses": "file-write",
            "config": {"path": "./src/promoted", "contents": "${{ ctx.targetFreight.name }}", "overwrite": True},
        },
        {"uses": "git-commit", "config": {"path": "./src", "message": "Promote to ${{ ctx.stage }}"}},
        {"uses": "git-push", "as": "push", "config": {"path": "./src", "generateTargetBranch": True}},
        {
            "uses": "git-open-pr",
            "as": "open-pr",
            "config": there | {"sourceBranch": "${{ outputs.push.branch }}", "targetBranch": "main"},
        },
        {"uses": f"git-{last}", "as": last, "config": there | {"prNumber": number}},
        {"uses": "compose-output", "as": "told", "config": {"commit": f"${{{{ outputs['{last}'].commit }}}}"}},
    ]


@asynccontextmanager
async def gated(tmp_path: Path, last: str) -> AsyncIterator[Guestbook]:
    """The example with the Stage `test` alone, whose changes go through a pull request."""
    project = f"pr-{uuid4().hex[:8]}"
    async with opened_guestbook(tmp_path, project, only_test) as opened:
        url = await repository(opened)
        stage = {
            "apiVersion": "kargo.akuity.io/v1alpha1",
            "kind": "Stage",
            "metadata": {"name": "test", "namespace": project},
            "spec": {
                "requestedFreight": [
                    {"origin": {"kind": "Warehouse", "name": "guestbook"}, "sources": {"direct": True}}
                ],
                "promotionTemplate": {"spec": {"steps": steps(url, last)}},
            },
        }
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "code-host",
                "namespace": project,
                "labels": {"kargo.akuity.io/cred-type": "git"},
            },
            "stringData": {"repoURL": url, "username": USER, "password": PASSWORD},
        }
        file = tmp_path / "gated.yaml"
        with file.open("w") as stream:
            YAML(typ="safe").dump_all([stage, secret], stream)
        await opened.apply(str(file))
        yield opened


async def repository(guestbook: Guestbook) -> str:
    """Make the repository that the code host has, and return its URL."""
    await guestbook.sandbox.create_repository(NAME, {"README.md": "hello"})
    return f"{guestbook.sandbox.url}/{NAME}.git"


async def pulls(guestbook: Guestbook) -> list[Pull]:
    """All pull requests there are."""
    return await guestbook.sandbox.world.pulls.select(NAME)


async def known(guestbook: Guestbook, record: PromotionRecord) -> dict[str, StepRun]:
    """The promotion's steps by alias."""
    return {each.alias: each for each in await guestbook.here.ledger.promotions.steps(record.project, record.name)}


async def test_a_webhook_wakes_it(machine: Machine, tmp_path: Path):
    """The run leaves its worker; somebody merges; what tells of it lets exactly this promotion go on."""
    async with gated(tmp_path, "wait-for-pr") as guestbook:
        record = await guestbook.promotion(await guestbook.push("1.0.0"), "test")
        await in_state(guestbook, record, "Waiting", seconds=40)
        assert not (machine.home / "work" / record.name).exists()
        (pull,) = await pulls(guestbook)
        assert (pull.head, pull.base, pull.title) == (f"kargo/promotion/{record.name}", "main", "Promote to test")
        assert f"Drayage-Promotion: {record.name}" in pull.description

        merged = await guestbook.sandbox.world.pulls.merge(NAME, pull.number)
        spelled = f"ssh://git@{guestbook.sandbox.host.partition(':')[0]}:22/{NAME.upper()}"
        assert await wake_pull_request(guestbook.here, spelled, pull.number + 1) == []
        assert await wake_pull_request(guestbook.here, spelled, pull.number) == [record.name]

        ended = await guestbook.ended(record)
        assert (ended.phase, ended.message) == (Phase.SUCCEEDED, "")
        assert (await known(guestbook, record))["told"].output == {"commit": merged.merge_commit}
        assert len(await pulls(guestbook)) == 1


async def test_closed_without_being_merged(machine: Machine, tmp_path: Path):
    """The sweep wakes it, and it has failed."""
    async with gated(tmp_path, "wait-for-pr") as guestbook:
        record = await guestbook.promotion(await guestbook.push("1.0.0"), "test")
        await in_state(guestbook, record, "Waiting", seconds=40)
        async with sweeping():
            await asyncio.sleep(3)
            assert await guestbook.run_state(record) == "Waiting"
            await guestbook.sandbox.world.pulls.change(NAME, 1, state="closed")
            ended = await guestbook.ended(record)
        assert ended.phase is Phase.FAILED
        assert ended.message.endswith("was closed without being merged")


@asynccontextmanager
async def sweeping() -> AsyncIterator[None]:
    """Sweep every second meanwhile."""

    async def for_ever() -> None:
        while True:
            await sweep()
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(for_ever())
        yield
        task.cancel()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("last", "points"),
    [
        pytest.param(
            "wait-for-pr",
            ["before:open-pr", "after:open-pr", "before:wait-for-pr", "after:wait-for-pr"],
            id="wait",
        ),
        pytest.param("merge-pr", ["before:merge-pr", "after:merge-pr"], id="merge"),
    ],
)
@pytest.mark.long
async def test_killed_in_between(machine: Machine, tmp_path: Path, monkeypatch, last: str, points: list[str]):
    """Before, after and between opening and merging, on machines that are lost: one pull request, merged once."""
    pool = f"pr-{uuid4().hex[:8]}"
    monkeypatch.setenv("DRAYAGE_WORK_POOL", pool)
    async with (
        gated(tmp_path, last) as guestbook,
        Nursery(tmp_path / "workers.log", {"DRAYAGE_LEASE_SECONDS": LEASE}) as nursery,
        sweeping(),
    ):
        queue = stage_deployment(guestbook.project, "test")

        async def worker(point: str) -> int:
            return await nursery.bear(Order(pool, queue, point, str(tmp_path / point.replace(":", "-"))))

        freight = await guestbook.push("1.0.0")
        pid = await worker(points[0])
        record = await guestbook.promotion(freight, "test")
        for point, following in pairwise([*points, ""]):
            await until(lambda pid=pid: _dead(pid), f"the death at {point}", 60)
            assert len(await pulls(guestbook)) == (0 if point == "before:open-pr" else 1)
            shutil.rmtree(guestbook.here.settings.root / "work" / record.name, ignore_errors=True)
            pid = await worker(following)
        if last == "wait-for-pr":
            await in_state(guestbook, record, "Waiting", seconds=30)
            await guestbook.sandbox.world.pulls.merge(NAME, 1)
        ended = await guestbook.ended(record, 60)
        assert (ended.phase, ended.message) == (Phase.SUCCEEDED, "")
        (pull,) = await pulls(guestbook)
        assert pull.state == "merged"
        done = await known(guestbook, record)
        assert done["told"].output == {"commit": pull.merge_commit}
        assert done["open-pr"].output["pr"]["id"] == pull.number
        main = await guestbook.sandbox.world.pulls.merges.tip(NAME, "main")
        assert main == pull.merge_commit


async def _dead(pid: int) -> bool:
    return not alive(pid)
