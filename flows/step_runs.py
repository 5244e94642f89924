"""What the steps of one Promotion need to run, and how each is shown in Prefect."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
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
from flows.promotion.attempt import attempt
from flows.promotion.engine import Attempt, Away, Finish
from flows.promotion.environment import Scope
from flows.promotion.kinds import clashes, kinds_for
from flows.promotion.restore import restore
from flows.promotion.workplace import Workplace
from flows.stop import stop_reason
from flows.surroundings import read_scope, read_surroundings
from flows.world import World

Json = dict[str, Any]

INTERRUPTED = {
    "cancel": "The promotion was cancelled.",
    "shutdown": "The worker shut down; the next one goes on with this step.",
    None: "The promotion was aborted, or another run took it over.",
}
"""Why a step was interrupted, by the reason why its run had to leave; None when only its lease was lost."""


@dataclass(frozen=True)
class Ready:
    """All that the steps of one Promotion need to run; `known` is what the ledger has of them."""

    known: list[StepRun]
    scope: Scope
    kinds: Mapping[str, Any]
    attempt: Attempt


async def prepared(here: World, record: PromotionRecord, run: CurrentRun, workplace: Workplace) -> Ready:
    """Gather what the steps need, and make or find their working directory as finished steps left it."""
    surroundings = await read_surroundings(here, record, workplace)
    scope = await read_scope(here, record, surroundings)
    kinds = await kinds_for(record.steps)
    for sentence in clashes(record.steps):
        get_run_logger().warning(sentence)
    known = await here.ledger.promotions.steps(record.project, record.name)
    finished = [each.alias for each in known if each.finished_at]
    if not workplace.usable(finished):
        await workplace.clear()
        await restore(
            record.steps, known, scope=scope, context=lambda each: surroundings.context(each, _now()), kinds=kinds
        )
        workplace.note(finished)

    async def once(step: Json, step_run: StepRun, config: Json) -> Any:
        people = Asked(here.ledger, record, run.id, step_run, here.settings.identity_key_file)
        return await attempt(step, config, replace(surroundings.context(step_run, _now()), people=people), kinds)

    return Ready(known, scope, kinds, once)


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
