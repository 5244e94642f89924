"""Runs a verification: takes all measurements when they are due, and stops as soon as the outcome is certain.

What was measured is handed out after every measurement, so that a run that was killed goes on where it was. Between
measurements that are far apart there is nothing to hold a process for: then a verification pauses and is called again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from blocks.errors import DrayageError, Retryable
from flows.expression.conditions import judge
from flows.redaction import redacted
from flows.verification.combine import Planned
from flows.verification.judge import Done, assessed, next_measurement, overall
from flows.verification.measuring import Measured, Underway
from flows.verification.model import Metric
from flows.verification.result import Measurement, MetricPhase, MetricResult, numbers

Json = dict[str, Any]
LOGS = "logs"
MOST_LOGS = 4_000
"""Characters of a measurement's logs, from their end, that are recorded with it."""

AT_ONCE = 8
"""Measurements under way at the same time."""


async def _keep_no_logs(_metric: Metric, _number: int, _logs: str) -> None:
    """The end of them is recorded, and that is enough."""


async def _end_nothing(_metric: Metric, _number: int, _metadata: Mapping[str, str]) -> None:
    """Nothing was begun."""


@dataclass(frozen=True)
class Surroundings:
    """What a verification needs of the world.

    `record` puts the results of all metrics so far where they survive, as JSON in the metrics' order. `secrets`
    are texts that no message or metadata may show; there may be more of them after a measurement. With `leave_after`,
    in seconds, nobody sleeps for longer than that.
    """

    sample: Callable[[Metric, int, Mapping[str, str]], Awaitable[Measured | Underway]]
    record: Callable[[list[Json]], Awaitable[None]]
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    secrets: Collection[str] = field(default=(), repr=False)
    leave_after: float | None = None
    keep_logs: Callable[[Metric, int, str], Awaitable[None]] = _keep_no_logs
    end: Callable[[Metric, int, Mapping[str, str]], Awaitable[None]] = _end_nothing


@dataclass(frozen=True)
class Soaking:
    """Nothing is due before this time; call again then, with what was recorded."""

    until: datetime


def begun(plan: Sequence[Planned], now: datetime) -> list[Json]:
    """Say that measuring begins now, as `record` would write it: from then on metrics' delays run."""
    return [MetricResult(each.metric.name, dry_run=each.dry_run, started_at=now).written() for each in plan]


def began_at(recorded: Sequence[Mapping[str, Any]], otherwise: datetime) -> datetime:
    """Read when measuring began."""
    return next((at for each in recorded if (at := MetricResult.read(each).started_at)), otherwise)


