"""A lease is kept by signs of life, and losing it ends the work."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from blocks.errors import Unreachable
from blocks.ledger.records import Phase
from deployments.machine import Machine
from flows.lease import LeaseLost, held, shown
from flows.start import stage_deployment
from flows.sweep import sweep
from tests.servers.doomed_worker import Nursery, Order, alive, end
from tests.servers.guestbook import only_test, opened_guestbook, until
from tests.servers.waiting import ONE_COMMIT, commits_of, nothing_runs

SECONDS = 0.15


class Renewals:
    """A renewal that answers from a list, the last answer for ever; an exception is raised."""

    def __init__(self, *answers: bool | Exception) -> None:
        self._answers = list(answers)
        self.until: list[datetime] = []

    async def __call__(self, until: datetime) -> bool:
        self.until.append(until)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_signs_of_life():
    """Each third of its time the lease is extended by its whole time."""
    renew = Renewals(True)
    async with held(renew, SECONDS):
        await asyncio.sleep(SECONDS * 2)

    assert 3 <= len(renew.until) <= 6
    assert all(later > earlier for earlier, later in zip(renew.until, renew.until[1:], strict=False))
    assert abs(renew.until[-1] - datetime.now(UTC)) <= timedelta(seconds=SECONDS)


async def test_no_sign_of_life_after_the_end():
    """The end of the body is the end of the renewals."""
    renew = Renewals(True)
    async with held(renew, SECONDS):
        pass
    await asyncio.sleep(SECONDS)

    assert renew.until == []


async def test_work_taken_over():
    """As soon as a renewal is refused the body is cancelled and LeaseLost tells why."""
    with pytest.raises(LeaseLost, match="taken over"):
        async with held(Renewals(True, False), SECONDS):
            await asyncio.sleep(10)

    assert asyncio.current_task().cancelling() == 0
    await asyncio.sleep(0)


async def test_an_outage_is_survived_while_the_lease_lasts():
    """One renewal that fails is made up for by the next."""
    renew = Renewals(True, Unreachable("no ledger"), True)
    async with held(renew, SECONDS):
        await asyncio.sleep(SECONDS * 2)

    assert len(renew.until) >= 3


@pytest.mark.parametrize("failure", [Unreachable("no ledger"), RuntimeError("a bug")], ids=["outage", "bug"])
async def test_an_outage_longer_than_the_lease_ends_the_work(failure: Exception):
    """Whoever cannot renew stops before another may begin, whatever the reason."""
    began = datetime.now(UTC)
    with pytest.raises(LeaseLost):
        async with held(Renewals(failure), SECONDS):
            await asyncio.sleep(10)

    assert datetime.now(UTC) - began < timedelta(seconds=SECONDS * 2)


async def test_a_renewal_that_hangs_ends_the_work():
    """A ledger that never answers does not keep the work going past its lease."""

    async def hang(until: datetime) -> bool:
        await asyncio.sleep(60)
        return True

    began = datetime.now(UTC)
    with pytest.raises(LeaseLost):
        async with held(hang, SECONDS):
            await asyncio.sleep(10)

    assert datetime.now(UTC) - began < timedelta(seconds=SECONDS * 2)


async def test_a_cancellation_from_outside_passes():
    """A stop is no lost lease."""

    async def work() -> None:
        async with held(Renewals(True), SECONDS):
            await asyncio.sleep(10)

    task = asyncio.create_task(work())
    await asyncio.sleep(SECONDS)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_stop_outweighs_a_lost_lease():
    """Asked to stop while the lease is being lost, the work is cancelled, so that the stop is not forgotten."""

    async def work() -> None:
        async with held(Renewals(False), SECONDS):
            try:
                await asyncio.sleep(10)
            finally:
                asyncio.current_task().cancel()

    task = asyncio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_body_that_ends_as_its_lease_is_lost():
    """The cancellation meant for the body does not strike what comes after it."""
    lost = asyncio.Event()

    async def renew(until: datetime) -> bool:
        lost.set()
        return False

    with pytest.raises(LeaseLost):
        async with held(renew, SECONDS):
            await lost.wait()  # wakes in the same turn of the loop in which the cancellation comes
    await asyncio.sleep(0)

    assert asyncio.current_task().cancelling() == 0


async def test_an_error_of_the_body_passes():
    """What the body raises is not covered up."""
    with pytest.raises(ValueError, match="mine"):
        async with held(Renewals(True), SECONDS):
            raise ValueError("mine")


async def test_showing_does_not_stop_anything():
    """A sign of life that cannot be given, or is another's by now, leaves the work alone."""
    for answers in ((False,), (Unreachable("no ledger"),), (RuntimeError("a bug"),)):
        renew = Renewals(*answers)
        async with shown(renew, SECONDS):
            await asyncio.sleep(SECONDS * 1.5)
        assert renew.until


async def test_showing_begins_at_once():
    """The first sign of life is given before the body begins, and then each third of the time."""
    renew = Renewals(True)
    async with shown(renew, SECONDS):
        assert len(renew.until) == 1
        await asyncio.sleep(SECONDS)

    assert 2 <= len(renew.until) <= 5


@pytest.mark.long
async def test_a_frozen_worker_wakes_up_too_late(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A worker that was frozen while another took over changes nothing any more, in the ledger, Git or Prefect."""
    pool, note = f"frozen-{uuid4().hex[:8]}", tmp_path / "struck"
    monkeypatch.setenv("DRAYAGE_WORK_POOL", pool)
    async with (
        Nursery(tmp_path / "workers.log", {"DRAYAGE_LEASE_SECONDS": "2"}) as nursery,
        opened_guestbook(tmp_path, f"frozen-{uuid4().hex[:8]}", only_test) as guestbook,
    ):
        queue = stage_deployment(guestbook.project, "test")
        old = await nursery.bear(Order(pool, queue, "after:commit", str(note), signal.SIGSTOP))
        freight = await guestbook.push("1.0.0")
        record = await guestbook.promotion(freight, "test")

        async def frozen() -> bool:
            return note.exists()

        await until(frozen, "the worker's sleep", 30)
        await nursery.bear(Order(pool, queue, "", ""))

        async def verified() -> bool:
            await sweep()
            return "test" in (await guestbook.standing(freight)).verified_in

        await until(verified, "the end by another worker", 45)
        await nothing_runs(guestbook)
        ledger = guestbook.here.ledger.promotions
        ended, steps = await ledger.get(record.project, record.name), await ledger.steps(record.project, record.name)
        end(old, signal.SIGCONT)
        await asyncio.sleep(4)

        assert alive(old)
        assert await ledger.get(record.project, record.name) == ended
        assert await ledger.steps(record.project, record.name) == steps
        assert ended and ended.phase is Phase.SUCCEEDED
        assert await guestbook.run_state(record) == "Promoted"
        assert await commits_of(guestbook, record) == ONE_COMMIT
        await nothing_runs(guestbook)
