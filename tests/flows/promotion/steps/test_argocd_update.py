"""argocd-update against the sandbox: a real Kubernetes API's behaviour, an Argo CD controller, Git."""

import asyncio
from dataclasses import replace

import pytest

from blocks.argocd import ArgoCD
from blocks.errors import Invalid, Retryable, Unauthorized
from deployments.sandbox.faults import Fault
from flows.promotion.argocd.health import judge_health
from flows.promotion.argocd.selection import AppReference
from flows.promotion.argocd.watching import Watching
from flows.promotion.result import HEALTH_CHECKS, Succeeded
from flows.promotion.steps import STEPS
from tests.flows.promotion.steps.argocd_sandbox import argocd, attempts, create, ctx, sandbox  # noqa: F401
from tests.flows.promotion.workspace import step_context

# ruff: noqa: F811  fixtures are imported

STEP = STEPS["argocd-update"]


async def test_sync(sandbox, argocd, ctx):
    """The sync ends at the commit that was wanted, and the health check finds it there."""
    create(sandbox)
    commit = await sandbox.commit("deploy", {"more.yaml": ""}, "more")
    sources = [{"repoURL": sandbox.git_url("deploy"), "desiredRevision": commit}]
    *waiting, done = await attempts(STEP, {"apps": [{"name": "web", "sources": sources}]}, ctx)
    assert waiting
    assert isinstance(done, Succeeded)
    assert done.outputs["apps"] == [{"name": "web", "namespace": "argocd"}]
    checks = done.outputs[HEALTH_CHECKS]
    assert checks == [{"namespace": "argocd", "name": "web", "desiredRevisions": [commit]}]
    application = await argocd.get("argocd", "web")
    assert application["spec"]["source"]["targetRevision"] == "main"
    assert application["status"]["operationState"]["syncResult"]["revision"] == commit
    async with asyncio.timeout(5):
        while judge_health(checks, [await argocd.get("argocd", "web")]).status != "Healthy":
            await asyncio.sleep(0.05)


async def test_a_change_wakes(sandbox, argocd, ctx):
    """Whoever waits is woken by what happens to the Application, long before the next look."""
    create(sandbox)
    config = STEP.Config.model_validate({"apps": [{"name": "web"}]})
    assert await argocd.feed("argocd").listed(10)
    first = await STEP.run(config, ctx)
    assert (first.again_in, first.outputs["looks"]) == (30.0, 1)
    assert "Argo CD Application 'web' in namespace 'argocd'" in first.message
    async with asyncio.timeout(20):
        await first.rest(first.again_in)


@pytest.mark.parametrize(("looks", "again_in"), [(0, 1.0), (1, 2.0), (9, 5.0)])
async def test_waits_without_a_watch(ctx, looks, again_in):
    """Where nothing tells of changes the first look again comes soon, later ones less often."""
    nowhere = ArgoCD.from_token("http://127.0.0.1:1", "")
    watching = Watching(nowhere, [AppReference(name="web")])
    waits = watching.waiting(replace(ctx, previous={"looks": looks}), ["web is being synced"], {})
    assert (waits.again_in, waits.outputs) == (again_in, {"looks": looks + 1})
    await nowhere.close()


async def test_sources_are_edited(sandbox, argocd, ctx):
    """Revision and images are written into the Application, and what it says besides stays."""
    create(sandbox)
    commit = await sandbox.commit("deploy", {"more.yaml": ""}, "more")
    source = {
        "repoURL": sandbox.git_url("deploy"),
        "desiredRevision": commit,
        "updateTargetRevision": True,
        "kustomize": {"images": [{"repoURL": "acme/web", "tag": "v2"}]},
    }
    await attempts(STEP, {"apps": [{"name": "web", "sources": [source]}]}, ctx)
    written = (await argocd.get("argocd", "web"))["spec"]["source"]
    assert (written["targetRevision"], written["path"]) == (commit, ".")
    assert written["kustomize"] == {"images": ["acme/web:v2"]}
    [application] = (await sandbox.world.overview())["applications"]
    assert application["images"] == ["acme/web:v2"]


@pytest.mark.parametrize(
    ("actor", "initiated_by"),
    [
        pytest.param("", {"username": "kargo-controller", "automated": True}, id="by-itself"),
        pytest.param("email:ana@acme.io", {"username": "email:ana@acme.io", "automated": False}, id="by-a-person"),
    ],
)
async def test_who_syncs(sandbox, argocd, ctx, actor, initiated_by):
    """Argo CD is told who wanted the sync, so that its sync windows apply as they should."""
    create(sandbox)
    await attempts(STEP, {"apps": [{"name": "web"}]}, replace(ctx, actor=actor))
    operation = (await argocd.get("argocd", "web"))["status"]["operationState"]["operation"]
    shown = {name: value for name, value in operation["initiatedBy"].items() if value or name == "automated"}
    assert {"automated": False} | shown == initiated_by


async def test_a_second_run_attaches(sandbox, argocd, ctx):
    """Run again by another worker at any moment, the step finds the operation it started."""
    create(sandbox)
    config = STEP.Config.model_validate({"apps": [{"name": "web"}]})
    await STEP.run(config, ctx)
    await STEP.run(config, ctx)
    await attempts(STEP, {"apps": [{"name": "web"}]}, ctx)
    before = await argocd.get("argocd", "web")
    assert isinstance(await STEP.run(config, ctx), Succeeded)
    after = await argocd.get("argocd", "web")
    assert len(after["status"]["history"]) == 1
    assert after["status"]["operationState"] == before["status"]["operationState"]


