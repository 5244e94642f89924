"""Carrying a Promotion out: its steps as Prefect task runs, every transition in the ledger first."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from blocks.budget import asking_for
from blocks.errors import Conflict, DrayageError
from blocks.ledger.records import PromotionRecord, StepRun
from flows.call_off import call_off
from flows.clean_up import begin_clean_up
from flows.current_run import CurrentRun, come_back, leave_quietly
from flows.fan_out import fan_out
from flows.lease import held
from flows.people import ANSWER, ask
from flows.preview import LONGEST_FORM, look_ahead
from flows.promotion.engine import Away, Outcome, run_steps
from flows.promotion.workplace import Workplace
from flows.publish import publish_stage, tell
from flows.step_runs import prepared, shown_as_task
from flows.stop import stop_reason
from flows.world import World

Json = dict[str, Any]
Finish = Callable[[], Awaitable[StepRun]]

UNWOKEN = 600.0
"""Seconds after which a step that waits to be woken asks again by itself."""

AT_ONCE = 1.0
"""Seconds until a run goes on that need not have left."""


async def carry_out(here: World, record: PromotionRecord, run: CurrentRun) -> PromotionRecord:
    """Run the steps to their end, of a request those for its targets, and record how it went.

    The record must be Running and owned by this run. A run that is cancelled aborts its Promotion; one whose worker
    shuts down hands it over; one that lost its lease leaves without a trace.
    """
    ledger, seconds = here.ledger.promotions, here.settings.lease_seconds
    workplace = Workplace(here.settings.root / "work", record.name)
    try:
        async with held(lambda until: ledger.renew(record.project, record.name, run.owner, until), seconds):
            running = _run(here, record, run, workplace) if record.targets is None else fan_out(here, record, run)
            outcome = await _previewed(here, record, running)
            finished = await ledger.finish(
                record.project, record.name, run.owner, outcome.phase, outcome.message, _now(), outcome.health_checks
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
    ready = await prepared(here, record, run, workplace)

    async def save(step: StepRun) -> None:
        await here.ledger.promotions.save_step(record.project, record.name, run.owner, step)

    leave_after = here.settings.leave_after_seconds if run.deployed else None
    with asking_for(f"{record.project}/{record.name}"):
        return await run_steps(
            record.steps,
            ready.known,
            scope=ready.scope,
            attempt=ready.attempt,
            save=ready.noting(save),
            now=_now,
            around=shown_as_task,
            kinds=ready.kinds,
            leave_after=leave_after,
        )


async def _previewed(here: World, record: PromotionRecord, running: Awaitable[Outcome]) -> Outcome:
    """Show below a form that asks for it what the promotion does, while the lease is held still."""
    try:
        return await running
    except Away as away:
        if away.form and away.form.preview:
            away.form = replace(away.form, description=f"{away.form.description}\n{await _seen(here, record)}")
        raise


async def _seen(here: World, record: PromotionRecord) -> str:
    """A preview in Markdown; people decide without one rather than not at all."""
    try:
        return (await look_ahead(here, record, _now())).markdown(LONGEST_FORM)
    except DrayageError as error:
        return f"A preview could not be made: {error}"


async def _interrupted(here: World, record: PromotionRecord, run: CurrentRun, workplace: Workplace) -> None:
    """Leave the ledger as the interruption means it: aborted by a person, or free for the next worker."""
    if stop_reason() == "cancel":
        aborted = await here.ledger.promotions.abort(
            record.project, record.name, "unknown actor", "its run was cancelled in Prefect", _now()
        )
        await workplace.remove()
        await tell(record, "promotion.aborted")
        await begin_clean_up(aborted)
        await call_off(here, aborted)
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


def _now() -> datetime:
    return datetime.now(UTC)
