"""The Argo CD controller's finer ways: waves, windows, autoscalers, and who may not be synced."""

from datetime import UTC, datetime

import pytest

from deployments.sandbox.argocd_differences import compared_alike
from deployments.sandbox.argocd_retries import delay, retried
from deployments.sandbox.argocd_waves import wave
from tests.deployments.sandbox.conftest import DEPLOYMENT, application, eventually

FIRST = DEPLOYMENT.replace("name: guestbook}", 'name: first, annotations: {argocd.argoproj.io/sync-wave: "-1"}}', 1)

REPLICAS = {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}


def status(sandbox):
    """The Application's present status."""
    return sandbox.world.applications.get("argocd", "guestbook").get("status") or {}


def create(sandbox, repo, automated=True, **spec):
    """Create the Application guestbook."""
    made = application(repo=repo, automated=automated)
    sandbox.world.applications.create("argocd", made | {"spec": made["spec"] | spec}, datetime.now(UTC))


def synced(seen):
    """Whether all is in sync and healthy."""
    return bool(seen) and (seen["sync"]["status"], seen["health"]["status"]) == ("Synced", "Healthy")


def replicas(sandbox):
    """Replicas of what runs, None where nothing says any."""
    uid = sandbox.world.applications.get("argocd", "guestbook")["metadata"]["uid"]
    return [one.manifest["spec"].get("replicas") for one in sandbox.world.cluster.live(uid)]


async def test_waves_come_in_order(sandbox):
    """What has a lower wave is applied first, and the rest when that is healthy."""
    repo = await sandbox.create_repository("deploy", {"env/test/a.yaml": DEPLOYMENT, "env/test/b.yaml": FIRST})
    assert "sync-wave" in FIRST
    create(sandbox, repo)
    await eventually(lambda: status(sandbox), synced)
    states = [
        (change.item.get("status") or {}).get("operationState", {}).get("message", "")
        for change in sandbox.world.applications.changes_after(1)
    ]
    assert "waiting for healthy state of apps/Deployment/first" in states


async def test_a_wave_that_breaks_ends_the_sync(sandbox):
    """A wave whose workload cannot come up fails the sync, and what comes after it is not applied."""
    files = {"env/test/a.yaml": DEPLOYMENT, "env/test/b.yaml": FIRST.replace("1.0.0", "0.0.1")}
    repo = await sandbox.create_repository("deploy", files)
    sandbox.world.cluster.mark("guestbook:0.0.1", bad=True)
    create(sandbox, repo, syncPolicy={"automated": {}, "retry": {"limit": 0}})
    seen = await eventually(lambda: status(sandbox), lambda seen: seen.get("operationState", {}).get("finishedAt"))
    assert seen["operationState"]["phase"] == "Failed"
    assert seen["summary"]["images"] == ["registry.test/guestbook:0.0.1"]


async def test_a_window_forbids_syncs(sandbox, http):
    """While a sync window is closed an operation stays Running and says why; then it goes on."""
    repo = await sandbox.create_repository("deploy", {"env/test/a.yaml": DEPLOYMENT})
    await http.post("/sandbox/argocd/window", json={"closed": True})
    create(sandbox, repo, automated=False)
    store = sandbox.world.applications
    store.replace("argocd", "guestbook", store.get("argocd", "guestbook") | {"operation": {"sync": {}}})
    blocked = "Sync operation blocked by sync window"
    await eventually(lambda: status(sandbox), lambda seen: seen.get("operationState", {}).get("message") == blocked)
    await http.post("/sandbox/argocd/window", json={"closed": False})
    await eventually(lambda: status(sandbox), synced)


