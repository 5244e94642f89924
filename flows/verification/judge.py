"""Decides what a metric's measurements add up to, when the next is due, and what all metrics together say.

The rules are those of Argo Rollouts' analysis controller.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flows.duration import parse_duration
from flows.verification.model import Metric
from flows.verification.result import MetricPhase, MetricResult

ERROR_RETRY = timedelta(seconds=10)
"""Time to the next try after an error, whatever the interval: who watches for hours does not lose hours."""
WORST_LAST: tuple[MetricPhase, ...] = ("Successful", "Inconclusive", "Error", "Failed")


@dataclass(frozen=True)
class MeasureAt:
    """The next measurement is due at this time."""

    at: datetime


@dataclass(frozen=True)
class Done:
    """Nothing more is measured, and why."""

    phase: MetricPhase
    message: str


def next_measurement(metric: Metric, result: MetricResult, started_at: datetime) -> MeasureAt | Done:
    """Decide what follows for one metric. `started_at` is when the verification started."""
    if result.completed:
        return Done(result.phase, result.message)
    if result.running:
        return MeasureAt(result.running.resume_at or result.running.finished_at)
    if not result.measurements:
        return MeasureAt(started_at + (parse_duration(metric.initial_delay) if metric.initial_delay else timedelta()))
    last = result.measurements[-1]
    interval = parse_duration(metric.interval) if metric.interval and last.phase != "Error" else ERROR_RETRY
    return MeasureAt(max(last.finished_at + interval, last.resume_at or last.finished_at))


def assessed(metric: Metric, result: MetricResult, terminating: bool = False) -> MetricResult:
    """Return the result with its phase as it now is. `terminating`: the verification ends whatever this metric says."""
    if result.completed:
        return result
    phase, message = _phase(metric, result, terminating)
    return replace(result, phase=phase, message=message)


def _phase(metric: Metric, result: MetricResult, terminating: bool) -> tuple[MetricPhase, str]:
    if bad := _bad(metric, result):
        return bad
    needed = int(metric.consecutive_success_limit)
    if 0 < needed <= result.consecutive_success:
        return "Successful", f"{needed} successes in a row (consecutiveSuccessLimit)"
    count = effective_count(metric)
    if count is not None and result.count >= count:
        return _counted(metric, count)
    if terminating:
        return "Successful", "ended early: another metric decided the verification"
    return ("Running", "") if result.measurements else ("Pending", "")


def _bad(metric: Metric, result: MetricResult) -> tuple[MetricPhase, str] | None:
    failures, inconclusive, errors = (
        int(limit) for limit in (metric.failure_limit, metric.inconclusive_limit, metric.consecutive_error_limit)
    )
    if failures >= 0 and result.failed > failures:
        return "Failed", f"failed ({result.failed}) > failureLimit ({failures})"
    if result.inconclusive > inconclusive:
        return "Inconclusive", f"inconclusive ({result.inconclusive}) > inconclusiveLimit ({inconclusive})"
    if result.consecutive_error > errors:
        last = result.measurements[-1].message
        said = f"consecutiveErrors ({result.consecutive_error}) > consecutiveErrorLimit ({errors})"
        return "Error", f"{said}: {last}" if last else said
    return None


def _counted(metric: Metric, count: int) -> tuple[MetricPhase, str]:
    """Judge a metric that was measured often enough with no limit passed."""
    needed = int(metric.consecutive_success_limit)
    if not needed:
        return "Successful", f"count ({count}) reached"
    said = f"count ({count}) reached without {needed} successes in a row (consecutiveSuccessLimit)"
    return ("Inconclusive" if int(metric.failure_limit) >= 0 else "Failed"), said


def effective_count(metric: Metric) -> int | None:
    """How often a metric is measured; None for endlessly."""
    count = int(metric.count)
    if count > 0:
        return count
    return None if metric.interval else 1


def overall(results: Sequence[MetricResult]) -> tuple[MetricPhase, str]:
    """Judge all metrics together: Running until all are done, then as the worst one that counts."""
    if not all(result.completed for result in results):
        return "Running", ""
    counting = [result for result in results if not result.dry_run]
    worst = max(counting, key=lambda result: WORST_LAST.index(result.phase), default=None)
    if worst is None or worst.phase == "Successful":
        return "Successful", ""
    return worst.phase, f"metric {worst.name!r} assessed {worst.phase} due to {worst.message}"
