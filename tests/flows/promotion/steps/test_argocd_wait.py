"""argocd-wait against the sandbox: a real Kubernetes API's behaviour, an Argo CD controller, Git."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from blocks.errors import Retryable, Terminal
from deployments.sandbox.faults import Fault
from flows.promotion.result import Succeeded, Waiting
from flows.promotion.steps import STEPS
from tests.flows.promotion.steps.argocd_sandbox import argocd, attempts, create, ctx, sandbox  # noqa: F401

# ruff: noqa: F811  fixtures are imported

STEP, UPDATE = STEPS["argocd-wait"], STEPS["argocd-update"]
WEB = {"apps": [{"name": "web"}]}


async def test_until_healthy(sandbox, ctx):
    """After a sync the step waits through Progressing until the Application is Healthy and Synced."""
    create(sandbox)
    await attempts(UPDATE, WEB, ctx)
    *waiting, done = await attempts(STEP, WEB, ctx)
    assert [result.message for result in waiting if "Progressing, not Healthy" in result.message]
    assert isinstance(done, Succeeded)
    assert done.outputs["apps"] == [{"name": "web", "namespace": "argocd"}]
    assert done.outputs["healthStatus"] == {"argocd/web": "Healthy"}


async def test_never_synced(sandbox, ctx):
    """What nobody syncs does not become Synced, and the sentence says so."""
    create(sandbox)
    result = await STEP.run(STEP.Config.model_validate({"apps": [{"name": "web", "waitFor": ["sync"]}]}), ctx)
    assert isinstance(result, Waiting)
    assert "OutOfSync" in result.message or "not compared yet" in result.message


async def test_a_turn_for_the_worse(sandbox, ctx):
    """An Application that becomes Degraded while it is waited for ends the step at once."""
    create(sandbox)
    await attempts(UPDATE, WEB, ctx)
    sandbox.world.cluster.mark("acme/web:v1", bad=True)
    with pytest.raises(Terminal, match="went from Progressing to Degraded"):
        await attempts(STEP, WEB, ctx)


async def test_degraded_can_be_wished_for(sandbox, ctx):
    """A step may wait for the bad day on purpose."""
    create(sandbox)
    sandbox.world.cluster.mark("acme/web:v1", bad=True)
    await attempts(UPDATE, WEB, ctx)
    *_, done = await attempts(STEP, {"apps": [{"name": "web", "waitFor": ["degraded"]}]}, ctx)
    assert done.outputs["healthStatus"] == {"argocd/web": "Degraded"}


async def test_stale_health_is_refreshed(sandbox, argocd, ctx):
    """Health from before the last operation's end is not believed; Argo CD is asked to look again."""
    create(sandbox)
    await attempts(UPDATE, WEB, ctx)
    old = datetime(2020, 1, 1, tzinfo=UTC).isoformat().replace("+00:00", "Z")
    await argocd.patch("argocd", "web", {"status": {"reconciledAt": old}})
    results = await attempts(STEP, {"apps": [{"name": "web", "waitFor": ["health"]}]}, ctx)
    assert isinstance(results[-1], Succeeded)
    assert (await argocd.get("argocd", "web"))["status"]["reconciledAt"] != old


async def test_who_may_only_look(sandbox, argocd, ctx):
    """An account that may not patch waits all the same, for Argo CD to look by itself, and says what it lacks."""
    create(sandbox)
    await attempts(UPDATE, WEB, ctx)
    await attempts(STEP, WEB, ctx)
    await argocd.patch("argocd", "web", {"status": {"reconciledAt": "2020-01-01T00:00:00Z"}})
    sandbox.faults.add(Fault(method="PATCH", match="/apis", kind="status", status=403))
    result = await STEP.run(STEP.Config.model_validate(WEB), ctx)
    assert isinstance(result, Waiting)
    assert "has not been looked at since" in result.message
    assert "answered 403" in result.message


async def test_an_outage(sandbox, ctx):
    """While the server cannot answer both steps wait, and what an earlier attempt found is kept; then they go on."""
    create(sandbox)
    found = {"healthStatus": {"argocd/web": "Progressing"}, "looks": 2}
    sandbox.faults.add(Fault(match="/apis", kind="status", status=503))
    for step in (UPDATE, STEP):
        result = await step.run(step.Config.model_validate(WEB), replace(ctx, previous=found))
        assert isinstance(result, Waiting)
        assert "get Application argocd/web" in result.message
        assert (result.outputs, result.again_in) == (found, 5.0)
    sandbox.faults.clear()
    sandbox.faults.add(Fault(method="PATCH", kind="drop", times=3))
    first = await UPDATE.run(UPDATE.Config.model_validate(WEB), ctx)
    assert isinstance(first, Waiting)
    assert "patch Application argocd/web" in first.message
    *_, done = await attempts(UPDATE, WEB, ctx)
    assert isinstance(done, Succeeded)


async def test_an_application_that_cannot_be_compared(sandbox, argocd, ctx):
    """Waiting for an Application whose manifests do not render makes no sense."""
    create(sandbox)
    await argocd.patch("argocd", "web", {"spec": {"source": {"path": "nowhere"}}})
    with pytest.raises(Terminal, match="ComparisonError"):
        await attempts(STEP, WEB, ctx)


async def test_no_permission_is_needed(sandbox, ctx):
    """Looking changes nothing, so Applications of others may be waited for."""
    create(sandbox, stage="other:stage")
    result = await STEP.run(STEP.Config.model_validate(WEB), ctx)
    assert isinstance(result, Waiting)


async def test_a_missing_application(sandbox, ctx):
    """An Application that is not there may come yet."""
    with pytest.raises(Retryable, match="found none"):
        await attempts(STEP, WEB, ctx)