class Hasty(ArgoCD):
    """A connection before whose first patch somebody else is faster."""

    hasty = True

    async def patch(self, namespace, name, body):
        if self.hasty:
            self.hasty = False
            await super().patch(namespace, name, {"metadata": {"labels": {"touched": "yes"}}})
        return await super().patch(namespace, name, body)


async def test_a_change_in_between(sandbox, ctx):
    """An Application that changes between look and patch is looked at again, and the change survives."""
    create(sandbox)
    hasty = Hasty.from_token(sandbox.url, "")

    async def connect():
        return hasty

    *_, done = await attempts(STEP, {"apps": [{"name": "web"}]}, replace(ctx, argocd=connect))
    assert isinstance(done, Succeeded)
    application = await hasty.get("argocd", "web")
    assert application["metadata"]["labels"] == {"touched": "yes"}
    assert len(application["status"]["history"]) == 1


async def test_another_promotion_syncs_again(sandbox, argocd, ctx):
    """The outcome of an earlier promotion's operation is not taken for ours."""
    create(sandbox)
    await attempts(STEP, {"apps": [{"name": "web"}]}, ctx)
    await attempts(STEP, {"apps": [{"name": "web"}]}, replace(ctx, promotion="test.01jx.second"))
    state = (await argocd.get("argocd", "web"))["status"]["operationState"]
    promotions = [info["value"] for info in state["operation"]["info"] if info["name"].endswith("/promotion")]
    assert promotions == ["test.01jx.second"]


async def test_somebody_elses_operation_is_waited_for(sandbox, argocd, ctx):
    """An operation under way is neither cut short nor taken for ours."""
    create(sandbox)
    foreign = {"operation": {"initiatedBy": {"username": "ana"}, "sync": {}}}
    await argocd.patch("argocd", "web", foreign)
    async with asyncio.timeout(5):
        while not (await argocd.get("argocd", "web")).get("status", {}).get("operationState"):
            await asyncio.sleep(0.005)
    *_, done = await attempts(STEP, {"apps": [{"name": "web"}]}, ctx)
    assert isinstance(done, Succeeded)
    assert len((await argocd.get("argocd", "web"))["status"]["history"]) == 2


async def test_selector(sandbox, ctx):
    """All Applications with the labels are synced that let the Stage; the others are passed over."""
    create(sandbox, "web", team="core")
    create(sandbox, "api", team="core")
    create(sandbox, "vault", stage="other:test", team="core")
    create(sandbox, "db", team="data")
    *_, done = await attempts(STEP, {"apps": [{"selector": {"matchLabels": {"team": "core"}}}]}, ctx)
    assert sorted(app["name"] for app in done.outputs["apps"]) == ["api", "web"]


async def test_one_of_many_may_not_be_patched(sandbox, argocd, ctx):
    """All are started at once; an account that may not change one says so, and the others have begun."""
    names = [f"web-{number}" for number in range(5)]
    for name in names:
        create(sandbox, name, team="core")
    sandbox.faults.add(Fault(method="PATCH", match="^/apis/.*/web-1$", kind="status", status=403))
    config = STEP.Config.model_validate({"apps": [{"selector": {"matchLabels": {"team": "core"}}}]})
    with pytest.raises(Unauthorized, match="patch Application argocd/web-1"):
        await STEP.run(config, ctx)
    async with asyncio.timeout(15):
        while [name for name in names if await begun(argocd, name)] != [name for name in names if name != "web-1"]:
            await asyncio.sleep(0.05)


async def begun(argocd, name):
    """Whether our operation was asked for."""
    application = await argocd.get("argocd", name)
    return "operation" in application or "operationState" in application.get("status", {})


async def test_a_failed_sync(sandbox, ctx):
    """What Argo CD says about a sync that failed reaches the person."""
    create(sandbox)
    await sandbox.commit("deploy", {"broken.yaml": "apiVersion: v1\nkind: ConfigMap\n"}, "no name")
    await sandbox.commit("deploy", {"kustomization.yaml": "resources: [broken.yaml]\n"}, "use it")
    with pytest.raises(Retryable, match="failed to sync: one or more objects failed"):
        await attempts(STEP, {"apps": [{"name": "web"}]}, ctx)


@pytest.mark.parametrize(
    ("app", "said"),
    [
        pytest.param({"name": "gone"}, "looked for Argo CD Application 'gone'", id="missing"),
        pytest.param({"name": "vault"}, "annotate it with kargo.akuity.io/authorized-stage: shop:test", id="closed"),
        pytest.param(
            {"name": "web", "sources": [{"repoURL": "https://other"}]}, "has no source with repoURL", id="no-source"
        ),
    ],
)
async def test_refusals(sandbox, ctx, app, said):
    """What cannot be done is said with what to do about it, and may be tried again."""
    create(sandbox)
    create(sandbox, "vault", stage="other:test")
    with pytest.raises(Retryable, match=said):
        await attempts(STEP, {"apps": [app]}, ctx)


async def test_without_a_connection(tmp_path):
    """Without Argo CD the step says what to configure."""
    with pytest.raises(Invalid, match="no Argo CD connection is configured"):
        await attempts(STEP, {"apps": [{"name": "web"}]}, step_context(tmp_path))
