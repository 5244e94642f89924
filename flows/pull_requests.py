"""Which promotions wait for a pull request that is no longer open: one listing for each repository answers for all."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress

from blocks.code_hosts.address import read_address
from blocks.code_hosts.providers import code_host
from blocks.code_hosts.pull_request import CodeHost
from blocks.errors import DrayageError, Invalid, NotFound
from blocks.ledger.records import PromotionRecord
from flows.promotion.pull_requests import KIND
from flows.world import World

log = logging.getLogger("drayage")

AT_ONCE = 8
"""Repositories asked at the same time."""

LONGEST = 60.0
"""Seconds one look may take, for the sweep has more to do; a host that hangs is soon not asked any more."""

MOST_SINGLE = 50
"""Pull requests of one repository that are asked for by themselves in one look, when its list is too long."""

Repository = tuple[str, str, str | None, bool]
"""Project, whose credentials count; URL; provider; whether TLS is not verified."""


async def closed_pull_requests(here: World, records: Sequence[PromotionRecord]) -> list[PromotionRecord]:
    """Return the promotions whose pull request was merged, closed, or is gone. A host that fails hinders no other."""
    waiting: defaultdict[Repository, list[PromotionRecord]] = defaultdict(list)
    for record in records:
        wanted = record.waiting_for["wake_when"]
        repository = (record.project, wanted["repoURL"], wanted.get("provider"), bool(wanted.get("insecure")))
        waiting[repository].append(record)
    found: list[PromotionRecord] = []
    turns = asyncio.Semaphore(AT_ONCE)

    async def look(repository: Repository, some: list[PromotionRecord]) -> None:
        async with turns:
            found.extend(await _look(here, repository, some))

    try:
        async with asyncio.timeout(LONGEST), asyncio.TaskGroup() as group:
            for repository, some in waiting.items():
                group.create_task(look(repository, some))
    except TimeoutError:
        log.warning("not all pull requests were looked at within %g s: the others are looked at next time", LONGEST)
    return found


async def _look(here: World, repository: Repository, records: list[PromotionRecord]) -> list[PromotionRecord]:
    project, url, provider, insecure = repository
    try:
        credentials = await here.credentials(project)("git", url)
        host = code_host(here.web.request, url, credentials, provider, insecure=insecure)
        still_open = await _still_open(host, {_number(record) for record in records})
    except DrayageError as error:
        log.warning("cannot look whether pull requests are still open: %s", error)
        return []
    return [record for record in records if _number(record) not in still_open]


async def _still_open(host: CodeHost, wanted: set[int]) -> set[int]:
    """Of these numbers, those of open pull requests; what was not looked at counts as open."""
    found, complete = await host.open_numbers()
    unsure = sorted(wanted - found)
    if complete or not unsure:
        return found
    for number in unsure[:MOST_SINGLE]:
        with suppress(NotFound):  # what is gone is not open: its step will say so
            if (await host.get(number)).open:
                found.add(number)
    return found | set(unsure[MOST_SINGLE:])


def waits_for_it(records: Iterable[PromotionRecord], repo_url: str, number: int) -> list[PromotionRecord]:
    """Return those that wait for one pull request, however its repository's URL is written."""
    place = _place(repo_url)
    return [record for record in records if _number(record) == number and _place(_url(record)) == place]


def _number(record: PromotionRecord) -> int:
    wanted = record.waiting_for["wake_when"]
    return int(wanted["number"]) if wanted.get("kind") == KIND else 0


def _url(record: PromotionRecord) -> str:
    return str(record.waiting_for["wake_when"]["repoURL"])


def _place(repo_url: str) -> object:
    try:
        return read_address(repo_url).place
    except Invalid:
        return repo_url
