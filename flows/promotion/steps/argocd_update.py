"""argocd-update: change Applications' sources and sync them."""

from blocks.errors import Conflict
from flows.promotion.argocd.foresee import described
from flows.promotion.argocd.gather import Cluster, cluster, gather, named, next_look
from flows.promotion.argocd.update import Promoting, Sync, UpdateConfig, UpdateDecision, decide_update
from flows.promotion.foresight import Foreseen, Imagined
from flows.promotion.result import HEALTH_CHECKS, StepContext, StepResult, Succeeded, Waiting

OUTWARD = True
TIMEOUT = 300.0

Config = UpdateConfig


async def run(config: UpdateConfig, ctx: StepContext) -> StepResult:
    """Start what is not started, and succeed when all operations of this promotion have.

    Run again, it finds its operations by the promotion's name in them. Raises Retryable when an Application is
    missing, does not let the Stage change it, or fails to sync.
    """
    argocd = await cluster(ctx)
    decision = await _decision(config, ctx, argocd)
    for sync in decision.syncs:
        await _start(argocd, sync)
    if decision.error:
        raise decision.error
    return _result(decision, ctx)


async def foresee(config: UpdateConfig, ctx: StepContext, imagined: Imagined) -> Foreseen:
    """Read the Applications and tell what would be patched. Raises what `run` would raise."""
    decision = await _decision(config, ctx, await cluster(ctx))
    if decision.error:
        raise decision.error
    description, diff = described(decision)
    return Foreseen(description, {"apps": named(decision.applications)}, diff=diff)


async def _decision(config: UpdateConfig, ctx: StepContext, argocd: Cluster) -> UpdateDecision:
    applications = await gather(argocd, config.apps)
    who = Promoting(ctx.project, ctx.stage, ctx.promotion, ctx.actor)
    return decide_update(config, applications, who, argocd.namespace)


async def _start(argocd: Cluster, sync: Sync) -> None:
    metadata = sync.application["metadata"]
    try:
        await argocd.patch(metadata["namespace"], metadata["name"], sync.patch)
    except Conflict:
        # It changed since it was judged, perhaps by a patch of ours whose answer was lost: judge it again soon.
        return


def _result(decision: UpdateDecision, ctx: StepContext) -> StepResult:
    outputs = {"apps": named(decision.applications)}
    if decision.waiting_for:
        again_in, looks = next_look(ctx)
        return Waiting("; ".join(decision.waiting_for), again_in, outputs | {"looks": looks})
    count = len(decision.applications)
    synced = f"synced {count} Application{'s' if count > 1 else ''}"
    return Succeeded(outputs | {HEALTH_CHECKS: decision.health_checks}, synced)
