"""What the steps of one Promotion need to run, and how each is shown in Prefect."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed

from blocks.ledger.records import PromotionRecord, StepRun, StepStatus
from flows.current_run import CurrentRun
from flows.people import Asked
from flows.promotion.engine import Away, Finish
from flows.promotion.workplace import Workplace
from flows.readying import Ready, make_ready
from flows.stop import stop_reason
from flows.world import World

Json = dict[str, Any]

INTERRUPTED = {
    "cancel": "The promotion was cancelled.",
    "shutdown": "The worker shut down; the next one goes on with this step.",
    None: "The promotion was aborted, or another run took it over.",
}
"""Why a step was interrupted, by the reason why its run had to leave; None when only its lease was lost."""


async def prepared(here: World, record: PromotionRecord, run: CurrentRun, workplace: Workplace) -> Ready:
    """Gather what the steps need in a run of Prefect, whose forms people answer."""

    def people(step: StepRun) -> Asked:
        return Asked(here.ledger, record, run.id, step, here.settings.identity_key_file)

    return await make_ready(here, record, workplace, people, _now, get_run_logger().warning)


async def shown_as_task(step: Json, step_run: StepRun, finish: Finish) -> StepRun:
    """Show one step as a Prefect task run named by its alias. No tags: each would cost a call for its limit."""
    ended: list[StepRun | Away] = []

    async def work() -> StepRun | Away:
        try:
            ended.append(await finish())
        except Away as away:
            ended.append(away)
        return ended[0]

    state: State[Any] = await _step.with_options(task_run_name=step_run.alias)(  # type: ignore[misc]
        work, return_state=True
    )
    if not ended:
        if state.is_cancelled():
            raise asyncio.CancelledError
        await state.aresult()  # raises what ended the task: a lost lease, an outage of the ledger
    if isinstance(ended[0], Away):
        raise ended[0]
    return ended[0]


@task(name="step", cache_policy=NO_CACHE, persist_result=False)
async def _step(work: Callable[[], Awaitable[StepRun | Away]]) -> State[Any]:
    try:
        step = await work()
    except asyncio.CancelledError:
        return Cancelled(message=INTERRUPTED[stop_reason()])
    if isinstance(step, Away):
        return Completed(name="Waiting", message=step.message)
    if step.message:
        get_run_logger().info("%s %s: %s", step.alias, step.status, step.message)
    if step.status in (StepStatus.SUCCEEDED, StepStatus.SKIPPED):
        return Completed(name="Skipped" if step.status is StepStatus.SKIPPED else "Completed", message=step.message)
    return Failed(name=step.status.value, message=step.message)


def _now() -> datetime:
    return datetime.now(UTC)
