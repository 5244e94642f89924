"""Running the steps of a Promotion in a rehearsal: the engine of the flows, by this world's clock and people."""

import logging
import math
import random
from dataclasses import dataclass, field, replace
from typing import Any

from blocks.ledger.records import PromotionRecord, StepRun
from deployments.rehearsal.answers import Answers, People
from deployments.rehearsal_world import Stand
from flows.promotion.argocd.watching import OFTEN
from flows.promotion.cleaning_up import summary
from flows.promotion.engine import Outcome, run_steps
from flows.promotion.result import StepResult, Waiting
from flows.promotion.workplace import Workplace
from flows.readying import Ready, make_ready, run_clean_up

Json = dict[str, Any]

log = logging.getLogger("drayage")


@dataclass(frozen=True)
class Stepper:
    """Runs steps in the name of `owner`."""

    stand: Stand
    owner: str
    chance: random.Random
    answers: Answers = field(default_factory=Answers)

    async def run(self, record: PromotionRecord) -> Outcome:
        """Run what is left of the steps. Raises Away where one waits for people or to be woken.

        The working directory goes each time, as it does where the next worker may be on another machine.
        """
        here, clock = self.stand.here, self.stand.clock
        workplace = Workplace(here.settings.root / "work", record.name)
        try:
            ready = await self._ready(record, workplace)

            async def save(run: StepRun) -> None:
                await here.ledger.promotions.save_step(record.project, record.name, self.owner, run)

            return await run_steps(
                record.steps,
                ready.known,
                scope=ready.scope,
                attempt=ready.attempt,
                save=ready.noting(save),
                now=clock.now,
                sleep=clock.sleep,
                kinds=ready.kinds,
                chance=self.chance.random,
                leave_after=math.inf,  # only what waits for people or to be woken leaves
            )
        finally:
            await workplace.remove()

    async def clean_up(self, record: PromotionRecord) -> None:
        """Run what an aborted Promotion's steps clean up."""
        here, clock = self.stand.here, self.stand.clock
        workplace = Workplace(here.settings.root / "work", f"{record.name}-clean-up")
        try:
            ready = await self._ready(record, workplace)
            done = await run_clean_up(here, record, ready, clock.now, sleep=clock.sleep)
        finally:
            await workplace.remove()
        await here.ledger.promotions.cleaned_up(record.project, record.name, summary(done), clock.now())

    async def _ready(self, record: PromotionRecord, workplace: Workplace) -> Ready:
        here, now = self.stand.here, self.stand.clock.now

        def people(step: StepRun) -> People:
            return self.answers.of(here.ledger, record, step.index)

        ready = await make_ready(here, record, workplace, people, now, log.warning)

        async def once(step: Json, run: StepRun, config: Json) -> StepResult:
            return _by_clock(await ready.attempt(step, run, config))

        return replace(ready, attempt=once)


def _by_clock(result: StepResult) -> StepResult:
    """Let a step that waits look again by this world's time, and often: what it waits for takes real time."""
    if not isinstance(result, Waiting):
        return result
    return replace(result, again_in=min(result.again_in, OFTEN), rest=None) if result.rest else result
