"""Cancelling in Prefect's UI, and aborting by name: the run and its children stop, and the Stage stays usable."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Cancelling

from blocks.errors import Refused
from blocks.ledger.records import Phase, PromotionRecord, StepStatus, VerificationPhase
from deployments.machine import Machine
from deployments.requests import abort_promotion, abort_verification, ask_promotion
from deployments.sandbox.faults import Fault
from flows.promotion.admission import Wish
from flows.start import stage_deployment
from flows.sweep import sweep
from tests.servers.guestbook import Guestbook, only_test, opened_guestbook, until
from tests.servers.waiting import at_step, git_processes, hold_up, in_state, nothing_runs


@pytest.fixture
async def single(machine: Machine, tmp_path: Path) -> AsyncIterator[Guestbook]:
    """The example with the Stage `test` alone."""
    async with opened_guestbook(tmp_path, f"cancel-{uuid4().hex[:8]}", only_test) as opened:
        yield opened


@pytest.fixture
async def asking(machine: Machine, tmp_path: Path) -> AsyncIterator[Guestbook]:
    """The example with the Stage `test` alone, which asks for approval."""
    edited = partial(only_test, approval=True)
    async with opened_guestbook(tmp_path, f"cancel-{uuid4().hex[:8]}", edited) as opened:
        yield opened


async def cancel(record: PromotionRecord) -> None:
    """Press the button in Prefect's UI."""
    async with get_client() as client:
        await client.set_flow_run_state(UUID(record.flow_run_id), Cancelling())


async def next_goes_through(guestbook: Guestbook, tag: str) -> None:
    """Promote the next image, which shows that the Stage is free."""
    hold_up(guestbook, False)
    await guestbook.verified(await guestbook.push(tag), "test")


async def phase(guestbook: Guestbook, record: PromotionRecord) -> Phase:
    """The promotion's phase now."""
    now = await guestbook.here.ledger.promotions.get(record.project, record.name)
    assert now is not None
    return now.phase


async def test_a_running_step(single: Guestbook):
    """Cancelled while it waits for Argo CD, the run is Cancelled, the promotion and its step are Aborted."""
    hold_up(single)
    record = await single.promotion(await single.push("1.0.0"), "test")
    await at_step(single, record, "wait")
    await cancel(record)
    await in_state(single, record, "Cancelled")

    assert await phase(single, record) is Phase.ABORTED
    steps = await single.here.ledger.promotions.steps(record.project, record.name)
    assert steps[-1].status is StepStatus.ABORTED
    await nothing_runs(single)
    assert not (single.here.settings.root / "work" / record.name).exists()
    await next_goes_through(single, "1.0.1")


@pytest.mark.long
async def test_git_at_work(single: Guestbook):
    """Cancelled while Git waits for its server, Git is killed with the run."""
    single.sandbox.faults.add(Fault(match="/git", kind="delay", seconds=60))
    record = await single.promotion(await single.push("1.0.0"), "test")

    async def working() -> bool:
        return bool(git_processes(single))

    await until(working, "Git at work", 20)
    await cancel(record)
    await in_state(single, record, "Cancelled")

    assert git_processes(single) == []
    assert await phase(single, record) is Phase.ABORTED
    await nothing_runs(single)
    single.sandbox.faults.clear()
    await next_goes_through(single, "1.0.1")


