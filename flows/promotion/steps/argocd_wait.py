"""argocd-wait: wait until Applications are healthy, synced, suspended, ..."""

from flows.promotion.argocd.gather import cluster, gather, named, refresh
from flows.promotion.argocd.wait import WaitConfig, decide_wait
from flows.promotion.argocd.watching import OUTAGES, Watching
from flows.promotion.result import StepContext, StepResult, Succeeded

OUTWARD = True
WAITS = True
TIMEOUT = 300.0

Config = WaitConfig


async def run(config: WaitConfig, ctx: StepContext) -> StepResult:
    """Look once at all Applications; those whose health may be old are refreshed.

    Raises Terminal for an Application that became Degraded or cannot be compared, Retryable for a missing one.
    """
    argocd = await cluster(ctx, config.argocd)
    watching = Watching(argocd, config.apps)
    try:
        applications = await gather(argocd, config.apps)
    except OUTAGES as outage:
        return watching.later(ctx, outage)
    decision = decide_wait(config, applications, ctx.previous.get("healthStatus", {}), argocd.namespace)
    problems = await refresh(argocd, decision.refresh)
    if decision.error:
        raise decision.error
    outputs = {"apps": named(decision.applications), "healthStatus": decision.health}
    if decision.waiting_for:
        return watching.waiting(ctx, decision.waiting_for + problems, outputs)
    return Succeeded(outputs, "all Applications are as wished")
