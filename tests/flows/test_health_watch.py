"""How Stages are, watched for as long as they hold something: on a real ledger and the sandbox's Argo CD."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from blocks.chart_repository import ChartRepositories
from blocks.credential_exchange.exchanger import Exchanger
from blocks.credential_exchange.wanted import Site
from blocks.git.mirror import Mirrors
from blocks.image_registry import ImageRegistry
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import FreightRecord, Phase, PromotionRecord
from blocks.settings import Settings
from blocks.web import Web
from deployments.rehearsal_world import RehearsalWorld
from deployments.sandbox.argocd_controller import Timing
from deployments.sandbox.faults import Fault
from deployments.sandbox.server import Sandbox
from flows import health_watch
from flows.credentials_lookup import CredentialsLookup
from flows.health import read_health, wait_until_healthy
from flows.health_watch import HealthWatch

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec: {{replicas: 1, template: {{spec: {{containers: [{{name: web, image: "acme/web:{tag}"}}]}}}}}}
"""


@pytest.fixture
async def sandbox(tmp_path):
    """A sandbox with an Application that follows Git."""
    async with Sandbox(tmp_path / "sandbox", timing=Timing(poll=0.2, syncing=0.02, progressing=0.5)) as running:
        await running.create_repository("deploy", {"web.yaml": DEPLOYMENT.format(tag="1")})
        yield running


@pytest.fixture
async def here(sandbox, tmp_path):
    """A world without Prefect: a ledger, and the sandbox as its only Argo CD."""
    settings = Settings(_env_file=None, home=tmp_path, ledger_url=None, ambient_credentials="none")
    opened = RehearsalWorld(
        settings=settings,
        ledger=await Ledger.open(settings.ledger),
        git=Mirrors(tmp_path / "mirrors", memory=0.0),
        registry=ImageRegistry(),
        charts=ChartRepositories(),
        web=Web(),
        lookup=CredentialsLookup(Exchanger(Site())),
        tells=False,
        cluster=sandbox.url,
    )
    yield opened
    for close in (opened.close_argocd, opened.registry.aclose, opened.charts.aclose, opened.web.aclose):
        await close()
    await opened.ledger.close()


@pytest.fixture
def watch(here):
    """The watch over both."""
    return HealthWatch(here)


def create(sandbox, name="web"):
    """Create an Application that syncs itself."""
    source = {"repoURL": sandbox.git_url("deploy"), "path": ".", "targetRevision": "main"}
    spec = {"source": source, "project": "default", "destination": {"namespace": "shop"}}
    spec |= {"syncPolicy": {"automated": {}}}
    application = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name},
        "spec": spec,
    }
    sandbox.world.applications.create("argocd", application, datetime.now(UTC))


async def promote(ledger, checks, number=1, end=True):
    """Carry a promotion of image web:1 into Stage test through, with what it left to watch; or leave it running."""
    content = {"images": [{"repoURL": "acme/web", "tag": "1"}]}
    await ledger.freight.record(FreightRecord("shop", "f1", "brave", "web", content, NOW, NOW), [], NOW)
    name = f"test.0{number}.f1"
    await ledger.promotions.create(PromotionRecord("shop", name, "test", "f1", "web", "user:ann", NOW))
    await ledger.promotions.start("shop", name, "run", NOW + HOUR, {"web": "f1"}, NOW)
    if end:
        await ledger.promotions.finish("shop", name, "run", Phase.SUCCEEDED, "", NOW, checks)
    return name


async def seen(watch, here, right):
    """Look again whenever something happens, until the Stage is as it should be, and return how it is."""
    health = None
    try:
        async with asyncio.timeout(60):
            while True:
                await watch.look()
                health = await here.ledger.healths.get("shop", "test")
                if health and right(health):
                    return health
                await watch.changed(2)
    except TimeoutError:
        raise AssertionError(f"seen last: {health}") from None


async def head(sandbox):
    return (await sandbox.world.git.refs("deploy"))["refs/heads/main"]


