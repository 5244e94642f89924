"""Who is at work: a promotion's run shows that its process lives, so that the sweep knows which runs hang.

Prefect goes on calling a run Running, Pending or Cancelling when its worker is dead, and such a run takes its
Stage's only place in the work queue. What is left of it is let go on, which ends it in the state that tells the truth.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled

from blocks.errors import DrayageError
from flows.current_run import CurrentRun
from flows.lease import shown
from flows.start import STAGE_TAG, bury_children, resume_elsewhere
from flows.world import World

PAGE = 200
MOST = 1_000
"""Runs at work that one sweep looks at, those first that began first."""

AT_WORK = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


@asynccontextmanager
async def at_work(here: World, run: CurrentRun) -> AsyncIterator[None]:
    """Show that this run has a living process, for as long as the body runs.

    What Prefect still calls Running of an earlier execution is over: its last words may not have come through.
    """
    if run.deployed and run.count > 1:
        async with get_client() as client:
            await bury_children(client, UUID(run.id))
    leases, seconds = here.ledger.leases, here.settings.lease_seconds
    try:
        async with shown(lambda until: leases.take(sign(run.id), run.owner, until, datetime.now(UTC)), seconds):
            yield
    finally:
        with suppress(DrayageError):  # it lapses by itself
            await leases.drop(sign(run.id), run.owner)


def sign(flow_run_id: object) -> str:
    """The name of the claim in the ledger by which a run shows that it lives."""
    return f"run/{flow_run_id}"


async def living(here: World, flow_run_ids: Iterable[object], now: datetime) -> set[str]:
    """Which of the runs show that they have a living process."""
    names = {sign(each): str(each) for each in flow_run_ids}
    return {names[each] for each in await here.ledger.leases.living(list(names), now)}


async def resume_hanging(here: World, client: PrefectClient, now: datetime) -> list[str]:
    """Let runs of `promote` go on that have shown no life for two leases; cancelled ones are over.

    They were killed before their promotion was made, or after it had ended. Returns a sentence for each.
    """
    patience = timedelta(seconds=2 * here.settings.lease_seconds)
    old = [run for run in await _at_work(client) if run.state and now - run.state.timestamp > patience]
    alive = await living(here, [run.id for run in old], now)
    hanging = [run for run in old if str(run.id) not in alive]
    for run in hanging:
        await let_go(client, run)
    return [f"{run.name}: taken up again, because its {run.state_name} run shows no sign of life" for run in hanging]


async def let_go(client: PrefectClient, run: FlowRun) -> None:
    """Let a run that nobody works on go on, or end, when it was cancelled."""
    if run.state and run.state.is_cancelling():
        await bury_children(client, run.id)
        state: Any = Cancelled(message="Cancelled by a person while nobody worked on it.")
        await client.set_flow_run_state(run.id, state, force=True)
    else:
        await resume_elsewhere(client, run.id, "Taken up again: its worker shows no sign of life.")


async def _at_work(client: PrefectClient) -> list[FlowRun]:
    states = FlowRunFilterState(type=FlowRunFilterStateType(any_=AT_WORK))
    wanted = FlowRunFilter(tags=FlowRunFilterTags(all_=[STAGE_TAG]), state=states)
    found: list[FlowRun] = []
    for offset in range(0, MOST, PAGE):
        page = await client.read_flow_runs(
            flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=PAGE, offset=offset
        )
        found += page
        if len(page) < PAGE:
            break
    return found
