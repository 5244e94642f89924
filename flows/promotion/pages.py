"""How projects, Stages and Freight look: the table and the pages that people see in the Prefect UI."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from blocks.ledger.healths import StageHealth
from blocks.ledger.records import FreightRecord, Phase, PromotionRecord, Standing, VerificationRecord, Visit
from flows.duration import format_duration
from flows.freight.describe import cell, one_line, versions
from flows.metrics.measures import Measures
from flows.promotion.admission import entering_of
from flows.promotion.gates import APPROVAL, Gate, in_line
from flows.stage.outlook import Outlook

MOST_ROWS = 1_000
"""Stages in the table of one project."""

MOST_WAITING = 20
"""Promotions shown in the queue of one Stage."""

MOST_WRONG = 20
"""Issues and drift shown of one Stage."""

Past = Sequence[tuple[FreightRecord, Visit]]


def project_rows(outlook: Outlook, healths: dict[str, str]) -> list[dict[str, str]]:
    """One row per Stage: what runs there, on which commit, how it is, since when, verified when."""
    names = list(outlook.pipeline.stages)
    rows = [_row(outlook, name, healths.get(name, "—")) for name in names[:MOST_ROWS]]
    if len(names) > MOST_ROWS:
        rows.append({"stage": f"and {len(names) - MOST_ROWS} more: drayage get stages -p {outlook.pipeline.project}"})
    return rows + [{"stage": name, "freight": said} for name, said in outlook.pipeline.unreadable.items()][:MOST_ROWS]


def _row(outlook: Outlook, name: str, health: str) -> dict[str, str]:
    visits = list(outlook.currents.get(name, {}).values())
    freight = [outlook.freight[visit.freight] for visit in visits if visit.freight in outlook.freight]
    promotions = outlook.promotions.get(name, [])
    return {
        "stage": name,
        "freight": ", ".join(each.alias for each in freight) or "—",
        "versions": "; ".join(one_line(each.content) for each in freight) or "—",
        "commit": _commit(promotions, visits),
        "health": health,
        "since": _time(max((visit.entered_at for visit in visits), default=None)),
        "verified": _time(max((v.verified_at for v in visits if v.verified_at), default=None)),
        "last promotion": _last(promotions),
        "waiting": str(sum(not each.phase.terminal for each in promotions) or "—"),
    }


def waiting_in(outlook: Outlook, stage: str) -> list[PromotionRecord]:
    """The Promotions into a Stage that have not ended, in the order they were asked for."""
    found = [each for each in outlook.promotions.get(stage, []) if not each.phase.terminal and not each.target]
    return sorted(found, key=lambda each: each.name)


def stage_page(
    outlook: Outlook,
    stage: str,
    history: Past,
    verification: VerificationRecord | None,
    measures: Measures,
    now: datetime,
    paused: str = "",
    health: StageHealth | None = None,
) -> str:
    """A Stage in Markdown: how it is, who waits for what, how it went lately, its history of Freight, newest first.

    `paused` says that its work queue was paused; `health` is None where it holds nothing, or nobody has looked yet.
    """
    mode = "promotes by itself" if outlook.pipeline.auto(stage) else "is promoted by people"
    return "\n".join(
        [
            f"# {outlook.pipeline.project}/{stage}",
            "",
            f"This Stage {mode}.",
            "",
            "## Health",
            "",
            *_health(health),
            "",
            "## Queue",
            "",
            *_queue(outlook, stage, verification, now, paused),
            "",
            f"## Last {measures.days:g} days",
            "",
            *_measures(measures),
            "",
            "## History",
            "",
            *_history(history),
        ]
    )


def _health(health: StageHealth | None) -> list[str]:
    if health is None:
        return ["Not known: it holds nothing, or nobody has looked yet."]
    wrong = [*health.issues, *health.drift]
    more = [f"- and {len(wrong) - MOST_WRONG} more"] if len(wrong) > MOST_WRONG else []
    return [
        f"**{health.status}** since {_time(health.since)}",
        *[""] * bool(wrong),
        *(f"- {cell(each)}" for each in wrong[:MOST_WRONG]),
        *more,
    ]


def _queue(
    outlook: Outlook, stage: str, verification: VerificationRecord | None, now: datetime, paused: str
) -> list[str]:
    waiting = waiting_in(outlook, stage)
    lines = [line for each in waiting[:MOST_WAITING] for line in _waiting(outlook, each, verification, now, paused)]
    if len(waiting) > MOST_WAITING:
        lines.append(f"And {len(waiting) - MOST_WAITING} more.")
    return lines or ["Nothing is on its way."]


def _waiting(
    outlook: Outlook, record: PromotionRecord, verification: VerificationRecord | None, now: datetime, paused: str
) -> list[str]:
    freight = outlook.freight.get(record.freight)
    said = str(record.waiting_for.get("message") or "")
    title = f"- **{cell(freight.alias if freight else record.freight[:7])}** by {cell(record.actor)}, {record.phase}"
    lines = [f"{title}{f': {cell(said)}' if said else ''} (`{record.name}`)"]
    if record.phase is Phase.PENDING and freight:
        gates = entering_of(outlook, record, verification, paused).gates(now)
        approved = in_line(record)  # who stands in line has been approved
        lines += [_gate(gate) for gate in gates if gate.answer != "open" and not (approved and gate.name == APPROVAL)]
    return lines


def _gate(gate: Gate) -> str:
    return f"  - {gate.name} **{gate.answer}**: {cell(gate.sentence)}"


def _measures(measures: Measures) -> list[str]:
    rate = measures.change_failure_rate
    told = [
        _length(measures.lead_time),
        f"{measures.deployments} ({measures.deployments_per_day:.2f} a day)",
        "—" if rate is None else f"{rate:.0%} of {measures.changes}",
        _length(measures.time_to_restore),
    ]
    head = ["Lead time", "Deployments", "Change failure rate", "Time to restore"]
    return [f"| {' | '.join(head)} |", "| --- | --- | --- | --- |", f"| {' | '.join(told)} |"]


def _history(history: Past) -> list[str]:
    rows = [
        f"| {cell(freight.alias)} | {cell(one_line(freight.content))} | {_time(visit.entered_at)} "
        f"| {_time(visit.verified_at)} | {_time(visit.left_at)} | {cell(visit.promotion)} |"
        for freight, visit in history
    ]
    return [
        "| Freight | Versions | Entered | Verified | Left | Promotion |",
        "| --- | --- | --- | --- | --- | --- |",
        *rows,
    ]


def freight_page(freight: FreightRecord, standing: Standing) -> str:
    """A Freight in Markdown: what it holds and where it has been."""
    held = [f"| {cell(repo)} | {cell(version)} |" for repo, version in versions(freight.content).items()]
    stages = sorted(standing.verified_in.keys() | standing.currently_in.keys() | standing.approved_for.keys())
    been = [
        f"| {cell(stage)} | {_time(standing.currently_in.get(stage))} "
        f"| {_time(standing.verified_in[stage].verified_at if stage in standing.verified_in else None)} "
        f"| {_time(standing.approved_for.get(stage))} |"
        for stage in stages
    ]
    return "\n".join(
        [
            f"# {freight.alias}",
            "",
            f"Freight `{freight.name}` from Warehouse **{freight.origin}**, found {_time(freight.discovered_at)}.",
            "",
            "| Artifact | Version |",
            "| --- | --- |",
            *held,
            "",
            "| Stage | There since | Verified | Approved |",
            "| --- | --- | --- | --- |",
            *been,
        ]
    )


def _commit(promotions: Iterable[PromotionRecord], visits: Iterable[Visit]) -> str:
    """The revisions that Argo CD was asked to run."""
    promoted = {visit.promotion for visit in visits}
    checks: list[dict[str, Any]] = [
        check for each in promotions if each.name in promoted for check in each.health_checks
    ]
    revisions = [each for check in checks for each in check.get("desiredRevisions") or [] if each]
    return ", ".join(dict.fromkeys(each[:10] for each in revisions)) or "—"


def _last(promotions: Iterable[PromotionRecord]) -> str:
    newest = max(promotions, key=lambda each: each.name, default=None)
    return f"{newest.phase}: {newest.message}".rstrip(": ") if newest else "—"


def _length(time: timedelta | None) -> str:
    return "—" if time is None else format_duration(timedelta(seconds=round(time.total_seconds())))


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "—"
