"""Measurements taken and what they add up to, in the shape of an Argo Rollouts AnalysisRun's status."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import isfinite
from typing import Any, Literal, Self

MetricPhase = Literal["Pending", "Running", "Successful", "Failed", "Inconclusive", "Error"]
COMPLETED = ("Successful", "Failed", "Inconclusive", "Error")


@dataclass(frozen=True)
class Measurement:
    """One value and its verdict. `value` is text, as shown to people; before `resume_at` nothing more is asked.

    One that is Running was begun and has not ended; its `metadata` says what to go on with.
    """

    phase: MetricPhase
    started_at: datetime
    finished_at: datetime
    value: str = ""
    message: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    resume_at: datetime | None = None
    numbers: tuple[float, ...] = ()

    def written(self) -> dict[str, Any]:
        """The measurement as JSON."""
        resume_at = self.resume_at.isoformat() if self.resume_at else ""
        optional = {
            "value": self.value,
            "message": self.message,
            "metadata": dict(self.metadata),
            "resumeAt": resume_at,
        }
        times = {"startedAt": self.started_at.isoformat(), "finishedAt": self.finished_at.isoformat()}
        return {"phase": self.phase, **times} | {name: value for name, value in optional.items() if value}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Self:
        """Read what `written` wrote."""
        return cls(
            written["phase"],
            datetime.fromisoformat(written["startedAt"]),
            datetime.fromisoformat(written["finishedAt"]),
            written.get("value", ""),
            written.get("message", ""),
            written.get("metadata", {}),
            datetime.fromisoformat(written["resumeAt"]) if "resumeAt" in written else None,
        )


MOST_POINTS = 400
"""Points of a metric that are kept; of more, half go, and never those that were bad while good ones are beside."""

MOST_VALUES = 8

_BADNESS: dict[str, int] = {"Inconclusive": 1, "Error": 2, "Failed": 3}


@dataclass(frozen=True)
class Point:
    """One measurement as it is drawn: when, its numbers, and the verdict on it."""

    at: datetime
    values: tuple[float, ...]
    phase: MetricPhase

    def written(self) -> list[Any]:
        """The point as JSON: no-numbers are texts there."""
        return [self.at.isoformat(), [each if isfinite(each) else str(each) for each in self.values], self.phase]

    @classmethod
    def read(cls, written: list[Any]) -> Self:
        """Read what `written` wrote."""
        at, values, phase = written
        return cls(datetime.fromisoformat(at), tuple(map(float, values)), phase)


def numbers(value: Any) -> tuple[float, ...]:
    """The numbers in a value that can be drawn: itself, or those of a list."""
    if isinstance(value, bool) or not isinstance(value, int | float | list | tuple):
        return ()
    if isinstance(value, int | float):
        return (float(value),)
    return tuple(float(each) for each in value if isinstance(each, int | float) and not isinstance(each, bool))[
        :MOST_VALUES
    ]


@dataclass(frozen=True)
class MetricResult:
    """All there is to know of one metric. The counts outlive the measurements, of which only the newest are kept.

    `count` leaves out errors; `consecutive_…` count from the newest measurement back. `running` was begun and has not
    ended. `started_at` is when measuring began, from which the metric's delay runs.
    """

    name: str
    phase: MetricPhase = "Pending"
    message: str = ""
    dry_run: bool = False
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0
    consecutive_error: int = 0
    consecutive_success: int = 0
    measurements: tuple[Measurement, ...] = ()
    running: Measurement | None = None
    points: tuple[Point, ...] = ()
    started_at: datetime | None = None

    @property
    def number(self) -> int:
        """Which measurement is under way or next, from 1 on."""
        return self.count + self.error + 1

    @property
    def count(self) -> int:
        """Measurements that gave a verdict."""
        return self.successful + self.failed + self.inconclusive

    @property
    def completed(self) -> bool:
        """Whether nothing follows."""
        return self.phase in COMPLETED

    @property
    def counted_bad(self) -> bool:
        """Whether this metric alone ends the verification."""
        return self.completed and self.phase != "Successful" and not self.dry_run

    def plus(self, measurement: Measurement, retain: int) -> Self:
        """Return the result with one more measurement, of which the newest `retain` are kept."""
        phase = measurement.phase
        return replace(
            self,
            successful=self.successful + (phase == "Successful"),
            failed=self.failed + (phase == "Failed"),
            inconclusive=self.inconclusive + (phase == "Inconclusive"),
            error=self.error + (phase == "Error"),
            consecutive_error=self.consecutive_error + 1 if phase == "Error" else 0,
            consecutive_success=self.consecutive_success + 1 if phase == "Successful" else 0,
            measurements=(*self.measurements, measurement)[-retain:],
            running=None,
            points=_thinned((*self.points, Point(measurement.finished_at, measurement.numbers, phase))),
        )

    def written(self) -> dict[str, Any]:
        """The result as JSON."""
        counts = {
            "count": self.count,
            "successful": self.successful,
            "failed": self.failed,
            "inconclusive": self.inconclusive,
            "error": self.error,
            "consecutiveError": self.consecutive_error,
            "consecutiveSuccess": self.consecutive_success,
        }
        head: dict[str, Any] = {"name": self.name, "phase": self.phase, "message": self.message, "dryRun": self.dry_run}
        taken = [*self.measurements, self.running] if self.running else self.measurements
        points = [point.written() for point in self.points]
        head |= {"startedAt": self.started_at.isoformat()} if self.started_at else {}
        return head | counts | {"measurements": [measurement.written() for measurement in taken], "points": points}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Self:
        """Read what `written` wrote."""
        taken = [Measurement.read(each) for each in written["measurements"]]
        return cls(
            name=written["name"],
            phase=written["phase"],
            message=written["message"],
            dry_run=written["dryRun"],
            successful=written["successful"],
            failed=written["failed"],
            inconclusive=written["inconclusive"],
            error=written["error"],
            consecutive_error=written["consecutiveError"],
            consecutive_success=written["consecutiveSuccess"],
            measurements=tuple(each for each in taken if each.phase != "Running"),
            points=tuple(Point.read(each) for each in written.get("points", [])),
            running=next((each for each in taken if each.phase == "Running"), None),
            started_at=datetime.fromisoformat(written["startedAt"]) if "startedAt" in written else None,
        )


def _thinned(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """Fewer points over the same time, the newest among them."""
    return points if len(points) <= MOST_POINTS else fewer(points, MOST_POINTS // 2)


def fewer(points: tuple[Point, ...], most: int) -> tuple[Point, ...]:
    """At most so many points: the first, the newest, and of each stretch between them the one that is worst."""
    if len(points) <= most:
        return points
    width = -(-(len(points) - 2) // (most - 2))
    between = [points[start : start + width] for start in range(1, len(points) - 1, width)]
    return (points[0], *(max(each, key=lambda point: _BADNESS.get(point.phase, 0)) for each in between), points[-1])