async def run_verification(
    plan: Sequence[Planned], started_at: datetime, around: Surroundings, recorded: Sequence[Mapping[str, Any]] = ()
) -> tuple[MetricPhase, str, list[Json]] | Soaking:
    """Measure until every metric is done or one that counts went wrong; return phase, sentence and results.

    `recorded` is what `record` was last given, when this verification was begun before. A metric with an interval
    and no count never ends by itself: cancel the call to end it.
    """
    run = _Run(plan, started_at, around, recorded)
    tasks = [asyncio.create_task(run.metric(planned)) for planned in plan]
    leaving = asyncio.create_task(run.leaving.wait())
    try:
        while not run.decided and not run.leaving.is_set() and (left := [task for task in tasks if not task.done()]):
            await asyncio.wait([*left, leaving], return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _end([*tasks, leaving])
    if run.soaks:
        return Soaking(run.nearest)
    return await run.ended()


async def _end(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    """Cancel what is not done, and raise what went wrong in what is."""
    done = [task for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


class _Run:
    """The results of one verification while they come in."""

    def __init__(
        self,
        plan: Sequence[Planned],
        started_at: datetime,
        around: Surroundings,
        recorded: Sequence[Mapping[str, Any]],
    ) -> None:
        known = {each["name"]: MetricResult.read(each) for each in recorded}
        self._started_at = started_at
        self._around = around
        self._metrics = {planned.metric.name: planned.metric for planned in plan}
        self._results = {
            name: known.get(name) or MetricResult(name, dry_run=planned.dry_run)
            for planned, name in zip(plan, self._metrics, strict=True)
        }
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._recording = asyncio.Lock()
        self._asleep: dict[str, datetime] = {}
        self.leaving = asyncio.Event()

    @property
    def decided(self) -> bool:
        """Whether a metric that counts went wrong."""
        return any(result.counted_bad for result in self._results.values())

    @property
    def soaks(self) -> bool:
        """Whether everybody who is not done sleeps for long."""
        if self.decided or self._around.leave_after is None:
            return False
        waking = self._around.now() + timedelta(seconds=self._around.leave_after)
        undone = [name for name, result in self._results.items() if not result.completed]
        return bool(undone) and all(name in self._asleep and self._asleep[name] > waking for name in undone)

    @property
    def nearest(self) -> datetime:
        """When the first of those who sleep wakes."""
        return min(until for name, until in self._asleep.items() if not self._results[name].completed)

    async def metric(self, planned: Planned) -> None:
        """Measure one metric until it is done."""
        metric = planned.metric
        while not isinstance(due := next_measurement(metric, self._results[metric.name], self._started_at), Done):
            await self._sleep(metric.name, due.at)
            async with self._at_once:
                measurement = await self._measurement(metric)
            result = self._results[metric.name]
            if measurement.phase == "Running":
                self._results[metric.name] = assessed(metric, replace(result, running=measurement))
            else:
                self._results[metric.name] = assessed(metric, result.plus(measurement, planned.retain))
            await self._record()
        self._leave_if_soaking()

    async def _sleep(self, name: str, until: datetime) -> None:
        self._asleep[name] = until
        self._leave_if_soaking()
        await self._around.sleep(max(0.0, (until - self._around.now()).total_seconds()))
        del self._asleep[name]

    def _leave_if_soaking(self) -> None:
        if self.soaks:
            self.leaving.set()

    async def ended(self) -> tuple[MetricPhase, str, list[Json]]:
        """Judge what was cut short, and all together."""
        for name, result in self._results.items():
            if result.running:
                await self._end(self._metrics[name], result)
            self._results[name] = assessed(self._metrics[name], replace(result, running=None), terminating=True)
        await self._record()
        return *overall(list(self._results.values())), self._written()

    async def _end(self, metric: Metric, result: MetricResult) -> None:
        """End what was begun; when that does not work, it is no reason to hold up the verdict."""
        with suppress(DrayageError):
            await self._around.end(metric, result.number, result.running.metadata if result.running else {})

    async def _measurement(self, metric: Metric) -> Measurement:
        result = self._results[metric.name]
        before = result.running
        started_at = before.started_at if before else self._around.now()
        try:
            outcome = await self._around.sample(metric, result.number, before.metadata if before else {})
        except DrayageError as error:
            if before or isinstance(error, Retryable):  # what was begun, or may have been, is not to go on unseen
                await self._end(metric, result)
            return self._failed(started_at, error)
        metadata = {name: self._redacted(text) for name, text in outcome.metadata.items()}
        if isinstance(outcome, Measured) and outcome.logs:
            logs = self._redacted(outcome.logs)
            await self._around.keep_logs(metric, result.number, logs)
            metadata[LOGS] = logs[-MOST_LOGS:]
        now, message = self._around.now(), self._redacted(outcome.message)
        if isinstance(outcome, Underway):
            until = now + timedelta(seconds=outcome.seconds)
            return Measurement("Running", started_at, now, "", message, metadata, until)
        if outcome.verdict is not None:
            phase: MetricPhase = outcome.verdict
        else:
            phase, said = judged(metric, outcome.value)
            message = message or self._redacted(said)
        seen = outcome.value if outcome.shown is None else outcome.shown
        value = self._redacted(shown(seen))
        return Measurement(phase, started_at, now, value, message, metadata, numbers=numbers(seen))

    def _failed(self, started_at: datetime, error: DrayageError) -> Measurement:
        """What could not be measured is an error, however sure the reason is; who asked for peace gets it."""
        now = self._around.now()
        peace = error.retry_after if isinstance(error, Retryable) else None
        resume_at = now + timedelta(seconds=peace) if peace else None
        return Measurement("Error", started_at, now, message=self._redacted(str(error)), resume_at=resume_at)

    async def _record(self) -> None:
        # One at a time, each with what is known when its turn comes: an older state never overwrites a newer one.
        async with self._recording:
            await self._around.record(self._written())

    def _written(self) -> list[Json]:
        return [result.written() for result in self._results.values()]

    def _redacted(self, text: str) -> str:
        return redacted(text, self._around.secrets)


def judged(metric: Metric, value: Any) -> tuple[MetricPhase, str]:
    """Judge a value by the metric's conditions; a tuple holds floats, an empty one, too."""
    vector = isinstance(value, tuple)
    return judge(list(value) if vector else value, metric.success_condition, metric.failure_condition, vector=vector)


def shown(value: Any) -> str:
    """A measured value as people read it: `0.5`, `[0.5,1]`; cut after 1,000 characters."""
    if isinstance(value, list | tuple):
        text = f"[{','.join(map(shown, value))}]"
    else:
        text = f"{value:.12g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 1000 else f"{text[:1000]}…"
