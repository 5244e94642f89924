"""Runs a verification: takes all measurements when they are due, and stops as soon as the outcome is certain.

What was measured is handed out after every measurement, so that a run that was killed goes on where it was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from blocks.errors import DrayageError
from blocks.records import Sample
from flows.expression.conditions import judge
from flows.redaction import redacted
from flows.verification.combine import Planned
from flows.verification.judge import Done, assessed, next_measurement, overall
from flows.verification.model import Metric
from flows.verification.result import Measurement, MetricPhase, MetricResult

Json = dict[str, Any]
AT_ONCE = 8
"""Measurements under way at the same time."""


@dataclass(frozen=True)
class Surroundings:
    """What a verification needs of the world.

    `record` puts the results of all metrics so far where they survive, as JSON in the metrics' order. `secrets`
    are texts that no message or metadata may show.
    """

    sample: Callable[[Metric], Awaitable[Sample]]
    record: Callable[[list[Json]], Awaitable[None]]
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    secrets: Sequence[str] = field(default=(), repr=False)


async def run_verification(
    plan: Sequence[Planned], started_at: datetime, around: Surroundings, recorded: Sequence[Mapping[str, Any]] = ()
) -> tuple[MetricPhase, str, list[Json]]:
    """Measure until every metric is done or one that counts went wrong; return phase, sentence and results.

    `recorded` is what `record` was last given, when this verification was begun before. A metric with an interval
    and no count never ends by itself: cancel the call to end it.
    """
    run = _Run(plan, started_at, around, recorded)
    tasks = [asyncio.create_task(run.metric(planned)) for planned in plan]
    try:
        for finished in asyncio.as_completed(tasks):
            await finished
            if run.decided:
                break
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return await run.ended()


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

    @property
    def decided(self) -> bool:
        """Whether a metric that counts went wrong."""
        return any(result.counted_bad for result in self._results.values())

    async def metric(self, planned: Planned) -> None:
        """Measure one metric until it is done."""
        metric = planned.metric
        while not isinstance(due := next_measurement(metric, self._results[metric.name], self._started_at), Done):
            await self._around.sleep(max(0.0, (due.at - self._around.now()).total_seconds()))
            async with self._at_once:
                measurement = await self._measurement(metric)
            result = self._results[metric.name].plus(measurement, planned.retain)
            self._results[metric.name] = assessed(metric, result)
            await self._record()

    async def ended(self) -> tuple[MetricPhase, str, list[Json]]:
        """Judge what was cut short, and all together."""
        for name, result in self._results.items():
            self._results[name] = assessed(self._metrics[name], result, terminating=True)
        await self._record()
        return *overall(list(self._results.values())), self._written()

    async def _measurement(self, metric: Metric) -> Measurement:
        started_at = self._around.now()
        try:
            sample = await self._around.sample(metric)
            phase, message = judge(sample.value, metric.success_condition, metric.failure_condition)
        except DrayageError as error:
            return Measurement("Error", started_at, self._around.now(), message=self._redacted(str(error)))
        metadata = {name: self._redacted(text) for name, text in sample.metadata.items()}
        value, message = self._redacted(shown(sample.value)), self._redacted(message)
        return Measurement(phase, started_at, self._around.now(), value, message, metadata)

    async def _record(self) -> None:
        # One at a time, each with what is known when its turn comes: an older state never overwrites a newer one.
        async with self._recording:
            await self._around.record(self._written())

    def _written(self) -> list[Json]:
        return [result.written() for result in self._results.values()]

    def _redacted(self, text: str) -> str:
        return redacted(text, self._around.secrets)


def shown(value: Any) -> str:
    """A measured value as people read it: `0.5`, `[0.5,1]`; cut after 1,000 characters."""
    if isinstance(value, list | tuple):
        text = f"[{','.join(map(shown, value))}]"
    else:
        text = f"{value:.12g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 1000 else f"{text[:1000]}…"
