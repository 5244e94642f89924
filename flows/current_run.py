"""Which Prefect flow run this is: who started it, how it is named, and how it ends without a failure."""

import asyncio
import getpass
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.states import Completed, Scheduled
from prefect.types._datetime import now as prefect_now

from blocks.ledger.records import CONTROLLER

CLOCKS_APART = timedelta(seconds=1)
"""How far the clocks of workers, ledger and Prefect's server may differ."""


@dataclass(frozen=True)
class CurrentRun:
    """The flow run that is executing.

    `owner` is new each time the body starts, so that an old process of the same run is told apart from the one
    that took over. `deployed` runs can be suspended; `automatic` ones nobody asked for. `count` is 1 at first and grows
    each time the run begins again.
    """

    id: str
    owner: str
    deployed: bool
    automatic: bool
    actor: str
    count: int = 1


def current_run() -> CurrentRun:
    """Read the flow run from Prefect's context. Raises RuntimeError outside a flow."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("no flow run is executing here")
    run = context.flow_run
    created_by = run.created_by.type if run.created_by else None
    automatic = created_by in ("AUTOMATION", "SCHEDULE") or "auto" in run.tags
    deployed = run.deployment_id is not None
    owner = f"{run.id}/{uuid4().hex[:12]}"
    return CurrentRun(
        str(run.id), owner, deployed, automatic, CONTROLLER if automatic else _person(deployed), run.run_count
    )


def _person(deployed: bool) -> str:
    """Who started a run by hand: Prefect's open server does not know users, a script runs as one."""
    return "unknown actor" if deployed else operating_user()


def operating_user() -> str:
    """The user of this machine that runs this process, as an actor (unauthenticated)."""
    try:
        return f"user:{getpass.getuser()}"
    except (OSError, KeyError):
        return "unknown actor"


async def describe(run: CurrentRun, name: str, tags: list[str]) -> None:
    """Give the flow run its name and add tags."""
    context = FlowRunContext.get()
    known = set(context.flow_run.tags) if context and context.flow_run else set()
    async with get_client() as client:
        await client.update_flow_run(_uuid(run), name=name, tags=sorted(known | set(tags)))


def ended(name: str, sentence: str, result: Any = None) -> State[Any]:
    """End the run Completed, under a name that says what it did or why nothing; who called it gets `result`."""
    return Completed(name=name, message=sentence, data=result)


async def come_back(run: CurrentRun, seconds: float, name: str, sentence: str) -> None:
    """Leave the worker and run again later: Prefect's engine exits quietly. A script's run only waits."""
    if not run.deployed:
        return await asyncio.sleep(seconds)
    state: State[Any] = Scheduled(
        name=name, message=sentence, scheduled_time=prefect_now("UTC") + timedelta(seconds=seconds)
    )
    async with get_client() as client:
        await client.set_flow_run_state(_uuid(run), state, force=True)
    raise Pause(state=state)


def _uuid(run: CurrentRun) -> UUID:
    return UUID(run.id)


async def leave_quietly(run: CurrentRun) -> None:
    """End this execution without touching the run's state, because another one works on it. Never returns."""
    async with get_client() as client:
        raise Pause(state=(await client.read_flow_run(_uuid(run))).state)


async def retried_in_prefect(run: CurrentRun, since: datetime) -> bool:
    """Whether a person had Prefect retry this run, which it had called Failed at that time or later.

    A run that a crash kept from saying so begins again, too, but was never called Failed.
    """
    if run.count < 2:
        return False
    async with get_client() as client:
        states = await client.read_flow_run_states(UUID(run.id))
    return any(state.is_failed() and state.timestamp >= since - CLOCKS_APART for state in states)
