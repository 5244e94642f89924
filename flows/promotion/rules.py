"""What one attempt of a step means, and what the steps so far mean for the Promotion. Pure: no clock, no chance.

The rules are Kargo's (§5): errors count towards a threshold and the count is never reset, a timeout is
measured from the step's first start and looked at between attempts, a failed step does not stop later steps
whose `if` wants them.
"""

import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from blocks.errors import DrayageError, Retryable, Terminal
from blocks.ledger.records import Phase, StepRun, StepStatus
from flows.duration import format_duration, parse_duration
from flows.promotion.result import Failed, Form, Outputs, Skipped, Succeeded, Waiting

Json = dict[str, Any]

LONGEST_BACKOFF = 300.0
"""Seconds between two attempts after an error, at most, unless the step's own `retry.backoff` is longer."""

BACKOFF = 2.0
"""Seconds after the first error."""

POLL = 30.0
"""Seconds until a step that failed without an error is asked again."""

SHORTEST_PAUSE = 0.1
"""Seconds between two attempts, at least."""

_DONE = (StepStatus.SUCCEEDED, StepStatus.SKIPPED)
_BAD = (StepStatus.FAILED, StepStatus.ERRORED, StepStatus.ABORTED)
_SEVERITY = (
    StepStatus.SUCCEEDED,
    StepStatus.SKIPPED,
    StepStatus.RUNNING,
    StepStatus.ABORTED,
    StepStatus.FAILED,
    StepStatus.ERRORED,
)


@dataclass(frozen=True)
class Attempted:
    """What came of one attempt: a status, and whether it was an error.

    `again_in` is the step's own wish in seconds, `not_before` what the other side asked for, `rest` how it waits.
    """

    status: StepStatus
    message: str = ""
    error: bool = False
    terminal: bool = False
    outputs: Outputs = field(default_factory=dict)
    again_in: float = POLL
    not_before: float = 0.0
    wake_when: Json = field(default_factory=dict)
    form: Form | None = None
    rest: Callable[[float], Awaitable[object]] | None = None


@dataclass(frozen=True)
class Limits:
    """How long a step may take since its first start (None: forever) and how many errors end it.

    `backoff` is the pause after the first error in seconds.
    """

    timeout: timedelta | None = None
    error_threshold: int = 1
    backoff: float = BACKOFF

    def deadline(self, run: StepRun) -> datetime | None:
        """When the step's time is over."""
        return run.started_at + self.timeout if self.timeout and run.started_at else None


def limits(step: Json, default_timeout: float | None) -> Limits:
    """Read a frozen step's limits; `default_timeout` in seconds is its kind's. Raises Invalid."""
    retry = step.get("retry") or {}
    given = retry.get("timeout")
    timeout = parse_duration(given) if given is not None else timedelta(seconds=default_timeout or 0)
    backoff = parse_duration(retry["backoff"]).total_seconds() if retry.get("backoff") else BACKOFF
    return Limits(timeout if timeout > timedelta() else None, retry.get("errorThreshold") or 1, backoff)


def attempted(answer: object) -> Attempted:
    """Read what a step returned or raised. Anything unexpected ends the step at once (Kargo: a panic)."""
    match answer:
        case Attempted():
            return answer
        case Succeeded():
            return Attempted(StepStatus.SUCCEEDED, answer.message, outputs=answer.outputs)
        case Skipped():
            return Attempted(StepStatus.SKIPPED, answer.message, outputs=answer.outputs)
        case Waiting():
            return Attempted(
                StepStatus.RUNNING,
                answer.message,
                outputs=answer.outputs,
                again_in=answer.again_in,
                wake_when=answer.wake_when,
                form=answer.form,
                rest=answer.rest,
            )
        case Failed():
            final = answer.terminal
            return Attempted(StepStatus.FAILED, answer.message, final, final, answer.outputs)
        case BaseException():
            return _raised(answer)
    return broken(f"the step answered a {type(answer).__name__}, which is no result")


