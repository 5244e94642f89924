"""Argo CDs are found by the names of their blocks, and each is connected to once. On a real Prefect server."""

import pytest
from prefect.testing.utilities import prefect_test_harness
from pydantic import SecretStr

from blocks.argocd import ArgoCD
from blocks.argocd_api import ArgoCDApi
from blocks.argocd_block import ArgoCDApiConnection, ArgoCDConnection
from blocks.errors import NotFound
from flows.clusters import Clusters


@pytest.fixture(scope="module")
def prefect_server():
    """A Prefect of one's own."""
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture
async def clusters():
    """No connection yet."""
    opened = Clusters()
    yield opened
    await opened.close()


@pytest.mark.usefixtures("prefect_server")
async def test_which_argo_cd(clusters):
    """A project's own before the shared one, Kubernetes before the API; who says the same shares a connection."""
    with pytest.raises(NotFound, match="'drayage-argocd/default' or 'drayage-argocd-api/default'"):
        await clusters.of("shop")
    await ArgoCDConnection(server="http://one").asave("default")
    default = await _fresh(clusters, "shop")
    assert isinstance(default, ArgoCD)
    assert await _fresh(clusters, "blog") is default

    await ArgoCDConnection(server="http://one").asave("blog--argocd")
    assert await _fresh(clusters, "blog") is default, "another name for the same is the same"
    await ArgoCDApiConnection(server="http://two", token=SecretStr("t")).asave("shop--argocd")
    own = await _fresh(clusters, "shop")
    assert isinstance(own, ArgoCDApi)
    assert await _fresh(clusters, "blog") is default

    await ArgoCDApiConnection(server="http://eu", token=SecretStr("t")).asave("eu")
    assert isinstance(await _fresh(clusters, "shop", "eu"), ArgoCDApi)
    await ArgoCDConnection(server="http://eu", namespace="cd").asave("shop--argocd-eu")
    assert (await _fresh(clusters, "shop", "eu")).namespace == "cd"
    assert (await _fresh(clusters, "blog", "eu")).namespace == "argocd"
    with pytest.raises(NotFound, match="no Argo CD 'us' is known for project 'shop'"):
        await clusters.of("shop", "us")


async def _fresh(clusters, project, name=""):
    """What is found when the blocks are read now."""
    clusters._read_at = float("-inf")
    return await clusters.of(project, name)
