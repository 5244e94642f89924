"""Applications are read and changed over the Kubernetes API. Against the sandbox's API and Argo CD controller."""

import asyncio
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from blocks.argocd import PAGE, ArgoCD
from blocks.argocd_block import ArgoCDConnection
from blocks.errors import Conflict, Invalid, NotFound, RateLimited, Terminal, Unauthorized, Unreachable
from deployments.sandbox.faults import Fault
from deployments.sandbox.kubernetes_api import kubeconfig
from deployments.sandbox.server import Sandbox

TOKEN = "sandbox-token"


@pytest.fixture
async def sandbox(tmp_path):
    """A sandbox that asks for a token."""
    async with Sandbox(tmp_path, token=TOKEN) as running:
        yield running


@pytest.fixture
async def argocd(sandbox):
    """A connection to it."""
    connected = ArgoCD.from_token(sandbox.url, TOKEN)
    yield connected
    await connected.close()


def create(sandbox, name, namespace="argocd", **labels):
    spec = {"source": {"repoURL": "x"}, "project": "default", "destination": {"namespace": "default"}}
    metadata = {"name": name, "labels": labels}
    application = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec}
    return sandbox.world.applications.create(namespace, application, datetime.now(UTC))


async def test_get(sandbox, argocd):
    """An Application comes as the API returns it; one that does not exist is None."""
    create(sandbox, "web")
    assert (await argocd.get("argocd", "web"))["spec"]["source"] == {"repoURL": "x"}
    assert await argocd.get("argocd", "api") is None
    assert await argocd.get("elsewhere", "web") is None


async def test_list(sandbox, argocd):
    """A label selector picks within a namespace, over several pages."""
    for index in range(PAGE + 5):
        create(sandbox, f"web-{index:03}", team="core")
    create(sandbox, "db", team="data")
    create(sandbox, "web", namespace="elsewhere", team="core")
    names = [each["metadata"]["name"] for each in await argocd.list("argocd", "team=core")]
    assert names == [f"web-{index:03}" for index in range(PAGE + 5)]
    assert [each["metadata"]["name"] for each in await argocd.list("argocd", "team in (data),!env")] == ["db"]


async def test_list_has_a_limit(sandbox, argocd):
    """A selector that matches the whole company's Applications is refused."""
    for index in range(PAGE + 1):
        create(sandbox, f"web-{index}")
    assert len(await argocd.list("argocd", most=PAGE + 1)) == PAGE + 1
    for most in (PAGE, 1):
        with pytest.raises(Terminal, match=f"more than {most} Applications"):
            await argocd.list("argocd", most=most)


async def test_patch(sandbox, argocd):
    """A merge patch changes what it names and removes what it sets to null."""
    create(sandbox, "web", team="core", env="test")
    patched = await argocd.patch("argocd", "web", {"metadata": {"labels": {"env": None, "tier": "front"}}})
    assert patched["metadata"]["labels"] == {"team": "core", "tier": "front"}


async def test_patch_of_what_has_changed(sandbox, argocd):
    """A patch tied to a version that is no longer current is a conflict, and is not tried again."""
    old = create(sandbox, "web")
    await argocd.patch("argocd", "web", {"metadata": {"labels": {"a": "b"}}})
    stale = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"], "labels": {"a": "c"}}}
    with pytest.raises(Conflict, match="patch Application argocd/web"):
        await argocd.patch("argocd", "web", stale)


async def test_patch_of_nothing(argocd):
    """Patching what is not there says so."""
    with pytest.raises(NotFound, match="patch Application argocd/web"):
        await argocd.patch("argocd", "web", {})


async def test_refresh(sandbox, argocd):
    """Argo CD looks at an Application again when asked."""
    await sandbox.create_repository("deploy", {"a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"})
    create(sandbox, "web")
    await argocd.refresh("argocd", "web")
    async with asyncio.timeout(5):
        while "reconciledAt" not in (await argocd.get("argocd", "web")).get("status", {}):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("token", "said"),
    [
        pytest.param("s3cret", "answered 401", id="wrong-token"),
        pytest.param("", "answered 403", id="no-token"),
    ],
)
async def test_unauthorized(sandbox, token, said):
    """A wrong token is refused without repeating it."""
    connected = ArgoCD.from_token(sandbox.url, token)
    with pytest.raises(Unauthorized, match=said) as error:
        await connected.get("argocd", "web")
    assert "s3cret" not in f"{error.value} {connected!r}"


async def test_flaky_server(sandbox, argocd):
    """A request that fails once in a way that passes is simply done again."""
    create(sandbox, "web")
    sandbox.faults.add(Fault(match="/apis", kind="status", status=503, times=1))
    assert await argocd.get("argocd", "web")


async def test_rate_limited_server(sandbox, argocd):
    """A server that asks for more patience than one call has is left alone, and its wish is passed on."""
    sandbox.faults.add(Fault(match="/apis", kind="status", status=429, retry_after=60))
    with pytest.raises(RateLimited) as error:
        await argocd.get("argocd", "web")
    assert error.value.retry_after == 60


async def test_nobody_answers():
    """A cluster that is not there is worth another try later."""
    connected = ArgoCD.from_token("http://127.0.0.1:1", "token")
    with pytest.raises(Unreachable, match=r"get Application argocd/web.*127\.0\.0\.1:1"):
        await connected.get("argocd", "web")


async def test_a_server_without_argo_cd(sandbox):
    """Where the API knows no Applications at all, that is said, and not that one is missing."""
    connected = ArgoCD.from_token(f"{sandbox.url}/git", TOKEN)
    with pytest.raises(NotFound, match="Argo CD is installed"):
        await connected.get("argocd", "web")


async def test_kubeconfig(sandbox):
    """A kubeconfig's current context is used."""
    create(sandbox, "web")
    connected = ArgoCD.from_kubeconfig(kubeconfig(sandbox.url, TOKEN))
    assert await connected.get("argocd", "web")


@pytest.mark.parametrize("broken", [{}, {"contexts": []}, {"current-context": "s3cret"}])
def test_broken_kubeconfig(broken):
    """A kubeconfig that cannot be used is refused without repeating it."""
    with pytest.raises(Invalid, match="kubeconfig") as error:
        ArgoCD.from_kubeconfig(broken)
    assert "s3cret" not in str(error.value)


def test_outside_a_cluster():
    """Without any setting, a machine that is no pod is told what is missing."""
    with pytest.raises(Invalid, match="no Argo CD connection is configured"):
        ArgoCDConnection().connect()


async def test_two_connections_share_nothing(sandbox, tmp_path):
    """Two clusters in one process do not mix up."""
    async with Sandbox(tmp_path / "other", token="other") as other:
        create(sandbox, "web")
        here, there = ArgoCD.from_token(sandbox.url, TOKEN), ArgoCD.from_token(other.url, "other")
        assert [await each.get("argocd", "web") is None for each in (here, there, here)] == [False, True, False]


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("by", ["token", "kubeconfig"])
async def test_block(sandbox, by):
    """A connection saved in Prefect comes back usable, its secrets masked in between."""
    create(sandbox, "web")
    ways = {
        "token": {"server": sandbox.url, "token": SecretStr(TOKEN)},
        "kubeconfig": {"kubeconfig": kubeconfig(sandbox.url, TOKEN)},
    }
    saved = ArgoCDConnection(**ways[by])
    assert TOKEN not in repr(saved)
    await saved.asave(f"by-{by}", overwrite=True)
    loaded = await ArgoCDConnection.aload(f"by-{by}")
    connected = loaded.connect()
    assert (connected.namespace, bool(await connected.get("argocd", "web"))) == ("argocd", True)