async def test_a_verification(single: Guestbook):
    """Cancelled while it verifies, the verification is Aborted with its run; aborting by name ends it too."""
    verifications = single.here.ledger.verifications
    single.sandbox.faults.add(Fault(match="/prometheus", kind="delay", seconds=20))

    async def verifying() -> bool:
        latest = await verifications.latest(single.project, "test")
        return latest is not None and latest.phase is VerificationPhase.RUNNING

    record = await single.promotion(await single.push("1.0.0"), "test")
    await until(verifying, "the verification", 30)
    await cancel(record)
    await in_state(single, record, "Cancelled")
    latest = await verifications.latest(single.project, "test")
    assert latest and latest.phase is VerificationPhase.ABORTED
    assert await phase(single, record) is Phase.SUCCEEDED
    await nothing_runs(single)

    second = await single.promotion(await single.push("1.0.1"), "test")
    await until(verifying, "the second verification", 30)
    aborted = await abort_verification(single.here, single.project, "test", "user:ann")
    await in_state(single, second, "Promoted")
    latest = await verifications.get(single.project, aborted)
    assert latest and (latest.phase, latest.message) == (VerificationPhase.ABORTED, "aborted by user:ann")
    with pytest.raises(Refused, match="no verification"):
        await abort_verification(single.here, single.project, "test", "user:ann")
    await nothing_runs(single)
    await sweep()
    assert len(await verifications.list(single.project, "test")) == 2

    single.sandbox.faults.clear()
    await next_goes_through(single, "1.0.2")


async def test_aborting_by_name(single: Guestbook):
    """An aborted promotion's run stops as a cancelled one does, and says so in the ledger with the reason."""
    hold_up(single)
    record = await single.promotion(await single.push("1.0.0"), "test")
    await at_step(single, record, "wait")
    aborted = await abort_promotion(single.here, single.project, record.name, "user:ann", "wrong image")
    await in_state(single, record, "Cancelled", "Aborted")

    assert (aborted.phase, aborted.message) == (Phase.ABORTED, "aborted by user:ann: wrong image")
    again = await abort_promotion(single.here, single.project, record.name, "user:ben", "me too")
    assert again.message == aborted.message
    await nothing_runs(single)
    await next_goes_through(single, "1.0.1")


async def test_a_suspended_one(asking: Guestbook):
    """One that waits for people is over at once in Prefect, and after the next sweep in the ledger."""
    first = await asking.promotion(await asking.push("1.0.0"), "test")
    await in_state(asking, first, "Suspended", seconds=20)
    await cancel(first)
    await in_state(asking, first, "Cancelled")
    await swept(asking, first)

    second = await asking.promotion(await asking.push("1.0.1"), "test")
    await in_state(asking, second, "Suspended", seconds=20)
    aborted = await abort_promotion(asking.here, asking.project, second.name, "user:ann")
    assert aborted.phase is Phase.ABORTED
    await in_state(asking, second, "Cancelled")
    await nothing_runs(asking)


async def test_a_queued_one(single: Guestbook):
    """One that has not begun is over at once in Prefect, and after the next sweep in the ledger."""
    queue = stage_deployment(single.project, "test")
    await pause(queue, True)
    freight = await single.push("1.0.0")
    first, second = await ask(single, freight.name), await ask(single, freight.name)
    await cancel(first)
    await in_state(single, first, "Cancelled")
    await swept(single, first)
    assert (await abort_promotion(single.here, single.project, second.name, "user:ann")).phase is Phase.ABORTED
    await in_state(single, second, "Cancelled")

    await pause(queue, False)
    await next_goes_through(single, "1.0.1")


async def ask(guestbook: Guestbook, freight: str) -> PromotionRecord:
    """Ask for a promotion as the command line does."""
    return await ask_promotion(guestbook.here, Wish(guestbook.project, "test", "user:ann", freight))


async def swept(guestbook: Guestbook, record: PromotionRecord) -> None:
    """Sweep until the promotion is aborted."""

    async def there() -> bool:
        await sweep()
        return await phase(guestbook, record) is Phase.ABORTED

    began = datetime.now(UTC)
    await until(there, f"the abort of {record.name}", 15)
    ended = await guestbook.here.ledger.promotions.get(record.project, record.name)
    assert ended and ended.finished_at and ended.finished_at >= began
    assert "cancelled in Prefect" in ended.message


async def pause(queue: str, paused: bool) -> None:
    """Press the Stage's stop button in Prefect's UI."""
    async with get_client() as client:
        found = await client.read_work_queue_by_name(queue, work_pool_name="drayage")
        await client.update_work_queue(found.id, is_paused=paused)
