"""The Kubernetes API and Argo CD's own do the same, as far as promotions see."""

import asyncio
from dataclasses import replace

import pytest

from blocks.errors import Conflict, Unauthorized, Unreachable
from flows.promotion.result import HEALTH_CHECKS, Succeeded
from flows.promotion.steps import STEPS
from tests.blocks.applications.conftest import WAYS, create
from tests.flows.promotion.steps.argocd_sandbox import attempts
from tests.flows.promotion.workspace import step_context


def promotion_of(application):
    """The promotion whose operation an Application had last."""
    infos = {each["name"]: each["value"] for each in application["status"]["operationState"]["operation"]["info"]}
    return infos["kargo.akuity.io/promotion"]


async def test_get_and_list(sandbox, argocd):
    """An Application comes whole, a missing one is None, and labels pick within a namespace."""
    create(sandbox, "web", team="core")
    create(sandbox, "db", team="data")
    create(sandbox, "web", namespace="elsewhere", team="core")
    assert (await argocd.get("argocd", "web"))["spec"]["source"]["path"] == "."
    assert await argocd.get("argocd", "api") is None
    assert [each["metadata"]["name"] for each in await argocd.list("argocd", "team in (core)")] == ["web"]
    assert len(await argocd.list("argocd")) == 2


async def test_promote(sandbox, argocd, tmp_path):
    """argocd-update edits, syncs and finds its own operation; argocd-wait sees it through."""
    create(sandbox, "web")
    commit = await sandbox.commit("deploy", {"b": "c"}, "more")

    async def connect():
        return argocd

    ctx = step_context(tmp_path, argocd=connect, actor="")
    source = {"repoURL": sandbox.git_url("deploy"), "desiredRevision": commit, "updateTargetRevision": True}
    config = {"apps": [{"name": "web", "sources": [source]}]}
    *_, done = await attempts(STEPS["argocd-update"], config, ctx)
    assert isinstance(done, Succeeded)
    assert done.outputs[HEALTH_CHECKS] == [{"namespace": "argocd", "name": "web", "desiredRevisions": [commit]}]
    application = await argocd.get("argocd", "web")
    assert (application["spec"]["source"]["targetRevision"], promotion_of(application)) == (commit, ctx.promotion)
    *_, waited = await attempts(STEPS["argocd-wait"], {"apps": [{"name": "web"}]}, ctx)
    assert isinstance(waited, Succeeded)
    await attempts(STEPS["argocd-update"], {"apps": [{"name": "web"}]}, replace(ctx, promotion="test.02.second"))
    assert promotion_of(await argocd.get("argocd", "web")) == "test.02.second"


async def test_a_window(sandbox, argocd, tmp_path):
    """While a sync window is closed the step waits, and goes on when it opens."""
    create(sandbox, "web")
    sandbox.world.cluster.close_window(True)

    async def connect():
        return argocd

    step, ctx = STEPS["argocd-update"], step_context(tmp_path, argocd=connect, actor="")
    first = await step.run(step.Config.model_validate({"apps": [{"name": "web"}]}), ctx)
    assert first.message
    sandbox.world.cluster.close_window(False)
    *_, done = await attempts(step, {"apps": [{"name": "web"}]}, ctx)
    assert isinstance(done, Succeeded)


async def test_what_changed_meanwhile(sandbox, argocd):
    """A sync judged on an older version is a conflict, and starts nothing."""
    create(sandbox, "web")
    old = await argocd.get("argocd", "web")
    await argocd.patch("argocd", "web", {"metadata": {"labels": {"a": "b"}}})
    stale = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}, "operation": {"sync": {}}}
    with pytest.raises(Conflict):
        await argocd.sync("argocd", "web", stale)
    assert "operation" not in await argocd.get("argocd", "web")


@pytest.mark.parametrize("way", list(WAYS))
async def test_a_wrong_token(sandbox, way):
    """A token that opens nothing is said, and not repeated."""
    connected = WAYS[way](sandbox.url, "s3cret")
    with pytest.raises(Unauthorized, match="answered 401") as error:
        await connected.get("argocd", "web")
    assert "s3cret" not in f"{error.value} {connected!r}"
    await connected.close()


@pytest.mark.parametrize("way", list(WAYS))
async def test_nobody_there(way):
    """A server that does not answer may do so later."""
    connected = WAYS[way]("http://127.0.0.1:1")
    with pytest.raises(Unreachable, match="get Application argocd/web"):
        await connected.get("argocd", "web")
    assert not await connected.feed("argocd").listed(0.1)
    async with asyncio.timeout(20):
        while not connected.feed("argocd").problem:
            await asyncio.sleep(0.05)
    await connected.close()