def _raised(error: BaseException) -> Attempted:
    if isinstance(error, DrayageError):
        wished = (error.retry_after or 0.0) if isinstance(error, Retryable) else 0.0
        final = isinstance(error, Terminal)
        return Attempted(StepStatus.ERRORED, str(error), True, final, not_before=wished)
    if isinstance(error, OSError):
        where = f" on {Path(str(error.filename)).name!r}" if error.filename else ""
        return Attempted(
            StepStatus.ERRORED, f"the system answered {error.strerror or type(error).__name__}{where}", True
        )
    # The text of an unexpected exception may hold anything, so only its kind and place are told.
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
    return broken(f"the step broke with an unexpected {type(error).__name__}{place}")


def broken(message: str) -> Attempted:
    """An error that no further attempt can mend."""
    return Attempted(StepStatus.ERRORED, message, error=True, terminal=True)


def started(run: StepRun, now: datetime) -> StepRun:
    """The step as it stands when its next attempt begins."""
    return replace(run, status=StepStatus.RUNNING, attempts=run.attempts + 1, started_at=run.started_at or now)


def passed_over(run: StepRun, status: StepStatus, message: str, now: datetime) -> StepRun:
    """The step as it stands when it ends without an attempt."""
    return replace(run, status=status, message=message, finished_at=now)


def settled(run: StepRun, attempt: Attempted, limits: Limits, now: datetime) -> StepRun:
    """The step as it stands after an attempt; it is finished when `finished_at` is set."""
    error = attempt.error or attempt.status is StepStatus.ERRORED
    status = StepStatus.ERRORED if error and attempt.status is not StepStatus.FAILED else attempt.status
    count = run.error_count + (error and not attempt.terminal)
    run = replace(run, status=status, message=attempt.message, error_count=count, output=attempt.outputs or run.output)
    if status in _DONE or (error and attempt.terminal):
        return replace(run, finished_at=now)
    if error and count >= limits.error_threshold:
        counted = f" ({count} errors, the limit)" if limits.error_threshold > 1 else ""
        return replace(run, message=run.message + counted, finished_at=now)
    deadline = limits.deadline(run)
    if deadline is not None and now > deadline:
        return timed_out(run, limits, now)
    return run


def timed_out(run: StepRun, limits: Limits, now: datetime) -> StepRun:
    """The step as it stands when its time is over."""
    said = f"; last: {run.message}" if run.message else ""
    after = format_duration(limits.timeout or timedelta())
    message = f"step {run.alias!r} was not done within {after}{said}"
    return replace(run, status=StepStatus.ERRORED, message=message, finished_at=now)


def pause(run: StepRun, attempt: Attempted, limits: Limits, now: datetime, chance: float) -> float:
    """Seconds until the next attempt: the step's wish, or after an error twice as long each time.

    `chance` in [0, 1) spreads the attempts of many promotions. The pause ends no later than the step's time, so
    that the last attempt is made when it is over.
    """
    wished, deadline = attempt.again_in, limits.deadline(run)
    if attempt.error:
        doubled = limits.backoff * 2.0 ** min(max(run.error_count - 1, 0), 10)
        doubled = min(max(LONGEST_BACKOFF, limits.backoff), doubled)
        wished = max(doubled * (0.5 + chance / 2), min(attempt.not_before, LONGEST_BACKOFF) * (1 + chance / 10))
    if deadline is not None:
        wished = min(wished, (deadline - now).total_seconds())
    return max(SHORTEST_PAUSE, wished)


def has_failures(runs: Sequence[StepRun]) -> bool:
    """Whether a step failed that may not (Kargo: `failure()`)."""
    return any(run.status in _BAD and not run.continue_on_error for run in runs)


def verdict(runs: Sequence[StepRun], steps: int) -> tuple[Phase, str]:
    """The Promotion's phase and message: those of its worst step, steps that may fail left out."""
    if len(runs) < steps or any(run.finished_at is None for run in runs):
        return Phase.RUNNING, next((run.message for run in runs if run.finished_at is None), "")
    counted = [run for run in runs if not run.continue_on_error]
    worst = max(counted, key=lambda run: _SEVERITY.index(run.status), default=None)
    if worst is None or worst.status in _DONE:
        return Phase.SUCCEEDED, ""
    return Phase(worst.status.value), worst.message
