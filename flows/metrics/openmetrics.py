"""The measures as OpenMetrics text, for Prometheus and what reads like it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from flows.metrics.measures import Measures

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True)
class Family:
    """One metric family: all are gauges, because they look back over a window."""

    name: str
    help: str
    value: Callable[[Measures], float | None]
    unit: str = ""


FAMILIES = (
    Family("drayage_deployments", "Promotions that succeeded in the window.", lambda m: m.deployments),
    Family("drayage_changes", "Promotions that succeeded or failed in the window.", lambda m: m.changes),
    Family("drayage_failed_changes", "Changes in the window that failed.", lambda m: m.failed_changes),
    Family("drayage_deployments_per_day", "Deployment frequency in the window.", lambda m: m.deployments_per_day),
    Family("drayage_change_failure_ratio", "Failed changes per change.", lambda m: m.change_failure_rate, "ratio"),
    Family(
        "drayage_lead_time_seconds",
        "Median time from the creation of Freight to its first deployment.",
        lambda m: m.lead_time.total_seconds() if m.lead_time is not None else None,
        "seconds",
    ),
    Family(
        "drayage_time_to_restore_seconds",
        "Median time from a failure to the next successful verification.",
        lambda m: m.time_to_restore.total_seconds() if m.time_to_restore is not None else None,
        "seconds",
    ),
    Family("drayage_failing", "Whether a failure is not restored yet.", lambda m: float(m.failing_since is not None)),
    Family("drayage_window_seconds", "How long the window is.", lambda m: m.days * 86_400, "seconds"),
)


def openmetrics(measures: Sequence[Measures]) -> str:
    """Write the measures; what cannot be said of a Stage has no sample."""
    lines: list[str] = []
    for family in FAMILIES:
        lines += [f"# TYPE {family.name} gauge"]
        lines += [f"# UNIT {family.name} {family.unit}"] if family.unit else []
        lines += [f"# HELP {family.name} {family.help}", *_samples(family, measures)]
    return "\n".join([*lines, "# EOF"]) + "\n"


def _samples(family: Family, measures: Iterable[Measures]) -> list[str]:
    return [
        f'{family.name}{{project="{_escaped(each.project)}",stage="{_escaped(each.stage)}"}} {value:.12g}'
        for each in measures
        if (value := family.value(each)) is not None
    ]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
