"""Calling off: the runs of what was aborted stop, those of a request's targets with it."""

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Cancelling

from blocks.ledger.records import Phase, PromotionRecord
from flows.world import World

AT_ONCE = 8


async def cancel_run(client: PrefectClient, flow_run_id: str, sentence: str = "The promotion was aborted.") -> None:
    """Stop a run: at once when no worker has it, else by asking its worker. One that has ended stays as it is."""
    try:
        run = await client.read_flow_run(UUID(flow_run_id))
        if run.state is not None and run.state.is_final():
            return
        waiting = run.state is not None and (run.state.is_scheduled() or run.state.is_paused())
        state: Any = (Cancelled if waiting else Cancelling)(message=sentence)
        # Prefect takes a waiting run that was at work before for one that a worker has, and would wait for it.
        await client.set_flow_run_state(run.id, state, force=waiting)
    except ObjectNotFound:
        return


async def call_off(here: World, request: PromotionRecord) -> None:
    """Stop the runs of a request's targets that ended with it.

    One that cannot be reached stops by itself: its Promotion is no longer its own. Does nothing for other Promotions.
    """
    if not request.targets:
        return
    known = await here.ledger.promotions.of_requests(request.project, [request.name])
    runs = [each.flow_run_id for each in known if each.phase is Phase.ABORTED and each.flow_run_id]
    gate = asyncio.Semaphore(AT_ONCE)

    async def stop(client: PrefectClient, flow_run_id: str) -> None:
        async with gate:
            with suppress(httpx.HTTPError):
                await cancel_run(client, flow_run_id)

    async with get_client() as client:
        await asyncio.gather(*(stop(client, each) for each in runs))
