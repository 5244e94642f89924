"""The same cases against the sandbox and, where there is one, against a real cluster with Argo CD.

`DRAYAGE_TEST_KUBECONFIG` names a kubeconfig file of a cluster with Argo CD's CRDs and controller; the Applications are
made in its namespace `argocd` (or `DRAYAGE_TEST_ARGOCD_NAMESPACE`), deploy `DRAYAGE_TEST_PATH` of
`DRAYAGE_TEST_REPOSITORY` into a namespace `drayage-test-…` each, and both are deleted after. With
`DRAYAGE_TEST_ARGOCD_SERVER` and `DRAYAGE_TEST_ARGOCD_TOKEN` the same is asked of Argo CD's own API, whose certificate
is not looked at when `DRAYAGE_TEST_ARGOCD_INSECURE` is `true`.
"""

import asyncio
import json
import os
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from ruamel.yaml import YAML

from blocks.applications.kubernetes_watch import path
from blocks.argocd import ArgoCD
from blocks.argocd_api import ArgoCDApi
from blocks.argocd_block import ArgoCDApiConnection, Connection
from blocks.errors import DrayageError, Invalid, Retryable
from deployments.sandbox.argocd_controller import Timing
from deployments.sandbox.server import Sandbox
from flows.promotion.argocd.health import judge_health
from flows.promotion.result import HEALTH_CHECKS, Succeeded, Waiting
from flows.promotion.steps import STEPS
from tests.flows.promotion.workspace import step_context

KUBECONFIG, SERVER, TOKEN = "DRAYAGE_TEST_KUBECONFIG", "DRAYAGE_TEST_ARGOCD_SERVER", "DRAYAGE_TEST_ARGOCD_TOKEN"
EXAMPLES = "https://github.com/argoproj/argocd-example-apps.git"
UPDATE, WAIT = STEPS["argocd-update"], STEPS["argocd-wait"]


@dataclass
class Place:
    """An Argo CD, the Kubernetes API behind it, a repository it can read, and the names of what was made there."""

    argocd: Connection
    kubernetes: ArgoCD
    repository: str
    folder: str
    seconds: float
    mark: str

    @property
    def namespace(self):
        """Where the Applications deploy to: each test into a namespace of its own."""
        return f"drayage-test-{self.mark}"

    async def create(self, name, stage="shop:test"):
        """Create an Application that nothing syncs by itself."""
        source = {"repoURL": self.repository, "path": self.folder, "targetRevision": "HEAD"}
        destination = {"server": "https://kubernetes.default.svc", "namespace": self.namespace}
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
        await self.ask("POST", path(self.argocd.namespace), body)
        return metadata["name"]

    async def ask(self, method, where, body=None):
        """Ask the Kubernetes API for what promotions never do."""
        headers = {"content-type": "application/json"}
        content = json.dumps(body) if body else None
        return await self.kubernetes.asking.ask(f"{method} {where}", method, where, headers=headers, content=content)

    async def mine(self):
        """What was made and is still there."""
        return await self.kubernetes.list(self.argocd.namespace, f"drayage-test={self.mark}")

    async def clear(self):
        """Delete all that was made, and wait until it is gone: what comes after begins with nothing."""
        for each in await self.mine():
            await self.ask("DELETE", f"{path(self.argocd.namespace)}/{each['metadata']['name']}")
        async with asyncio.timeout(self.seconds):
            while await self.mine():
                await asyncio.sleep(0.1)


@asynccontextmanager
async def in_sandbox(folder, api):
    """A sandbox with a repository whose workload comes up at once."""
    timing = Timing(poll=0.2, syncing=0.05, progressing=0.1)
    async with Sandbox(folder, timing=timing) as sandbox:
        file = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
        url = await sandbox.create_repository("deploy", {"guestbook/a.yaml": file})
        kubernetes = ArgoCD.from_token(sandbox.url, "")
        argocd = ArgoCDApi(sandbox.url, "any") if api else kubernetes
        yield Place(argocd, kubernetes, url, "guestbook", 60, uuid4().hex[:8])


@asynccontextmanager
async def in_cluster(folder, api):
    """The cluster that the environment names. Its namespace of the test is deleted too, where that is allowed."""
    needed = [KUBECONFIG, *([SERVER, TOKEN] if api else [])]
    if missing := [name for name in needed if name not in os.environ]:
        pytest.skip(f"a real Argo CD is asked when {' and '.join(missing)} is set")
    namespace = os.environ.get("DRAYAGE_TEST_ARGOCD_NAMESPACE", "argocd")
    kubeconfig = YAML(typ="safe").load(Path(os.environ[KUBECONFIG]).read_text())
    argocd = kubernetes = ArgoCD.from_kubeconfig(kubeconfig, namespace)
    if api:
        insecure = os.environ.get("DRAYAGE_TEST_ARGOCD_INSECURE") == "true"
        token = SecretStr(os.environ[TOKEN])
        argocd = ArgoCDApiConnection(
            server=os.environ[SERVER], token=token, namespace=namespace, insecure_skip_tls_verify=insecure
        ).connect()
    repository = os.environ.get("DRAYAGE_TEST_REPOSITORY", EXAMPLES)
    place = Place(
        argocd, kubernetes, repository, os.environ.get("DRAYAGE_TEST_PATH", "guestbook"), 300, uuid4().hex[:8]
    )
    try:
        yield place
    finally:
        with suppress(DrayageError):
            await place.ask("DELETE", f"/api/v1/namespaces/{place.namespace}")


PLACES = {"sandbox": in_sandbox, "cluster": in_cluster}


@pytest.fixture(params=["sandbox", "sandbox-api", "cluster", "cluster-api"])
async def place(request, tmp_path):
    """The sandbox, and the real cluster when there is one; each by both ways."""
    where, _, api = request.param.partition("-")
    async with PLACES[where](tmp_path / "sandbox", bool(api)) as opened:
        try:
            yield opened
        finally:
            await opened.clear()
            for each in {opened.argocd, opened.kubernetes}:
                await each.close()


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
            await (result.rest or asyncio.sleep)(result.again_in)
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
    await place.kubernetes.patch(place.argocd.namespace, name, foreign)
    assert isinstance(await run(UPDATE, {"apps": [{"name": name}]}, ctx, place), Succeeded)
    state = (await place.argocd.get(place.argocd.namespace, name))["status"]["operationState"]
    assert {"name": "kargo.akuity.io/promotion", "value": ctx.promotion} in state["operation"]["info"]


async def test_a_revision_that_is_not_there(place, ctx):
    """A sync that cannot succeed is said in Argo CD's words, and repeated after a pause, not at once.

    Argo CD's own API may look at the revision itself, and refuse.
    """
    name = await place.create("web")
    source = {"repoURL": place.repository, "desiredRevision": "0" * 40, "updateTargetRevision": True}
    config = UPDATE.Config.model_validate({"apps": [{"name": name, "sources": [source]}]})
    try:
        async with asyncio.timeout(place.seconds):
            while (result := await UPDATE.run(config, ctx)).rest is not None:
                await result.rest(result.again_in)
    except Invalid as error:
        assert place.argocd is not place.kubernetes
        assert "it answered 400" in str(error)
        return
    assert result.again_in == 5.0
    assert "without a sync result: " in result.message or "synced to" in result.message
