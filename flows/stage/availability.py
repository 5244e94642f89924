"""May this Freight be promoted to this Stage? One predicate, for lists, candidates, gates and approvals alike.

Kargo asks this question in two ways that disagree in corner cases; here there is one answer (its admission rule).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from blocks.ledger.records import FreightRecord, Standing
from flows.duration import format_duration, parse_duration
from flows.stage.model import Sources, StageSpec


@dataclass(frozen=True)
class Available:
    """The Freight may enter; `why` says what opened the door."""

    why: str


@dataclass(frozen=True)
class Unavailable:
    """The Freight may not enter. `until` is when time alone will change that, None when something must happen."""

    sentence: str
    until: datetime | None = None


Availability = Available | Unavailable


def available(
    project: str, stage_name: str, spec: StageSpec, freight: FreightRecord, standing: Standing, now: datetime
) -> Availability:
    """Decide whether Freight may be promoted to a Stage, and if not, say what would change that.

    Approval opens everything but the origin; `direct` ignores upstream Stages; otherwise one of the upstream Stages
    (strategy All: each) must have the Freight verified and soaked.
    """
    request = spec.request(freight.origin)
    if freight.project != project:
        return Unavailable(
            f"{freight.alias} belongs to project '{freight.project}'; Stage '{stage_name}' is in '{project}'"
        )
    if request is None:
        wanted = " or ".join(f"'{each.origin.name}'" for each in spec.requested_freight)
        return Unavailable(
            f"{freight.alias} comes from Warehouse '{freight.origin}'; "
            f"Stage '{stage_name}' takes Freight from Warehouse {wanted}"
        )
    if stage_name in standing.approved_for:
        return Available(f"{freight.alias} is approved for '{stage_name}'")
    if request.sources.direct:
        return Available(f"'{stage_name}' takes {freight.alias} straight from Warehouse '{freight.origin}'")
    return _upstream(request.sources, freight.alias, standing, now)


def soaked(standing: Standing, stage: str, now: datetime) -> timedelta:
    """How long the longest uninterrupted stay of verified Freight in a Stage was; stays do not add up.

    Freight stays in a control-flow Stage from when it passed, for ever.
    """
    verified = standing.verified_in.get(stage)
    completed = (verified.longest_soak if verified else None) or timedelta()
    since = _since(standing, stage)
    return max(completed, now - since) if since else completed


def _since(standing: Standing, stage: str) -> datetime | None:
    return standing.currently_in.get(stage) or standing.passed.get(stage)


def _upstream(sources: Sources, alias: str, standing: Standing, now: datetime) -> Availability:
    required = parse_duration(sources.required_soak_time) if sources.required_soak_time else timedelta()
    verdicts = [_in(stage, required, alias, standing, now) for stage in sources.stages]
    opened = [verdict for verdict in verdicts if isinstance(verdict, Available)]
    closed = [verdict for verdict in verdicts if isinstance(verdict, Unavailable)]
    if sources.availability_strategy == "All":
        return _every(closed) if closed else Available(f"{alias} is verified in {_names(sources.stages, 'and')}")
    if opened:
        return opened[0]
    unverified = all(stage not in standing.verified_in for stage in sources.stages)
    return Unavailable(f"{alias} is not yet verified in {_names(sources.stages, 'or')}") if unverified else _any(closed)


def _in(stage: str, required: timedelta, alias: str, standing: Standing, now: datetime) -> Availability:
    """Judge one upstream Stage: verification and soak must be satisfied there together."""
    if stage not in standing.verified_in:
        return Unavailable(f"{alias} is not yet verified in '{stage}'")
    stayed = soaked(standing, stage, now)
    if stayed >= required:
        return Available(f"{alias} is verified in '{stage}'")
    if since := _since(standing, stage):
        ready = since + required
        return Unavailable(f"{alias} soaks in '{stage}' until {_instant(ready, now)}", until=ready)
    return Unavailable(
        f"{alias} left '{stage}' after {format_duration(stayed)} of the {format_duration(required)} it must stay; "
        f"promote it to '{stage}' again or approve it"
    )


def _every(closed: Sequence[Unavailable]) -> Unavailable:
    """All of these must change; time alone helps only if it helps each."""
    instants = [verdict.until for verdict in closed if verdict.until]
    return Unavailable(
        ", and ".join(verdict.sentence for verdict in closed),
        until=max(instants) if len(instants) == len(closed) else None,
    )


def _any(closed: Sequence[Unavailable]) -> Unavailable:
    """The soonest of these suffices; one that time alone opens comes before the others."""
    soaking = [verdict for verdict in closed if verdict.until]
    if soaking:
        return min(soaking, key=lambda verdict: verdict.until or datetime.max)
    return Unavailable(", and ".join(verdict.sentence for verdict in closed))


def _names(stages: Sequence[str], last: str) -> str:
    quoted = [f"'{stage}'" for stage in stages]
    return f" {last} ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def _instant(at: datetime, now: datetime) -> str:
    clock = at.strftime("%H:%M:%S" if at.second else "%H:%M")
    return f"{clock} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d} {clock} UTC"