async def test_a_stage_over_time(sandbox, here, watch):
    """Healthy, scaled, broken, healed, drifted, promoted again and gone: each is in the ledger, with its sentence."""
    create(sandbox)
    commit = await head(sandbox)
    first = await promote(here.ledger, [{"namespace": "argocd", "name": "web", "desiredRevisions": [""]}])
    healthy = await seen(watch, here, lambda health: health.status == "Healthy")
    assert (healthy.issues, healthy.drift, healthy.promotion) == ([], [], first)
    assert await watch.look() == []

    uid = sandbox.world.applications.get("argocd", "web")["metadata"]["uid"]
    sandbox.world.cluster.scale(uid, "web", 5, datetime.now(UTC).timestamp())
    scaled = await seen(watch, here, lambda health: bool(health.drift))
    assert scaled.status in ("Progressing", "Healthy")
    assert "is OutOfSync: what runs is not what Git says" in scaled.drift[0]

    sandbox.world.cluster.mark("acme/web:1", bad=True)
    broken = await seen(watch, here, lambda health: health.status == "Unhealthy")
    assert broken.issues == ["Argo CD Application 'web' in namespace 'argocd' is Degraded"]
    sandbox.world.cluster.mark("acme/web:1", bad=False)

    await sandbox.commit("deploy", {"web.yaml": DEPLOYMENT.format(tag="2")}, "somebody else")
    others = "image acme/web runs as 2, while 1 was promoted"
    drifted = await seen(watch, here, lambda health: health.status == "Healthy" and others in health.drift)
    assert drifted.drift == [others]

    second = await promote(here.ledger, [{"namespace": "argocd", "name": "web", "desiredRevisions": [commit]}], 2)
    elsewhere = await seen(watch, here, lambda health: health.status == "Unhealthy")
    assert elsewhere.promotion == second
    assert f"instead of {commit!r}" in elsewhere.issues[0]

    third = await promote(here.ledger, [], 3, end=False)
    running = await seen(watch, here, lambda health: health.status == "Unknown")
    assert running.issues == [f"Promotion {third!r} is under way"]
    await here.ledger.stages.remove("shop", "test", NOW)
    await watch.look()
    assert await here.ledger.healths.of("shop") == {}


async def test_what_cannot_be_seen(sandbox, here, watch, monkeypatch):
    """Applications that are gone, and an Argo CD that does not answer, leave the Stage Unknown and say so."""
    await promote(here.ledger, [{"namespace": "argocd", "name": "gone"}])
    missing = await seen(watch, here, lambda health: True)
    assert (missing.status, missing.issues) == (
        "Unknown",
        ["Argo CD Application 'gone' in namespace 'argocd' is not there"],
    )
    monkeypatch.setattr(health_watch, "LISTED", 0.2)
    nowhere = RehearsalWorld(**{**vars(here), "cluster": "http://127.0.0.1:1", "_argocd": None})
    await HealthWatch(nowhere).look()
    health = await here.ledger.healths.get("shop", "test")
    assert health.status == "Unknown"
    assert "get Application argocd/gone" in health.issues[0]
    await nowhere.close_argocd()


async def test_an_outage_is_not_the_end_of_waiting(sandbox, here):
    """While Argo CD cannot be asked a Stage is Unknown, and whoever waits for its health goes on waiting."""
    create(sandbox)
    promotion = await promote(here.ledger, [{"namespace": "argocd", "name": "web"}])
    sandbox.faults.add(Fault(match="/apis", kind="status", status=503))
    verdict = await read_health(here, "shop", [{"namespace": "argocd", "name": "web"}])
    assert verdict.status == "Unknown"
    assert "answered 503" in verdict.issues[0]
    waiting = asyncio.ensure_future(wait_until_healthy(here, "shop", "test", promotion))
    sandbox.faults.clear()
    async with asyncio.timeout(60):
        await waiting


async def test_no_checks_are_healthy(here, watch):
    """A Stage whose promotion registered nothing is Healthy (Kargo); written once, it is not written again."""
    await promote(here.ledger, [])
    [changed] = await watch.look()
    assert (changed.stage, changed.status) == ("test", "Healthy")
    assert await watch.look() == []
