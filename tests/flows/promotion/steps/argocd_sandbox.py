"""What the tests of the Argo CD steps share: a sandbox with a repository, Applications, and a step's context."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from blocks.argocd import ArgoCD
from deployments.sandbox.server import Sandbox
from flows.promotion.result import Waiting
from tests.flows.promotion.workspace import step_context

FILES = {
    "kustomization.yaml": "resources: [deployment.yaml]\n",
    "deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: "acme/web:v1"}]}}}
""",
}


@pytest.fixture
async def sandbox(tmp_path):
    """A sandbox with one repository, `deploy`."""
    async with Sandbox(tmp_path / "sandbox") as running:
        await running.create_repository("deploy", FILES)
        yield running


@pytest.fixture
async def argocd(sandbox):
    """A connection to its Applications."""
    connected = ArgoCD.from_token(sandbox.url, "")
    yield connected
    await connected.close()


@pytest.fixture
def ctx(argocd, tmp_path):
    """A step's context that reaches the sandbox."""

    async def connect():
        return argocd

    return step_context(tmp_path, argocd=connect, actor="")


def create(sandbox, name="web", stage="shop:test", **labels):
    annotations = {"kargo.akuity.io/authorized-stage": stage}
    source = {"repoURL": sandbox.git_url("deploy"), "targetRevision": "main", "path": "."}
    spec = {"source": source, "project": "default", "destination": {"namespace": "default"}}
    metadata = {"name": name, "labels": labels, "annotations": annotations}
    application = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec}
    sandbox.world.applications.create("argocd", application, datetime.now(UTC))


async def attempts(step, config, ctx):
    """Attempt as the engine does, until the step no longer waits; return all results."""
    results = []
    async with asyncio.timeout(15):
        while not results or isinstance(results[-1], Waiting):
            previous = results[-1].outputs if results else {}
            results.append(await step.run(step.Config.model_validate(config), replace(ctx, previous=previous)))
            await asyncio.sleep(0.05)
    return results
