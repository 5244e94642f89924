"""Both ways to one sandbox's Argo CD."""

from datetime import UTC, datetime

import pytest

from blocks.argocd import ArgoCD
from blocks.argocd_api import ArgoCDApi
from deployments.sandbox.argocd_controller import Timing
from deployments.sandbox.server import Sandbox

TOKEN = "sandbox-token"
WAYS = {
    "kubernetes": lambda url, token=TOKEN: ArgoCD.from_token(url, token),
    "rest": lambda url, token=TOKEN: ArgoCDApi(url, token),
}


@pytest.fixture
async def sandbox(tmp_path):
    """A sandbox that asks for a token, with a repository that deploys nothing that has a health."""
    timing = Timing(poll=0.2, syncing=0.02, progressing=0.1)
    async with Sandbox(tmp_path, token=TOKEN, timing=timing) as running:
        await running.create_repository("deploy", {"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"})
        yield running


@pytest.fixture(params=list(WAYS))
async def argocd(sandbox, request):
    """A connection, each test once for each way."""
    connected = WAYS[request.param](sandbox.url)
    yield connected
    await connected.close()


def create(sandbox, name, namespace="argocd", **labels):
    """Create an Application of the repository."""
    spec = {
        "source": {"repoURL": sandbox.git_url("deploy"), "path": "."},
        "project": "default",
        "destination": {"namespace": "default"},
    }
    metadata = {"name": name, "labels": labels, "annotations": {"kargo.akuity.io/authorized-stage": "shop:test"}}
    application = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec}
    return sandbox.world.applications.create(namespace, application, datetime.now(UTC))
