"""Retrying a failed promotion, by name and by Prefect's own button: it goes on at the step that failed."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.states import AwaitingRetry

from blocks.errors import Refused
from blocks.ledger.records import Phase, PromotionRecord
from deployments.machine import Machine
from deployments.requests import retry_promotion
from deployments.sandbox.faults import Fault
from tests.servers.guestbook import Guestbook, only_test, opened_guestbook, until


@pytest.fixture
async def single(machine: Machine, tmp_path: Path) -> AsyncIterator[Guestbook]:
    """The example with the Stage `test` alone."""
    async with opened_guestbook(tmp_path, f"retry-{uuid4().hex[:8]}", only_test) as opened:
        yield opened


async def refused_by_git(guestbook: Guestbook, tag: str) -> PromotionRecord:
    """A promotion that failed because the Git server took no push; by now it would."""
    await guestbook.verified(await guestbook.push("1.0.0"), "test")  # which makes the branch
    guestbook.sandbox.faults.add(Fault(match="^/git/.*git-receive-pack", kind="status", status=403))
    record = await guestbook.ended(await guestbook.promotion(await guestbook.push(tag), "test"))
    assert record.phase is not Phase.SUCCEEDED
    guestbook.sandbox.faults.clear()
    return record


async def finished(guestbook: Guestbook, record: PromotionRecord) -> dict[str, object]:
    """When each step ended."""
    steps = await guestbook.here.ledger.promotions.steps(record.project, record.name)
    return {each.alias: each.finished_at for each in steps if each.status == "Succeeded"}


async def went_on(guestbook: Guestbook, record: PromotionRecord, before: dict[str, object]) -> None:
    """The promotion succeeded, once, and what was finished was left alone."""
    ended = await guestbook.ended(record)
    assert (ended.phase, ended.retries) == (Phase.SUCCEEDED, 1), ended.message
    after = await finished(guestbook, record)
    assert before
    assert before.items() <= after.items()
    commits = await guestbook.commits("stage/test")
    assert sum(f"Drayage-Promotion: {record.name}" in message for message in commits) == 1


async def test_by_name(single: Guestbook):
    """A new run goes on with the same promotion; its working directory is gone and is made anew."""
    record = await refused_by_git(single, "1.1.0")
    before = await finished(single, record)
    again = await retry_promotion(single.here, record.project, record.name, "ann", "the server is well")
    assert again.flow_run_id != record.flow_run_id
    await went_on(single, again, before)
    with pytest.raises(Refused, match="promote again"):
        await retry_promotion(single.here, record.project, record.name, "ann")


async def test_by_prefects_button(single: Guestbook):
    """Prefect's Retry on the failed run does the same, in the same run."""
    record = await refused_by_git(single, "1.1.0")
    before = await finished(single, record)

    async def failed() -> bool:
        return await single.run_state(record) in ("Failed", "Errored")

    await until(failed, "the failed run", 20)
    async with get_client() as client:
        await client.set_flow_run_state(UUID(record.flow_run_id), AwaitingRetry())

    async def retried() -> bool:
        now = await single.here.ledger.promotions.get(record.project, record.name)
        return now is not None and now.retries == 1

    await until(retried, "the retry", 30)
    await went_on(single, record, before)
    assert await single.run_state(record) in ("Promoted", "Running", "Verifying")
