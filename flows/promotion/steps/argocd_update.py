"""argocd-update: change Applications' sources and sync them."""

import asyncio
from collections.abc import Sequence
from typing import Any

from blocks.errors import Conflict
from flows.promotion.argocd.foresee import described
from flows.promotion.argocd.gather import Cluster, cluster, gather, named
from flows.promotion.argocd.update import Promoting, Sync, UpdateConfig, UpdateDecision, decide_update
from flows.promotion.argocd.watching import OUTAGES, Watching
from flows.promotion.foresight import Foreseen, Imagined
from flows.promotion.result import HEALTH_CHECKS, StepContext, StepResult, Succeeded

OUTWARD = True
TIMEOUT = 300.0

Config = UpdateConfig


async def run(config: UpdateConfig, ctx: StepContext) -> StepResult:
    """Start what is not started, and succeed when all operations of this promotion have.

    Run again, it finds its operations by the promotion's name in them. Raises Retryable when an Application is
    missing, does not let the Stage change it, or fails to sync.
    """
    argocd = await cluster(ctx, config.argocd)
    watching = Watching(argocd, config.apps)
    try:
        decision = await _decision(config, ctx, argocd)
    except OUTAGES as outage:
        return watching.later(ctx, outage)
    refused = await _start_all(argocd, decision.syncs)
    if decision.error:
        raise decision.error
    outputs = {"apps": named(decision.applications)}
    if decision.waiting_for:
        return watching.waiting(ctx, decision.waiting_for + refused, outputs, slowly=decision.again)
    return Succeeded(outputs | {HEALTH_CHECKS: _checks(config, decision)}, _synced(len(decision.applications)))


async def foresee(config: UpdateConfig, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Read the Applications and tell what would be patched. Raises what `run` would raise."""
    decision = await _decision(config, ctx, await cluster(ctx, config.argocd))
    if decision.error:
        raise decision.error
    description, diff = described(decision)
    return Foreseen(description, {"apps": named(decision.applications)}, diff=diff)


async def _decision(config: UpdateConfig, ctx: StepContext, argocd: Cluster) -> UpdateDecision:
    applications = await gather(argocd, config.apps)
    who = Promoting(ctx.project, ctx.stage, ctx.promotion, ctx.actor)
    return decide_update(config, applications, who, argocd.namespace)


async def _start_all(argocd: Cluster, syncs: Sequence[Sync]) -> list[str]:
    """Start all operations at once; say why some cannot be started yet. Raises the first error when all were tried."""
    answers = await asyncio.gather(*(_start(argocd, sync) for sync in syncs), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [str(answer) for answer in answers if answer]


async def _start(argocd: Cluster, sync: Sync) -> str:
    """Start an operation; say why it cannot be started yet."""
    metadata = sync.application["metadata"]
    try:
        await argocd.sync(metadata["namespace"], metadata["name"], sync.patch)
    except (Conflict, *OUTAGES) as error:
        # It changed since it was judged, or the patch's answer was lost: whether ours has begun is found the next time.
        return str(error)
    return ""


def _checks(config: UpdateConfig, decision: UpdateDecision) -> list[dict[str, Any]]:
    """The health checks, each with the connection by which its Application is reached."""
    where = {"argocd": config.argocd} if config.argocd else {}
    return [check | where for check in decision.health_checks]


def _synced(count: int) -> str:
    return f"synced {count} Application{'s' if count > 1 else ''}"
