"""Collecting old Freight and old Promotions: page by page read, decided, and looked at once more as they are taken."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from blocks.ledger.ledger import Ledger
from blocks.ledger.retention import FREIGHT, PROMOTIONS, Aged, Line, Reach
from flows.freight.retention import Fate, Goes, Limits, Stays, fate, way_back

MOST_PAGES = 1_000
"""Pages of one Warehouse or Stage looked at in one run; the next run goes on with what is left."""


@dataclass(frozen=True)
class Decided:
    """What became of one old Freight or Promotion. `place` is its Warehouse or Stage."""

    kind: str
    project: str
    place: str
    label: str
    fate: Fate


@dataclass(frozen=True)
class Collecting:
    """One run: what it keeps, and whether it only tells."""

    ledger: Ledger
    freight: Limits
    promotions: Limits
    now: datetime
    dry_run: bool = False


async def collect_old(run: Collecting, project: str = "") -> AsyncIterator[Decided]:
    """Take away what nobody needs any more, of one project or all, and tell what became of everything old.

    Freight comes first: a Promotion that speaks of Freight that is gone is needed by nobody.
    """
    for line, limits in ((FREIGHT, run.freight), (PROMOTIONS, run.promotions)):
        for found, place in await run.ledger.retention.lines(line, limits.keep, project):
            async for decided in _line(run, line, limits, found, place):
                yield decided


async def _line(run: Collecting, line: Line, limits: Limits, project: str, place: str) -> AsyncIterator[Decided]:
    last: Aged | None = None
    reaches: dict[tuple[str, str], Reach] = {}
    for _ in range(MOST_PAGES):
        page = await run.ledger.retention.aged(line, project, place, run.now - limits.age, last)
        if not page:
            return
        last, names = page[-1], [each.name for each in page]
        if line is FREIGHT:
            needed = await _freight_needs(run, project, place, names, reaches)
        else:
            why = await run.ledger.retention.promotion_needs(project, names)
            needed = {name: [sentence] for name, sentence in why.items()}
        fates = {each.name: fate(each, needed.get(each.name, ()), limits, run.now) for each in page}
        fates |= await _taken(run, line, project, place, fates)
        for each in page:
            yield Decided(line.kind, project, place, each.label, fates[each.name])


async def _taken(run: Collecting, line: Line, project: str, place: str, fates: Mapping[str, Fate]) -> dict[str, Fate]:
    """Take away what goes; returns what stays after all, because somebody came to need it at this moment."""
    going = [name for name, each in fates.items() if isinstance(each, Goes)]
    if run.dry_run or not going:
        return {}
    if line is FREIGHT:
        gone = await run.ledger.retention.collect_freight(project, going, run.now)
    else:
        gone = await run.ledger.retention.collect_promotions(project, place, going, run.now)
    return {name: Stays("it came into use just now") for name in going if name not in gone}


async def _freight_needs(
    run: Collecting, project: str, origin: str, names: Sequence[str], reaches: dict[tuple[str, str], Reach]
) -> dict[str, list[str]]:
    """What needs Freight: its use now, a Stage that could go back to it, its Warehouse that would find it again."""
    retention = run.ledger.retention
    needed = await retention.freight_uses(project, names)
    for visit in await retention.past(project, names):
        key = (visit.stage, visit.origin)
        if key not in reaches:
            until = run.now - run.promotions.age
            reaches[key] = await retention.reach(project, *key, run.promotions.keep, until)
        if way_back(visit, reaches[key]):
            needed.setdefault(visit.freight, []).append(f"Stage {visit.stage!r} could go back to it")
    found = (await run.ledger.warehouses.status(project, origin)).last_freight
    if found in names:
        needed.setdefault(found, []).append(f"Warehouse {origin!r} finds it still")
    return needed
