"""The same cases against the sandbox and, where there is one, against a real cluster with Argo CD.

`DRAYAGE_TEST_KUBECONFIG` names a kubeconfig file of a cluster with Argo CD's CRDs and controller; the Applications are
made in its namespace `argocd` (or `DRAYAGE_TEST_ARGOCD_NAMESPACE`), deploy `DRAYAGE_TEST_REPOSITORY` into the namespace
`drayage-test`, and are deleted after.
"""

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from ruamel.yaml import YAML

from blocks.applications.kubernetes_watch import path
from blocks.argocd import ArgoCD
from blocks.errors import Retryable
from deployments.sandbox.argocd_controller import Timing
from deployments.sandbox.server import Sandbox
from flows.promotion.argocd.health import judge_health
from flows.promotion.result import HEALTH_CHECKS, Succeeded, Waiting
from flows.promotion.steps import STEPS
from tests.flows.promotion.workspace import step_context

KUBECONFIG = "DRAYAGE_TEST_KUBECONFIG"
EXAMPLES = "https://github.com/argoproj/argocd-example-apps.git"
UPDATE, WAIT = STEPS["argocd-update"], STEPS["argocd-wait"]


@dataclass
class Place:
    """An Argo CD, a repository it can read, and the names of what was made there."""

    argocd: ArgoCD
    repository: str
    folder: str
    seconds: float
    mark: str

    async def create(self, name, stage="shop:test"):
        """Create an Application that nothing syncs by itself."""
        source = {"repoURL": self.repository, "path": self.folder, "targetRevision": "HEAD"}
        destination = {"server": "https://kubernetes.default.svc", "namespace": "drayage-test"}
        policy = {"syncOptions": ["CreateNamespace=true"], "retry": {"limit": 1}}
        metadata = {
            "name": f"{name}-{self.mark}",
            "labels": {"drayage-test": self.mark},
            "annotations": {"kargo.akuity.io/authorized-stage": stage},
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        }
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": metadata,
            "spec": {"project": "default", "source": source, "destination": destination, "syncPolicy": policy},
        }
        await self.ask("POST", "", body)
        return metadata["name"]

    async def ask(self, method, name, body=None):
        """Ask the Kubernetes API for what promotions never do."""
        where = path(self.argocd.namespace) + (f"/{name}" if name else "")
        headers = {"content-type": "application/json"}
        return await self.argocd._asking.ask(
            f"{method} {name}", method, where, headers=headers, content=json.dumps(body or {})
        )

    async def clear(self):
        """Delete all that was made."""
        for each in await self.argocd.list(self.argocd.namespace, f"drayage-test={self.mark}"):
            await self.ask("DELETE", each["metadata"]["name"])


@pytest.fixture(params=["sandbox", "cluster"])
async def place(request, tmp_path):
    """The sandbox, and the real cluster when there is one."""
    mark = uuid4().hex[:8]
    if request.param == "sandbox":
        timing = Timing(poll=0.2, syncing=0.05, progressing=0.1)
        async with Sandbox(tmp_path / "sandbox", timing=timing) as sandbox:
            file = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
            url = await sandbox.create_repository("deploy", {"guestbook/a.yaml": file})
            connected = ArgoCD.from_token(sandbox.url, "")
            yield Place(connected, url, "guestbook", 60, mark)
            await connected.close()
        return
    if KUBECONFIG not in os.environ:
        pytest.skip(f"{KUBECONFIG} names no kubeconfig of a cluster with Argo CD")
    kubeconfig = YAML(typ="safe").load(Path(os.environ[KUBECONFIG]).read_text())
    connected = ArgoCD.from_kubeconfig(kubeconfig, os.environ.get("DRAYAGE_TEST_ARGOCD_NAMESPACE", "argocd"))
    place = Place(connected, os.environ.get("DRAYAGE_TEST_REPOSITORY", EXAMPLES), "guestbook", 300, mark)
    try:
        yield place
    finally:
        await place.clear()
        await connected.close()


@pytest.fixture
def ctx(place, tmp_path):
    """A step's context there."""

    async def connect():
        return place.argocd

    return step_context(tmp_path, argocd=connect, actor="")


async def run(step, config, ctx, place):
    """Attempt as the engine does, resting as the step wishes, and return the result."""
    checked = step.Config.model_validate(config)
    async with asyncio.timeout(place.seconds):
        while isinstance(result := await step.run(checked, ctx), Waiting):
            await result.rest(result.again_in)
    return result


async def test_promote_and_wait(place, ctx):
    """By name: synced to the revision demanded, then healthy, in sync, with nothing under way."""
    name = await place.create("web")
    namespace = place.argocd.namespace
    async with asyncio.timeout(place.seconds):
        while not (seen := (await place.argocd.get(namespace, name)).get("status", {}).get("sync", {}).get("revision")):
            await asyncio.sleep(0.2)
    sources = [{"repoURL": place.repository, "desiredRevision": seen}]
    done = await run(UPDATE, {"apps": [{"name": name, "sources": sources}]}, ctx, place)
    assert isinstance(done, Succeeded)
    assert isinstance(await run(WAIT, {"apps": [{"name": name}]}, ctx, place), Succeeded)
    checks = done.outputs[HEALTH_CHECKS]
    assert checks == [{"namespace": namespace, "name": name, "desiredRevisions": [seen]}]
    assert judge_health(checks, [await place.argocd.get(namespace, name)]).status == "Healthy"
    # Attached to, not begun again.
    before = (await place.argocd.get(namespace, name))["status"]["operationState"]["startedAt"]
    assert isinstance(await run(UPDATE, {"apps": [{"name": name, "sources": sources}]}, ctx, place), Succeeded)
    assert (await place.argocd.get(namespace, name))["status"]["operationState"]["startedAt"] == before


async def test_selector_and_authorisation(place, ctx):
    """By labels only what lets the Stage is synced; named, an Application that does not is refused."""
    mine, other = await place.create("web"), await place.create("vault", stage="other:test")
    selector = {"matchLabels": {"drayage-test": place.mark}}
    done = await run(UPDATE, {"apps": [{"selector": selector}]}, ctx, place)
    assert [each["name"] for each in done.outputs["apps"]] == [mine]
    with pytest.raises(Retryable, match="annotate it with"):
        await run(UPDATE, {"apps": [{"name": other}]}, ctx, place)


async def test_somebody_elses_operation(place, ctx):
    """An operation of somebody else is waited for, and ours follows it."""
    name = await place.create("web")
    foreign = {"operation": {"initiatedBy": {"username": "ana"}, "sync": {}}}
    await place.argocd.patch(place.argocd.namespace, name, foreign)
    assert isinstance(await run(UPDATE, {"apps": [{"name": name}]}, ctx, place), Succeeded)
    state = (await place.argocd.get(place.argocd.namespace, name))["status"]["operationState"]
    assert {"name": "kargo.akuity.io/promotion", "value": ctx.promotion} in state["operation"]["info"]


async def test_a_revision_that_is_not_there(place, ctx):
    """A sync that cannot succeed is said in Argo CD's words, and repeated after a pause, not at once."""
    name = await place.create("web")
    source = {"repoURL": place.repository, "desiredRevision": "0" * 40, "updateTargetRevision": True}
    config = UPDATE.Config.model_validate({"apps": [{"name": name, "sources": [source]}]})
    async with asyncio.timeout(place.seconds):
        while (result := await UPDATE.run(config, ctx)).rest is not None:
            await result.rest(result.again_in)
    assert result.again_in == 5.0
    assert "without a sync result: " in result.message or "was synced to" in result.message