async def test_a_window_may_let_people_pass(sandbox, http):
    """With `manual` a person's sync goes through a closed window, an automated one does not."""
    repo = await sandbox.create_repository("deploy", {"env/test/a.yaml": DEPLOYMENT})
    await http.post("/sandbox/argocd/window", json={"closed": True, "manual": True})
    create(sandbox, repo, automated=False)
    store = sandbox.world.applications
    ask = {"sync": {}, "initiatedBy": {"username": "kargo-controller", "automated": True}}
    store.replace("argocd", "guestbook", store.get("argocd", "guestbook") | {"operation": ask})
    blocked = "Sync operation blocked by sync window"
    seen = await eventually(
        lambda: status(sandbox), lambda seen: seen.get("operationState", {}).get("message") == blocked
    )
    by_hand = seen["operationState"] | {"operation": {"sync": {}, "initiatedBy": {"username": "ana"}}}
    now = store.get("argocd", "guestbook")
    store.replace("argocd", "guestbook", now | {"status": now["status"] | {"operationState": by_hand}})
    await eventually(lambda: status(sandbox), synced)


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        pytest.param({"ignoreDifferences": [REPLICAS]}, True, id="ignored"),
        pytest.param({"syncPolicy": {"automated": {"selfHeal": True}}}, False, id="healed"),
    ],
)
async def test_an_autoscaler(sandbox, http, spec, kept):
    """Replicas that an autoscaler sets make the Application Progressing for a while; self-heal takes them back."""
    repo = await sandbox.create_repository("deploy", {"env/test/a.yaml": DEPLOYMENT})
    create(sandbox, repo, **spec)
    await eventually(lambda: status(sandbox), synced)
    scale = {"application": "guestbook", "name": "guestbook", "replicas": 5}
    assert (await http.post("/sandbox/argocd/scale", json=scale)).status_code == 204
    await eventually(
        lambda: (status(sandbox), replicas(sandbox)), lambda seen: synced(seen[0]) and (seen[1] == [5]) == kept
    )
    healths = [
        (change.item.get("status") or {}).get("health") for change in sandbox.world.applications.changes_after(1)
    ]
    assert {"status": "Progressing"} in healths


@pytest.mark.parametrize(
    ("retry", "attempts", "seconds"),
    [
        ({}, 0, 5.0),
        ({"backoff": {"duration": "1s", "factor": 3}}, 2, 9.0),
        ({"backoff": {"duration": "1m", "maxDuration": "2m"}}, 4, 120.0),
        ({"backoff": {"duration": "soon"}}, 0, 5.0),
    ],
)
def test_delay(retry, attempts, seconds):
    """Pauses grow by the factor up to the longest; nonsense counts as unset."""
    assert delay(retry, attempts) == seconds


@pytest.mark.parametrize(
    ("limit", "count", "phase"), [(0, 0, "Failed"), (2, 1, "Running"), (2, 2, "Failed"), (-1, 99, "Running")]
)
def test_retried(limit, count, phase):
    """A failed operation is Running again while it has attempts left, of which a negative limit has no end."""
    state = {"phase": "Failed", "message": "broken", "retryCount": count, "operation": {"retry": {"limit": limit}}}
    assert retried(state, datetime(2026, 1, 1, tzinfo=UTC))["phase"] == phase


@pytest.mark.parametrize(("text", "number"), [("3", 3), ("-2", -2), ("soon", 0), (None, 0)])
def test_wave(text, number):
    """A wave is a number, else 0."""
    assert wave({"metadata": {"annotations": {"argocd.argoproj.io/sync-wave": text} if text else {}}}) == number


def test_nothing_is_ignored_unless_asked():
    """Objects that differ are different; plain jq paths count as pointers do."""
    live, wanted = ({"apiVersion": "v1", "kind": "X", "spec": {"replicas": count}} for count in (1, 2))
    assert not compared_alike(live, wanted, [])
    assert not compared_alike(live, wanted, [{"kind": "Y", "jsonPointers": ["/spec/replicas"]}])
    assert compared_alike(live, wanted, [{"kind": "X", "jqPathExpressions": [".spec.replicas"]}])
