"""argocd-update: change Applications' sources and sync them."""

from blocks.errors import Conflict
from flows.promotion.argocd.gather import Cluster, cluster, gather, named, next_look
from flows.promotion.argocd.update import Promoting, Sync, UpdateConfig, UpdateDecision, decide_update
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
    applications = await gather(argocd, config.apps)
    who = Promoting(ctx.project, ctx.stage, ctx.promotion, ctx.actor)
    decision = decide_update(config, applications, who, argocd.namespace)
    for sync in decision.syncs:
        await _start(argocd, sync)
    if decision.error:
        raise decision.error
    return _result(decision, ctx)


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
