"""Carrying a Promotion out: its steps as Prefect task runs, every transition in the ledger first."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed

from blocks.budget import asking_for
from blocks.errors import Conflict
from blocks.ledger.records import Phase, PromotionRecord, StepRun, StepStatus
from flows.current_run import CurrentRun, come_back, leave_quietly
from flows.lease import held
from flows.people import ANSWER, Asked, ask
from flows.promotion.attempt import attempt
from flows.promotion.engine import Away, Outcome, run_steps
from flows.promotion.kinds import clashes, kinds_for
from flows.promotion.restore import restore
from flows.promotion.result import HEALTH_CHECKS
from flows.promotion.workplace import Workplace
from flows.publish import publish_stage, tell
from flows.stop import stop_reason
from flows.surroundings import read_scope, read_surroundings
from flows.world import World

Json = dict[str, Any]
Finish = Callable[[], Awaitable[StepRun]]

UNWOKEN = 600.0
"""Seconds after which a step that waits to be woken asks again by itself."""

AT_ONCE = 1.0
"""Seconds until a run goes on that need not have left."""

INTERRUPTED = {
    "cancel": "The promotion was cancelled.",
    "shutdown": "The worker shut down; the next one goes on with this step.",
    None: "The promotion was aborted, or another run took it over.",
}
"""Why a step was interrupted, by the reason why its run had to leave; None when only its lease was lost."""


async def carry_out(here: World, record: PromotionRecord, run: CurrentRun) -> PromotionRecord:
    """Run the steps to their end and record how it went. The record must be Running and owned by this run.

    A run that is cancelled aborts its Promotion; one whose worker shuts down hands it over; one that lost its lease
    leaves without a trace.
    """
    ledger, seconds = here.ledger.promotions, here.settings.lease_seconds
    workplace = Workplace(here.settings.root / "work", record.name)
    try:
        async with held(lambda until: ledger.renew(record.project, record.name, run.owner, until), seconds):
            outcome = await _run(here, record, run, workplace)
            finished = await ledger.finish(
                record.project, record.name, run.owner, outcome.phase, outcome.message, _now(), _health_checks(outcome)
            )
    except asyncio.CancelledError:
        await asyncio.shield(_interrupted(here, record, run, workplace))
        raise
    except Away as away:
        await (_ask if away.form else _leave)(here, record, run, workplace, away)
        raise AssertionError("unreachable: leaving ends this execution") from None
    except Conflict:
        finished = await _taken_over(here, record, run)
    await workplace.remove()
    await tell(finished, f"promotion.{finished.phase.lower()}")
    return finished


async def _run(here: World, record: PromotionRecord, run: CurrentRun, workplace: Workplace) -> Outcome:
    """Prepare the working directory and run what is left of the steps."""
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

    async def save(step: StepRun) -> None:
        await here.ledger.promotions.save_step(record.project, record.name, run.owner, step)
        if step.finished_at:
            finished.append(step.alias)
            workplace.note(finished)

    async def once(step: Json, step_run: StepRun, config: Json) -> Any:
        people = Asked(here.ledger, record, run.id, step_run)
        return await attempt(step, config, replace(surroundings.context(step_run, _now()), people=people), kinds)

    leave_after = here.settings.leave_after_seconds if run.deployed else None
    with asking_for(f"{record.project}/{record.name}"):
        return await run_steps(
            record.steps,
            known,
            scope=scope,
            attempt=once,
            save=save,
            now=_now,
            around=_as_task,
            kinds=kinds,
            leave_after=leave_after,
        )


async def _as_task(step: Json, step_run: StepRun, finish: Finish) -> StepRun:
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


async def _interrupted(here: World, record: PromotionRecord, run: CurrentRun, workplace: Workplace) -> None:
    """Leave the ledger as the interruption means it: aborted by a person, or free for the next worker."""
    if stop_reason() == "cancel":
        await here.ledger.promotions.abort(
            record.project, record.name, "unknown actor", "its run was cancelled in Prefect", _now()
        )
        await workplace.remove()
        await tell(record, "promotion.aborted")
    else:
        await here.ledger.promotions.release(record.project, record.name, run.owner)


async def _leave(here: World, record: PromotionRecord, run: CurrentRun, workplace: Workplace, away: Away) -> None:
    """Leave the worker while a step waits. Never returns.

    The working directory goes, too: nobody knows which machine goes on. What wakes the run is looked at by the sweep,
    so asking again after a while only makes sure.
    """
    seconds = max(away.seconds, UNWOKEN) if away.wake_when else away.seconds
    until = _now() + timedelta(seconds=seconds)
    waiting_for = {"message": away.message, "until": until.isoformat(), "wake_when": away.wake_when}
    if not await here.ledger.promotions.leave(record.project, record.name, run.owner, until, waiting_for):
        await leave_quietly(run)
    await workplace.remove()
    await publish_stage(here, record.project, record.stage)
    await come_back(run, seconds, "Waiting", away.message)


async def _ask(here: World, record: PromotionRecord, run: CurrentRun, workplace: Workplace, away: Away) -> None:
    """Leave the worker until people have answered a form, or the step's time is over. Never returns.

    The lease is short: whoever is killed before the run is suspended left nothing that would wake it.
    """
    assert away.form is not None
    now = _now()
    until = (now + timedelta(seconds=away.seconds)).isoformat()
    waiting_for = {"message": away.message, "until": until, "wake_when": {"kind": ANSWER, "until": until}}
    lease_until = now + timedelta(seconds=here.settings.lease_seconds)
    if not await here.ledger.promotions.leave(record.project, record.name, run.owner, lease_until, waiting_for):
        await leave_quietly(run)
    await workplace.remove()
    await publish_stage(here, record.project, record.stage)
    await ask(away.run, away.form)
    await come_back(run, AT_ONCE, "Waiting", away.message)


async def _taken_over(here: World, record: PromotionRecord, run: CurrentRun) -> PromotionRecord:
    """Find out what happened to a Promotion that is no longer ours: aborted meanwhile, or run by another."""
    now = await here.ledger.promotions.get(record.project, record.name)
    if now is None or not now.phase.terminal:
        await leave_quietly(run)
    assert now is not None
    return now


def _health_checks(outcome: Outcome) -> list[Json]:
    """What steps registered to be watched after the promotion, if it succeeded."""
    if outcome.phase is not Phase.SUCCEEDED:
        return []
    return [check for each in outcome.runs for check in each.output.get(HEALTH_CHECKS) or []]


def _now() -> datetime:
    return datetime.now(UTC)
