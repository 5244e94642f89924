"""Runs the steps of one Promotion, so that it can be stopped anywhere and go on from what was saved.

Every transition is saved before the next thing happens: a step's start before its attempt, its end before the
next step. What is finished is never run again; what was started is attempted again, which every step bears.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from blocks.errors import DrayageError, Invalid
from blocks.ledger.records import Phase, StepRun, StepStatus
from flows.expression.errors import ExpressionError
from flows.promotion import rules
from flows.promotion.environment import Scope, condition, configured
from flows.promotion.result import HEALTH_CHECKS, Form, StepResult
from flows.promotion.rules import Attempted, Limits
from flows.promotion.steps import STEPS
from flows.redaction import redacted

Json = dict[str, Any]

Attempt = Callable[[Json, StepRun, Json], Awaitable[StepResult]]
"""Does one attempt of a frozen step: `await attempt(step, run, config)`, `config` evaluated for this attempt."""

Save = Callable[[StepRun], Awaitable[None]]
"""Puts one step into the ledger; when it returns, the step is there."""

Finish = Callable[[], Awaitable[StepRun]]
Around = Callable[[Json, StepRun, Finish], Awaitable[StepRun]]
"""Surrounds one step from its condition to its end: `await around(step, run, finish)` returns what `finish` did."""


class Away(Exception):
    """A step waits so long that its run should leave its worker; calling again with the saved steps goes on.

    `seconds` is the pause, `wake_when` what may end it before, empty for nothing. `run` is the step, and `form` what it
    asks people.
    """

    def __init__(self, seconds: float, run: StepRun, wake_when: Json, form: Form | None) -> None:
        """Keep for how long, why and for what."""
        self.seconds, self.run, self.wake_when, self.form = seconds, run, wake_when, form
        self.message = f"step {run.alias!r}: {run.message}"
        super().__init__(self.message)


async def plainly(step: Json, run: StepRun, finish: Finish) -> StepRun:
    """Surround a step with nothing."""
    return await finish()


@dataclass(frozen=True)
class Outcome:
    """How a Promotion ended, with the sentence that says why and all its steps."""

    phase: Phase
    message: str
    runs: list[StepRun]

    @property
    def health_checks(self) -> list[Json]:
        """What steps registered to be watched after the promotion, if it succeeded."""
        if self.phase is not Phase.SUCCEEDED:
            return []
        return [check for each in self.runs for check in each.output.get(HEALTH_CHECKS) or []]


async def run_steps(
    steps: Sequence[Json],
    runs: Sequence[StepRun],
    *,
    scope: Scope,
    attempt: Attempt,
    save: Save,
    now: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    around: Around = plainly,
    kinds: Mapping[str, Any] = STEPS,
    chance: Callable[[], float] = random.random,
    last_attempt: float = 30.0,
    leave_after: float | None = None,
) -> Outcome:
    """Run frozen steps to their end, going on after `runs`, what the ledger knows of them.

    An attempt that hangs is cancelled when the step's time is over, but each has at least `last_attempt` seconds.
    Raises Away where a step pauses for `leave_after` seconds or waits to be woken; without it nobody leaves.
    """
    driver = _Driver(scope, attempt, save, now, sleep, kinds, chance, last_attempt, leave_after)
    done: list[StepRun] = []
    known = {run.index: run for run in runs}
    for index, step in enumerate(steps):
        run = known.get(index) or fresh(index, step)
        done.append(run if run.finished_at else await around(step, run, partial(driver.finish, step, run, [*done])))
    return Outcome(*rules.verdict(done, len(steps)), done)


def fresh(index: int, step: Json) -> StepRun:
    """A frozen step that has not begun."""
    return StepRun(index, step["as"], step["uses"], continue_on_error=bool(step.get("continueOnError")))


@dataclass(frozen=True)
class _Driver:
    """Brings one step after the other to its end."""

    scope: Scope
    attempt: Attempt
    save: Save
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    kinds: Mapping[str, Any]
    chance: Callable[[], float]
    last_attempt: float
    leave_after: float | None

    async def finish(self, step: Json, run: StepRun, before: Sequence[StepRun]) -> StepRun:
        """Return the step finished and saved; a step that started once is not asked again whether it may."""
        await self.scope.renew()
        if run.started_at is None and (passed := self._passed_over(step, run, before)):
            return await self._saved(passed)
        try:
            limits = self._limits(step)
        except Invalid as error:
            return await self._saved(rules.passed_over(run, StepStatus.ERRORED, str(error), self.now()))
        while True:
            run, attempted = await self._attempted(step, run, before, limits)
            if run.finished_at:
                return run
            await self._rest(run, attempted, rules.pause(run, attempted, limits, self.now(), self.chance()))
            await self.scope.renew()

    async def _rest(self, run: StepRun, attempted: Attempted, seconds: float) -> None:
        """Pause here, or leave when that is worth it."""
        if self.leave_after is not None and (attempted.form or attempted.wake_when or seconds >= self.leave_after):
            raise Away(seconds, run, attempted.wake_when, attempted.form)
        await (attempted.rest or self.sleep)(seconds)

    def _passed_over(self, step: Json, run: StepRun, before: Sequence[StepRun]) -> StepRun | None:
        """Return the step ended without an attempt, or None when it is to run."""
        now = self.now()
        try:
            why = refusal(self.scope, step, before)
        except (ExpressionError, DrayageError) as error:
            message = f"the condition of step {run.alias!r} could not be evaluated: {error}"
            return rules.passed_over(run, StepStatus.ERRORED, message, now)
        return rules.passed_over(run, StepStatus.SKIPPED, why, now) if why else None

    def _limits(self, step: Json) -> Limits:
        """Read the step's limits. Raises Invalid, also when there is no such kind of step."""
        if step["uses"] not in self.kinds:
            known = ", ".join(sorted(self.kinds)) or "none"
            raise Invalid(f"there is no step kind {step['uses']!r}; known are: {known}")
        return rules.limits(step, getattr(self.kinds[step["uses"]], "TIMEOUT", None))

    async def _attempted(
        self, step: Json, run: StepRun, before: Sequence[StepRun], limits: Limits
    ) -> tuple[StepRun, Attempted]:
        try:
            config = configured(self.scope, step, [*before, run])
        except (ExpressionError, DrayageError) as error:
            attempted = rules.broken(f"the config of step {run.alias!r} could not be evaluated: {error}")
            return await self._saved(rules.settled(run, attempted, limits, self.now())), attempted
        run = await self._saved(rules.started(run, self.now()))
        answer = await self._answer(step, run, config, limits)
        attempted = rules.attempted(answer)
        if attempted.form and self.leave_after is None:
            attempted = rules.broken("only a run of the Stage's deployment can wait for people")
        if isinstance(answer, _Hung):
            return await self._saved(rules.timed_out(run, limits, self.now())), attempted
        return await self._saved(rules.settled(run, attempted, limits, self.now())), attempted

    async def _answer(self, step: Json, run: StepRun, config: Json, limits: Limits) -> object:
        """Return what the attempt returned or raised. What is no Exception (a cancellation) passes through."""
        deadline = limits.deadline(run)
        patience = max(self.last_attempt, (deadline - self.now()).total_seconds()) if deadline else None
        try:
            async with asyncio.timeout(patience) as clock:
                return await self.attempt(step, run, config)
        except Exception as error:
            return _Hung() if clock.expired() else error

    async def _saved(self, run: StepRun) -> StepRun:
        run = replace(run, message=redacted(run.message, self.scope.secrets))
        await self.save(run)
        return run


class _Hung(TimeoutError):
    """The attempt was cancelled because the step's time was over."""


def refusal(scope: Scope, step: Json, before: Sequence[StepRun]) -> str:
    """Return why a step that has not started is skipped, empty when it is to run. Raises ExpressionError, Invalid."""
    if step.get("if"):
        return "" if condition(scope, step, before) else "skipped: its condition is false"
    return "skipped: an earlier step failed" if rules.has_failures(before) else ""
