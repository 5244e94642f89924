"""The health of what a promotion brought: the Applications it registered, as they are now."""

import asyncio
from collections import defaultdict
from datetime import timedelta
from typing import Any

from blocks.errors import Refused, Retryable
from flows.promotion.argocd.gather import refresh
from flows.promotion.argocd.health import HealthVerdict, judge_health
from flows.promotion.argocd.selection import AppReference
from flows.promotion.argocd.watching import WATCHED, Watching
from flows.world import World

Json = dict[str, Any]

POLL = 1.0
"""Seconds between two looks where nothing tells of changes, at first; it grows to ten times that."""


async def wait_until_healthy(here: World, project: str, stage: str, promotion: str) -> None:
    """Wait for the Applications of a Promotion. Raises Refused after the configured time (Kargo waits for ever)."""
    record = await here.ledger.promotions.get(project, promotion)
    checks = record.health_checks if record else []
    deadline = here.clock.now() + timedelta(seconds=here.settings.health_timeout_seconds)
    pause = POLL
    watching = await _watching(here, project, checks)
    while (verdict := await read_health(here, project, checks)).status != "Healthy":
        left = (deadline - here.clock.now()).total_seconds()
        if left < 0:
            issues = "; ".join(verdict.issues) or verdict.status
            raise Refused(f"Stage {stage!r} did not become healthy in time: {issues}")
        await _rest(here, watching, min(pause, left + POLL), left)
        watching = await _watching(here, project, checks)
        pause = min(pause * 1.5, 10 * POLL)


async def read_health(here: World, project: str, checks: list[Json]) -> HealthVerdict:
    """Judge registered Applications as they are now, read anew; no checks are healthy."""
    verdicts = await asyncio.gather(*(_judged(here, project, *each) for each in _by_connection(checks).items()))
    worst = HealthVerdict()
    for verdict in verdicts:
        worst = worst.worse_of(verdict)
    return worst


async def _judged(here: World, project: str, connection: str, checks: list[Json]) -> HealthVerdict:
    argocd = await here.argocd(project, connection)
    try:
        found = await asyncio.gather(
            *(argocd.get(check.get("namespace") or argocd.namespace, check["name"]) for check in checks)
        )
    except Retryable as error:
        return HealthVerdict("Unknown", [str(error)])
    verdict = judge_health(checks, [each for each in found if each], argocd.namespace)
    verdict.issues += await refresh(argocd, verdict.refresh)
    return verdict


async def _watching(here: World, project: str, checks: list[Json]) -> list[Watching]:
    """From now on, all Applications that checks are about."""
    return [
        Watching(await here.argocd(project, connection), [_reference(each) for each in some])
        for connection, some in _by_connection(checks).items()
    ]


async def _rest(here: World, watching: list[Watching], pause: float, left: float) -> None:
    """Wait until something has happened, or for a while."""
    if not watching or not all(each.is_current for each in watching):
        await here.clock.sleep(pause)
        return
    longest = min(WATCHED, left + POLL)
    rests = [asyncio.ensure_future(each.rest(longest)) for each in watching]
    try:
        await asyncio.wait(rests, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for rest in rests:
            rest.cancel()


def _by_connection(checks: list[Json]) -> dict[str, list[Json]]:
    found: defaultdict[str, list[Json]] = defaultdict(list)
    for check in checks:
        found[str(check.get("argocd") or "")].append(check)
    return dict(found)


def _reference(check: Json) -> AppReference:
    return AppReference(name=str(check["name"]), namespace=check.get("namespace") or None)
