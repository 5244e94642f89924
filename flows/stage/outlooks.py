"""All projects' outlooks at once, in a number of queries that does not grow with Stages, projects or Freight.

They decide what `flows.stage.outlook.read_outlook` decides, by the same rules. Only the newest Freight of each
Warehouse is read at first: where a Stage's candidate is among it, nothing older can be its candidate. Where it is
not, what could enter that Stage is read too, however old it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from blocks.ledger.ledger import Ledger
from blocks.ledger.overview import NEWEST, Door, Overview
from blocks.ledger.records import EVERYWHERE, Definition, FreightRecord
from flows.stage.candidate import candidate, held_origins, matches_upstream
from flows.stage.model import FreightRequest
from flows.stage.outlook import Outlook
from flows.stage.pipeline import KINDS, StageDefinition, build_pipeline

ALWAYS = datetime.min.replace(tzinfo=UTC)

Outlooks = dict[str, Outlook]
"""By project."""


async def read_outlooks(ledger: Ledger, now: datetime, project: str | None = None) -> Outlooks:
    """Read all projects, or one, as far as it takes to decide what enters their Stages by itself.

    Freight and Promotions are brief: what they hold and run is left out.
    """
    seen = await ledger.overview.read(KINDS, project)
    outlooks = _outlooks(seen, project)
    doors = [door for each in outlooks.values() for door in undecided(each, now)]
    if not doors:
        return outlooks
    deeper = await ledger.overview.behind(doors, seen.freight)
    if not deeper.freight:
        return outlooks
    seen.freight |= deeper.freight
    seen.standings |= deeper.standings
    seen.promotions |= deeper.promotions
    return _outlooks(seen, project)


def undecided(outlook: Outlook, now: datetime) -> list[Door]:
    """The doors behind which a Stage's candidate may be, because it is not among the newest Freight."""
    by_origin: defaultdict[str, list[FreightRecord]] = defaultdict(list)
    for each in outlook.freight.values():
        by_origin[each.origin].append(each)
    floors = {origin: floor for origin, known in by_origin.items() if (floor := _floor(known))}
    return [
        door
        for stage in outlook.pipeline.stages.values()
        for request in stage.spec.requested_freight
        if (floor := floors.get(request.origin.name)) and (since := _open_since(outlook, stage, request, floor, now))
        for door in _doors(outlook, stage, request, since, floor)
    ]


def _floor(known: Iterable[FreightRecord]) -> datetime | None:
    """Since when all Freight of a Warehouse is known; None when there is no other."""
    newest = sorted((each.discovered_at for each in known), reverse=True)
    return newest[NEWEST - 1] if len(newest) >= NEWEST else None


def _open_since(
    outlook: Outlook, stage: StageDefinition, request: FreightRequest, floor: datetime, now: datetime
) -> datetime | None:
    """How old Freight is at most of which it is open whether it enters a Stage by itself; None when it is decided."""
    if stage.control_flow:
        return ALWAYS
    if not outlook.pipeline.auto(stage.name) or matches_upstream(request):
        return None
    situation = outlook.situation(stage)
    if request.origin.name in held_origins(situation):
        return None
    best = candidate(situation, request, outlook.known, now)
    if best is None:
        return ALWAYS
    return best.discovered_at if best.discovered_at < floor else None


def _doors(
    outlook: Outlook, stage: StageDefinition, request: FreightRequest, since: datetime, before: datetime
) -> Iterator[Door]:
    project, origin = outlook.pipeline.project, request.origin.name
    for upstream in [""] if request.sources.direct else request.sources.stages:
        yield Door(project, stage.name, origin, upstream, since, before, stage.control_flow)


def _outlooks(seen: Overview, project: str | None) -> Outlooks:
    """Sort what was read into projects: the one asked for, or all there are."""
    defined = _by_project(seen.definitions)
    everywhere = [each for each in defined[""] if each.kind != "Project"]
    projects = {each.name: [each] for each in defined[""] if each.kind == "Project"}
    names = projects if project is None else [project]
    found = {name: _empty(name, [*defined[name], *projects.get(name, []), *everywhere]) for name in names}
    _fill(found, seen)
    return found


def _empty(project: str, definitions: list[Definition]) -> Outlook:
    return Outlook(
        pipeline=build_pipeline(project, definitions),
        freight={},
        standings={},
        currents={},
        holds=[],
        promotions={},
    )


def _by_project(definitions: Iterable[Definition]) -> defaultdict[str, list[Definition]]:
    found: defaultdict[str, list[Definition]] = defaultdict(list)
    for each in definitions:
        found[each.project].append(each)
    return found


def _fill(found: Mapping[str, Outlook], seen: Overview) -> None:
    """Sort what was read into its projects; what is left of projects that are no more is passed over."""
    for (project, name), freight in seen.freight.items():
        if project in found:
            found[project].freight[name] = freight
    for (project, name), standing in seen.standings.items():
        if project in found:
            found[project].standings[name] = standing
    for visit in seen.visits:
        if visit.project in found:
            found[visit.project].currents.setdefault(visit.stage, {})[visit.origin] = visit
    for freeze in seen.freezes:
        for outlook in found.values() if freeze.project == EVERYWHERE else [*filter(None, [found.get(freeze.project)])]:
            outlook.freezes.append(freeze)
    for hold in seen.holds:
        if hold.project in found:
            found[hold.project].holds.append(hold)
    for promotion in seen.promotions.values():
        if promotion.project in found:
            found[promotion.project].promotions.setdefault(promotion.stage, []).append(promotion)
