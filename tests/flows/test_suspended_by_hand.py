"""A running promotion that a person suspends in the Prefect UI: it stands still until a person lets it go on."""

import asyncio
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.states import Scheduled, Suspended

from blocks.ledger.records import Phase, PromotionRecord, StepStatus
from deployments.requests import ask_promotion
from deployments.worker import CANCEL_SECONDS
from flows.promotion.admission import Wish
from flows.sweep import sweep
from tests.servers.guestbook import Guestbook
from tests.servers.plain import gated, in_state, open_gate, opened_plain, stage

LEASES = 10.0
"""Seconds in which the lease of the tests' machine lapses twice."""

NOTE = [{"uses": "compose-output", "as": "note", "config": {"seen": "yes"}}]


async def test_a_person_suspends_a_running_promotion(machine, tmp_path):
    """The step at work ends, the next one does not begin, however often the sweep looks; resumed, the rest is done."""
    async with opened_plain(tmp_path, stage("test", steps=[*gated(), *NOTE])) as pipeline:
        promotions, freight = pipeline.here.ledger.promotions, await pipeline.push("1.0.0")
        record = await ask_promotion(pipeline.here, Wish(pipeline.project, "test", "user:ann", freight.alias))
        await in_state(pipeline, record, "Running", seconds=60)
        async with get_client() as client:
            run = UUID((await promotions.get(record.project, record.name)).flow_run_id)
            await client.set_flow_run_state(run, Suspended(timeout_seconds=600))
            await asyncio.sleep(3 * CANCEL_SECONDS)
            open_gate(pipeline)
            for _ in range(2):
                await asyncio.sleep(LEASES / 2)
                await sweep()
            assert (await client.read_flow_run(run)).state_name == "Suspended"
            assert await attempted(pipeline, record) == ["gate"]
            await client.set_flow_run_state(run, Scheduled())
        assert (await pipeline.ended(record, 60)).phase is Phase.SUCCEEDED
        assert await attempted(pipeline, record) == ["gate", "note"]


async def attempted(pipeline: Guestbook, record: PromotionRecord) -> list[str]:
    """The steps that have begun; all of them succeeded."""
    steps = await pipeline.here.ledger.promotions.steps(record.project, record.name)
    assert {each.status for each in steps} == {StepStatus.SUCCEEDED}
    return [each.alias for each in steps]
