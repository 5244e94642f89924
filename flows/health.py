"""The health of what a promotion brought: the Applications it registered, as they are now."""

import asyncio
from datetime import timedelta
from typing import Any

from blocks.errors import Refused
from flows.promotion.argocd.health import HealthVerdict, judge_health
from flows.world import World

POLL = 1.0
"""Seconds between two looks, at first; it grows to ten times that."""


async def wait_until_healthy(here: World, project: str, stage: str, promotion: str) -> None:
    """Wait for the Applications of a Promotion. Raises Refused after the configured time (Kargo waits for ever)."""
    record = await here.ledger.promotions.get(project, promotion)
    checks = record.health_checks if record else []
    deadline = here.clock.now() + timedelta(seconds=here.settings.health_timeout_seconds)
    pause = POLL
    while (verdict := await read_health(here, project, checks)).status != "Healthy":
        if here.clock.now() > deadline:
            issues = "; ".join(verdict.issues) or verdict.status
            raise Refused(f"Stage {stage!r} did not become healthy in time: {issues}")
        await here.clock.sleep(pause)
        pause = min(pause * 1.5, 10 * POLL)


async def read_health(here: World, project: str, checks: list[dict[str, Any]]) -> HealthVerdict:
    """Judge registered Applications as they are now; no checks are healthy."""
    if not checks:
        return HealthVerdict()
    argocd = await here.argocd(project)
    found = await asyncio.gather(
        *(argocd.get(check.get("namespace") or argocd.namespace, check["name"]) for check in checks)
    )
    verdict = judge_health(checks, [each for each in found if each], argocd.namespace)
    for application in verdict.refresh:
        await argocd.refresh(application["metadata"]["namespace"], application["metadata"]["name"])
    return verdict
