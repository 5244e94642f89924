"""Serving one target of a request: its steps like those of any Promotion, and word to the request when they are done.

The request passed the gates and has the Stage; here only the target is taken.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from blocks.errors import NotFound
from blocks.ledger.promotion_claims import Busy, Over, Started
from blocks.ledger.records import Phase, PromotionRecord
from flows.carry_out import carry_out
from flows.current_run import CurrentRun, come_back
from flows.promotion.turn import AGAIN_SECONDS
from flows.wake import wake
from flows.world import World


async def serve_target(here: World, record: PromotionRecord, run: CurrentRun) -> PromotionRecord:
    """Bring Freight to one target, from wherever an earlier execution of this run got to. Returns how it ended."""
    if not record.phase.terminal:
        record = await _take(here, record, run)
    if record.phase is Phase.RUNNING:
        record = await carry_out(here, record, run)
    await _tell_request(here, record)
    return record


async def _take(here: World, record: PromotionRecord, run: CurrentRun) -> PromotionRecord:
    """Take the target for this run, or leave the worker and come back. Returns it terminal when its request ended."""
    while True:
        request, now = await _request(here, record), datetime.now(UTC)
        lease = now + timedelta(seconds=here.settings.lease_seconds)
        answer = await here.ledger.promotions.start(
            record.project, record.name, run.owner, lease, request.collection, now
        )
        match answer:
            case Started():
                return answer.record
            case Over():
                return await here.ledger.promotions.get(record.project, record.name) or record
            case Busy():
                await come_back(run, AGAIN_SECONDS, "AwaitingTarget", f"Promotion {answer.by} is running")


async def _request(here: World, record: PromotionRecord) -> PromotionRecord:
    found = await here.ledger.promotions.get(record.project, record.request)
    if found is None:
        raise NotFound(f"the request {record.request!r} of Promotion {record.name!r} is gone; promote again")
    return found


async def _tell_request(here: World, record: PromotionRecord) -> None:
    """Wake the request if it has left its worker. The sweep makes sure."""
    request = await _request(here, record)
    if request.waiting_for and request.flow_run_id:
        with suppress(httpx.HTTPError, ObjectNotFound):
            async with get_client() as client:
                await wake(client, request)
