"""Argo CDs and clusters of Jobs are found by the names of their blocks, each connected to once. On a real Prefect."""

import pytest
from pydantic import SecretStr

from blocks.argocd import ArgoCD
from blocks.argocd_api import ArgoCDApi
from blocks.argocd_block import ArgoCDApiConnection, ArgoCDConnection
from blocks.errors import NotFound, Refused
from blocks.kubernetes_block import KubernetesConnection
from flows import job_clusters
from flows.clusters import Clusters
from flows.job_clusters import JobClusters


@pytest.fixture
async def clusters():
    """No connection yet."""
    opened = Clusters(allow_plain_http_credentials=True)
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


@pytest.mark.usefixtures("prefect_server")
async def test_jobs_of_projects(monkeypatch):
    """Projects share a connection; a changed block makes a new one, and the old one is closed when nobody uses it."""
    clusters = JobClusters()
    with pytest.raises(NotFound, match="'drayage-kubernetes/default'"):
        await clusters.of("shop")
    await KubernetesConnection(server="https://one", token=SecretStr("t")).asave("default")
    first = await clusters.of("shop")
    assert await clusters.of("blog") is first

    await KubernetesConnection(server="https://two", token=SecretStr("t")).asave("default", overwrite=True)
    assert await clusters.of("shop") is first, "a block is read again after a while"
    monkeypatch.setattr(job_clusters, "READ_AGAIN_SECONDS", -1.0)
    second = await clusters.of("shop")
    assert (second.asking.server, second is first) == ("https://two", False)
    assert not first.asking._http.is_closed, "a verification may be using it"
    monkeypatch.setattr(job_clusters, "UNUSED_SECONDS", -1.0)
    third = await clusters.of("shop")
    assert first.asking._http.is_closed
    assert second.asking._http.is_closed
    await clusters.close()
    assert third.asking._http.is_closed


@pytest.mark.usefixtures("prefect_server")
async def test_no_token_over_plain_http():
    """Neither kind of connection sends a token over plain http, unless that is allowed."""
    await KubernetesConnection(server="http://plain", token=SecretStr("t")).asave("plain--kubernetes")
    with pytest.raises(Refused, match="over plain http: use https"):
        await JobClusters().of("plain")
    assert await JobClusters(allow_plain_http_credentials=True).of("plain")
    await KubernetesConnection(server="http://plain").asave("open--kubernetes")
    assert await JobClusters().of("open")
    await ArgoCDApiConnection(server="http://plain", token=SecretStr("t")).asave("plain--argocd")
    with pytest.raises(Refused, match="over plain http: use https"):
        await Clusters().of("plain")
