"""Which promotions wait for something on GitHub that has come: one listing for each repository answers for all."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from blocks.errors import DrayageError, NotFound
from blocks.github_actions import Actions
from blocks.github_issues import Issues
from blocks.ledger.records import PromotionRecord
from flows.promotion.github_steps import open_repository
from flows.world import World

log = logging.getLogger("drayage")

AT_ONCE = 8
"""Repositories asked at the same time."""

MOST_SINGLE = 50
"""Things of one repository that are asked for by themselves in one look, when its list does not have them."""

Came = Callable[[World, str, str, bool, Sequence[PromotionRecord]], Awaitable[set[tuple[int, str]]]]
"""Asks one repository: project, URL, whether TLS is not verified. Returns number and state of what has come."""


async def completed_runs(here: World, records: Sequence[PromotionRecord]) -> list[PromotionRecord]:
    """Return the promotions whose workflow run is over. A repository that fails hinders no other."""
    return await _looked(here, records, _runs)


async def changed_issues(here: World, records: Sequence[PromotionRecord]) -> list[PromotionRecord]:
    """Return the promotions whose issue is in the state they wait for. A repository that fails hinders no other."""
    return await _looked(here, records, _issues)


async def _looked(here: World, records: Sequence[PromotionRecord], came: Came) -> list[PromotionRecord]:
    waiting: defaultdict[tuple[str, str, bool], list[PromotionRecord]] = defaultdict(list)
    for record in records:
        wanted = record.waiting_for["wake_when"]
        waiting[(record.project, wanted["repoURL"], bool(wanted.get("insecure")))].append(record)
    turns = asyncio.Semaphore(AT_ONCE)

    async def look(place: tuple[str, str, bool], some: list[PromotionRecord]) -> list[PromotionRecord]:
        async with turns:
            try:
                there = await came(here, *place, some)
            except DrayageError as error:
                log.warning("cannot look at what %d promotions wait for on GitHub: %s", len(some), error)
                return []
        return [record for record in some if _wanted(record) in there]

    found = await asyncio.gather(*(look(place, some) for place, some in waiting.items()))
    return [record for some in found for record in some]


def _wanted(record: PromotionRecord) -> tuple[int, str]:
    wanted = record.waiting_for["wake_when"]
    return int(wanted["number"]), str(wanted.get("state") or "")


async def _runs(
    here: World, project: str, url: str, insecure: bool, records: Sequence[PromotionRecord]
) -> set[tuple[int, str]]:
    actions = Actions(*await open_repository(here.web.request, here.credentials(project), url, insecure))
    known = {run.id: run for run in await actions.newest()}
    wanted = sorted({_wanted(record)[0] for record in records})
    asked = [number for number in wanted if number not in known][:MOST_SINGLE]
    for number in asked:
        with suppress(NotFound):  # of what is gone the step itself will tell
            known[number] = await actions.run(number)
    over = {run.id for run in known.values() if run.completed} | {*asked} - known.keys()
    return {(number, "") for number in wanted if number in over}


async def _issues(
    here: World, project: str, url: str, insecure: bool, records: Sequence[PromotionRecord]
) -> set[tuple[int, str]]:
    issues = Issues(*await open_repository(here.web.request, here.credentials(project), url, insecure))
    opened, complete = await issues.open_numbers()
    came = {(number, "open") for number in opened}
    unsure = sorted({_wanted(record)[0] for record in records} - opened)
    if complete:
        return came | {(number, "closed") for number in unsure}
    return came | {(number, (await issues.get(number)).state) for number in unsure[:MOST_SINGLE]}
