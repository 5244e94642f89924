"""SIGTERM to a worker: it hands its runs over and ends, and the next worker goes on with them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from blocks.ledger.records import Phase, PromotionRecord, VerificationPhase
from deployments.machine import Machine
from deployments.processes import Process
from deployments.sandbox.faults import Fault
from tests.servers.guestbook import Guestbook, only_test, opened_guestbook, until
from tests.servers.prefect_runs import runs_of
from tests.servers.waiting import ONE_COMMIT, at_step, commits_of, git_processes, hold_up, nothing_runs

EXIT_SECONDS = 15


@pytest.fixture
async def guestbook(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Guestbook]:
    """The example with the Stage `test` alone, in a work pool without a worker."""
    monkeypatch.setenv("DRAYAGE_WORK_POOL", f"shutdown-{uuid4().hex[:8]}")
    async with opened_guestbook(tmp_path, f"shutdown-{uuid4().hex[:8]}", only_test) as opened:
        yield opened


@pytest.fixture
async def worker(guestbook: Guestbook, tmp_path: Path) -> AsyncIterator[Callable[[], Process]]:
    """Starts a worker of that pool; all are ended after the test."""
    started: list[Process] = []

    def start() -> Process:
        process = Process("worker", ["-m", "deployments.work", "victim"], tmp_path / f"worker-{len(started)}.log")
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()


async def waiting(guestbook: Guestbook, record: PromotionRecord) -> None:
    """In the middle of argocd-wait."""
    await at_step(guestbook, record, "wait")
    await asyncio.sleep(1)


async def verifying(guestbook: Guestbook, record: PromotionRecord) -> None:
    """In the middle of a measurement."""

    async def there() -> bool:
        latest = await guestbook.here.ledger.verifications.latest(record.project, "test")
        return latest is not None and latest.phase is VerificationPhase.RUNNING

    await until(there, "the verification", 30)
    await asyncio.sleep(0.5)


async def in_git(guestbook: Guestbook, record: PromotionRecord) -> None:
    """In the middle of Git's talk with its server."""

    async def there() -> bool:
        return bool(git_processes(guestbook))

    await until(there, "Git at work", 30)


def slow_down(guestbook: Guestbook, what: str) -> None:
    """Make one part of the world so slow that a worker is met in the middle of it."""
    if what == "image":
        hold_up(guestbook)
    else:
        guestbook.sandbox.faults.add(Fault(match=what, kind="delay", seconds=60))


def let_go(guestbook: Guestbook) -> None:
    """Make the world quick again."""
    hold_up(guestbook, held=False)
    guestbook.sandbox.faults.clear()


@pytest.mark.parametrize(
    ("what", "middle"),
    [
        pytest.param("image", waiting, id="argocd-wait"),
        pytest.param("/prometheus", verifying, id="verification", marks=pytest.mark.long),
        pytest.param("/git", in_git, id="git", marks=pytest.mark.long),
    ],
)
async def test_a_worker_is_asked_to_end(
    guestbook: Guestbook,
    worker: Callable[[], Process],
    what: str,
    middle: Callable[[Guestbook, PromotionRecord], Awaitable[None]],
):
    """It exits with 0, nothing is left Running, and the next worker ends the promotion with one commit."""
    first = worker()
    slow_down(guestbook, what)
    freight = await guestbook.push("1.0.0")
    record = await guestbook.promotion(freight, "test")
    await middle(guestbook, record)

    os.kill(first.started.pid, signal.SIGTERM)
    assert await asyncio.to_thread(first.started.wait, EXIT_SECONDS) == 0
    assert git_processes(guestbook) == []
    assert await guestbook.run_state(record) == "AwaitingRetry"
    await nothing_at_work(guestbook)

    let_go(guestbook)
    worker()
    await guestbook.verified(freight, "test")
    assert (await guestbook.ended(record)).phase is Phase.SUCCEEDED
    assert await commits_of(guestbook, record) == ONE_COMMIT
    verifications = await guestbook.here.ledger.verifications.list(guestbook.project, "test")
    assert [each.phase for each in verifications] == [VerificationPhase.SUCCESSFUL]
    await nothing_runs(guestbook)
    assert await guestbook.run_state(record) == "Promoted"


async def nothing_at_work(guestbook: Guestbook) -> None:
    """Wait until Prefect calls no flow run of the Stage Running.

    Of task runs it hears by events, of which a process that ends may not get the last through: the next execution ends
    those.
    """

    async def there() -> bool:
        runs = [run for run in await runs_of(guestbook.project) if run.kind == "flow run"]
        return all(run.final or run.state == "AwaitingRetry" for run in runs)

    await until(there, "the end of everything at work", 40)
