"""How well delivery goes, of one project or all, as tables and as JSON."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from blocks.errors import Invalid, NotFound
from blocks.ledger.ledger import Ledger
from deployments.since import read_since
from flows.duration import format_duration
from flows.metrics.measures import Measures
from flows.metrics.read import read_measures

Json = dict[str, Any]

COLUMNS = (
    "PROJECT",
    "STAGE",
    "LEAD TIME",
    "DEPLOYS/DAY",
    "DEPLOYS",
    "FAILURE RATE",
    "TIME TO RESTORE",
    "FAILING SINCE",
)


async def read_metrics(ledger: Ledger, project: str = "", since: str = "30d", stage: str = "") -> list[Measures]:
    """Measure the Stages of one project, or of all. Raises NotFound for an unknown project, Invalid for no time."""
    now = datetime.now(UTC)
    begin = read_since(since, now)
    if begin >= now:
        raise Invalid(f"--since {since} lies in the future")
    stages: dict[str, list[str]] = {each.name: [] for each in await ledger.definitions.list("Project")}
    if project and project not in stages:
        raise NotFound(f"there is no project {project!r}; list what there is: drayage get projects")
    for each in await ledger.definitions.list("Stage", project or None):
        if stage in ("", each.name):
            stages.setdefault(each.project, []).append(each.name)
    asked = [project] if project else sorted(stages)
    found = [await read_measures(ledger, name, stages[name], begin, now, stage or None) for name in asked]
    return [each for measures in found for each in measures]


def shortened(measures: Sequence[Measures]) -> list[str]:
    """Say of which projects less was measured than asked for, because too much happened there."""
    days = {each.project: each.days for each in measures if each.cut}
    return [
        f"project {project!r}: only the last {found:.3g} days are measured, more happened before than is looked at; "
        "ask for one --stage or a shorter --since"
        for project, found in days.items()
    ]


def row(measures: Measures) -> tuple[str, ...]:
    """One line of the table."""
    rate = measures.change_failure_rate
    since = measures.failing_since
    return (
        measures.project,
        measures.stage,
        _time(measures.lead_time),
        f"{measures.deployments_per_day:.2f}",
        str(measures.deployments),
        "—" if rate is None else f"{rate:.0%} of {measures.changes}",
        _time(measures.time_to_restore),
        f"{since:%Y-%m-%d %H:%M:%S} UTC" if since else "—",
    )


def shape(measures: Sequence[Measures]) -> Json:
    """All of it for programs; seconds are numbers, what cannot be said is null."""
    return {"items": [_item(each) for each in measures]}


def _item(measures: Measures) -> Json:
    return {
        "project": measures.project,
        "stage": measures.stage,
        "days": round(measures.days, 6),
        "deployments": measures.deployments,
        "deploymentsPerDay": round(measures.deployments_per_day, 6),
        "changes": measures.changes,
        "failedChanges": measures.failed_changes,
        "changeFailureRate": measures.change_failure_rate,
        "leadTimeSeconds": _seconds(measures.lead_time),
        "timeToRestoreSeconds": _seconds(measures.time_to_restore),
        "failingSince": measures.failing_since.isoformat() if measures.failing_since else None,
    }


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()


def _time(time: timedelta | None) -> str:
    return "—" if time is None else format_duration(timedelta(seconds=round(time.total_seconds())))
