"""What the steps of one Promotion need to run, gathered once: for Prefect's runs and for rehearsals alike."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from blocks.ledger.records import PromotionRecord, StepRun
from flows.promotion.attempt import attempt
from flows.promotion.cleaning_up import clean_up_steps, left_out
from flows.promotion.engine import Around, Attempt, Save, plainly, run_steps
from flows.promotion.environment import Scope
from flows.promotion.kinds import clashes, kinds_for
from flows.promotion.restore import restore
from flows.promotion.result import People
from flows.promotion.workplace import Workplace
from flows.surroundings import read_scope, read_surroundings
from flows.world import World

Json = dict[str, Any]
Now = Callable[[], datetime]


@dataclass(frozen=True)
class Ready:
    """All that the steps of one Promotion need to run; `known` is what the ledger has of them."""

    known: list[StepRun]
    scope: Scope
    kinds: Mapping[str, Any]
    attempt: Attempt
    workplace: Workplace = field(repr=False)

    def noting(self, save: Save) -> Save:
        """Save a step, and note in the working directory how far the work in it has come."""
        finished = [each.alias for each in self.known if each.finished_at]

        async def both(step: StepRun) -> None:
            await save(step)
            if step.finished_at:
                finished.append(step.alias)
                self.workplace.note(finished)

        return both


async def make_ready(
    here: World,
    record: PromotionRecord,
    workplace: Workplace,
    people: Callable[[StepRun], People],
    now: Now,
    warn: Callable[[str], None],
) -> Ready:
    """Gather what the steps need, and make or find their working directory as finished steps left it.

    `people` finds what was said to a step, `warn` hears what is wrong with the kinds of steps.
    """
    surroundings = await read_surroundings(here, record, workplace)
    scope = await read_scope(here, record, surroundings)
    kinds = await kinds_for(record.steps)
    for sentence in clashes(record.steps):
        warn(sentence)
    known = await here.ledger.promotions.steps(record.project, record.name)
    finished = [each.alias for each in known if each.finished_at]
    if not workplace.usable(finished):
        await workplace.clear()
        await restore(
            record.steps, known, scope=scope, context=lambda each: surroundings.context(each, now()), kinds=kinds
        )
        workplace.note(finished)

    async def once(step: Json, run: StepRun, config: Json) -> Any:
        return await attempt(step, config, replace(surroundings.context(run, now()), people=people(run)), kinds)

    return Ready(known, scope, kinds, once, workplace)


async def run_clean_up(
    here: World,
    record: PromotionRecord,
    ready: Ready,
    now: Now,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    around: Around = plainly,
) -> list[StepRun]:
    """Run the steps of an aborted Promotion that are marked `onAbort`, as if all else had been done."""
    steps = clean_up_steps(record.steps)
    passed = left_out(steps, ready.known, now())
    outcome = await run_steps(
        steps,
        passed,
        scope=ready.scope,
        attempt=ready.attempt,
        save=lambda step: here.ledger.promotions.save_clean_up(record.project, record.name, step),
        now=now,
        sleep=sleep,
        around=around,
        kinds=ready.kinds,
    )
    over = {each.index for each in passed if each.finished_at}
    return [each for each in outcome.runs if each.index not in over]
