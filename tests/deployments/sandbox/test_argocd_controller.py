"""The Argo CD controller: what people see of an Application while Git, operations and images change."""

import copy
from datetime import UTC, datetime

import pytest

from deployments.sandbox.kubernetes_patch import merge
from tests.deployments.sandbox.conftest import DEPLOYMENT, application, eventually, git

REFRESH = "argocd.argoproj.io/refresh"


def status(sandbox, name="guestbook"):
    """The Application's present status."""
    return sandbox.world.applications.get("argocd", name).get("status") or {}


def is_at(revision, health="Healthy"):
    """Say whether a status is Synced to a revision and of a health."""
    return lambda seen: (
        bool(seen)
        and (seen["sync"]["status"], seen["sync"].get("revision"), seen["health"]["status"])
        == ("Synced", revision, health)
    )


def has_error(text):
    """Say whether a status holds a ComparisonError about something."""
    return lambda seen: any(
        one["type"] == "ComparisonError" and text in one["message"] for one in seen.get("conditions", [])
    )


def patch(sandbox, change, name="guestbook"):
    """Patch as a client would, in one go."""
    store = sandbox.world.applications
    return store.replace("argocd", name, merge(store.get("argocd", name), change))


def create(sandbox, **settings):
    """Create the Application guestbook."""
    return sandbox.world.applications.create("argocd", application(**settings), datetime.now(UTC))


@pytest.fixture
async def repo(sandbox):
    """A repository with one Deployment under env/test."""
    return await sandbox.create_repository("deploy", {"env/test/guestbook.yaml": DEPLOYMENT})


@pytest.fixture
def deployed(sandbox, repo):
    """An Application with automated sync."""
    return create(sandbox, repo=repo, automated=True)


async def head(sandbox):
    return (await sandbox.world.git.refs("deploy"))["refs/heads/main"]


async def test_automated_sync_follows_pushes(sandbox, repo, deployed, tmp_path):
    """A pushed commit is synced, progresses and becomes healthy; history and images tell of it."""
    await eventually(lambda: status(sandbox), is_at(await head(sandbox)))
    await git(tmp_path, "clone", repo, "one")
    (tmp_path / "one/env/test/guestbook.yaml").write_text(DEPLOYMENT.replace("1.0.0", "1.1.0"))
    await git(tmp_path / "one", "commit", "-am", "1.1.0")
    await git(tmp_path / "one", "push")
    seen = await eventually(lambda: status(sandbox), is_at(await head(sandbox)))
    progressing = is_at(await head(sandbox), "Progressing")
    assert any(progressing(change.item.get("status")) for change in sandbox.world.applications.changes_after(1))
    assert seen["summary"]["images"] == ["registry.test/guestbook:1.1.0"]
    assert [entry["id"] for entry in seen["history"]] == [0, 1]
    assert seen["history"][-1]["revision"] == await head(sandbox)
    assert seen["operationState"]["operation"]["initiatedBy"] == {"automated": True}
    assert seen["resources"] == [
        {
            "group": "apps",
            "version": "v1",
            "kind": "Deployment",
            "namespace": "guestbook",
            "name": "guestbook",
            "status": "Synced",
            "health": {"status": "Healthy"},
        }
    ]
    assert "operation" not in sandbox.world.applications.get("argocd", "guestbook")


async def test_commit_elsewhere_moves_the_revision_without_a_sync(sandbox, deployed):
    """A commit that changes nothing under the path is Synced at once, at the new revision."""
    first = await head(sandbox)
    before = await eventually(lambda: status(sandbox), is_at(first))
    second = await sandbox.commit("deploy", {"README": "hello"}, "docs")
    seen = await eventually(lambda: status(sandbox), is_at(second))
    assert seen["operationState"] == before["operationState"]
    assert seen["history"][-1]["revision"] == first


async def test_without_automation_nothing_is_deployed(sandbox, repo):
    """OutOfSync and Missing stay until somebody asks for a sync."""
    create(sandbox, repo=repo)
    seen = await eventually(lambda: status(sandbox), bool)
    assert (seen["sync"]["status"], seen["health"]["status"]) == ("OutOfSync", "Missing")
    assert "operationState" not in seen


async def test_operation_keeps_who_asked_and_why(sandbox, repo):
    """An operation started by a patch runs, succeeds, and keeps initiatedBy and info."""
    create(sandbox, repo=repo)
    await eventually(lambda: status(sandbox), bool)
    started = sandbox.world.applications.version
    operation = {
        "initiatedBy": {"username": "drayage", "automated": True},
        "info": [{"name": "drayage.dev/promotion", "value": "p1"}],
        "sync": {"revisions": ["main"]},
    }
    change = {
        "metadata": {"annotations": {REFRESH: "hard"}},
        "operation": operation,
        "status": {"operationState": None},
    }
    patch(sandbox, change)
    seen = await eventually(lambda: status(sandbox), is_at(await head(sandbox)))
    state = seen["operationState"]
    assert (state["phase"], state["operation"]) == ("Succeeded", operation)
    assert state["syncResult"]["revision"] == await head(sandbox)
    assert state["startedAt"] <= state["finishedAt"] <= seen["reconciledAt"]
    now = sandbox.world.applications.get("argocd", "guestbook")
    assert "operation" not in now
    assert REFRESH not in now["metadata"]["annotations"]
    versions = [change.item for change in sandbox.world.applications.changes_after(started)]
    phases = [(item.get("status") or {}).get("operationState", {}).get("phase") for item in versions]
    assert "Running" in phases[: phases.index("Succeeded")]


async def test_operation_at_an_older_revision(sandbox, repo):
    """A sync to a named commit deploys that commit, and the branch's newer one leaves the Application OutOfSync."""
    old = await head(sandbox)
    await sandbox.commit("deploy", {"env/test/guestbook.yaml": DEPLOYMENT.replace("1.0.0", "2.0.0")}, "2.0.0")
    create(sandbox, repo=repo)
    patch(sandbox, {"operation": {"sync": {"revision": old}}})
    seen = await eventually(lambda: status(sandbox), lambda seen: seen.get("history"))
    assert seen["operationState"]["syncResult"]["revision"] == old
    assert seen["summary"]["images"] == ["registry.test/guestbook:1.0.0"]
    assert seen["sync"] == seen["sync"] | {"status": "OutOfSync", "revision": await head(sandbox)}


@pytest.mark.parametrize(
    ("operation", "files", "phase", "said"),
    [
        pytest.param({"info": []}, {}, "Failed", "no sync", id="nothing-to-do"),
        pytest.param({"sync": {"revision": "nope"}}, {}, "Error", "'nope' does not exist", id="unknown-revision"),
        pytest.param(
            {"sync": {}},
            {"env/test/x.yaml": "apiVersion: v1\nkind: ConfigMap\n"},
            "Failed",
            "ConfigMap has no metadata.name",
            id="cannot-be-applied",
        ),
        pytest.param({"sync": {}}, {"env/test/x.yaml": "{"}, "Error", "not valid YAML", id="bad-yaml"),
    ],
)
async def test_operations_that_do_not_succeed(sandbox, repo, operation, files, phase, said):
    """A sync that cannot be done ends, says why, and deploys nothing."""
    if files:
        await sandbox.commit("deploy", files, "break it")
    create(sandbox, repo=repo)
    patch(sandbox, {"operation": operation})
    seen = await eventually(
        lambda: status(sandbox), lambda seen: seen.get("operationState", {}).get("phase") in ("Failed", "Error")
    )
    assert (seen["operationState"]["phase"], said in seen["operationState"]["message"]) == (phase, True)
    assert seen["summary"] == {}


async def test_failed_automated_sync_is_not_repeated(sandbox, repo):
    """A revision that cannot be applied is not synced again when its retries are used up."""
    await sandbox.commit("deploy", {"env/test/x.yaml": "apiVersion: v1\nkind: ConfigMap\n"}, "break it")
    broken = application(repo=repo, automated=True)
    broken["spec"]["syncPolicy"]["retry"] = {"limit": 1, "backoff": {"duration": "1s"}}
    sandbox.world.applications.create("argocd", broken, datetime.now(UTC))
    retrying = await eventually(
        lambda: status(sandbox), lambda seen: seen.get("operationState", {}).get("retryCount") == 1
    )
    assert retrying["operationState"]["phase"] == "Running"
    assert "Retrying attempt #1 at" in retrying["operationState"]["message"]
    await eventually(lambda: status(sandbox), lambda seen: seen.get("operationState", {}).get("phase") == "Failed")
    version = sandbox.world.applications.version
    sandbox.world.bell.ring()
    patch(sandbox, {"metadata": {"labels": {"look": "again"}}})
    await eventually(lambda: sandbox.world.bell.rings, lambda rings: rings > version)
    assert "operation" not in sandbox.world.applications.get("argocd", "guestbook")


async def test_bad_image_degrades(sandbox, http, deployed):
    """An image that cannot run makes the Application Degraded, until it can again."""
    await http.post("/sandbox/images/bad", json={"image": "guestbook:1.0.0"})
    seen = await eventually(lambda: status(sandbox), is_at(await head(sandbox), "Degraded"))
    assert seen["resources"][0]["health"] == {"status": "Degraded"}
    await http.request("DELETE", "/sandbox/images/bad", json={"image": "guestbook:1.0.0"})
    await eventually(lambda: status(sandbox), is_at(await head(sandbox)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"path": "env/prod"}, "'env/prod' does not exist", id="missing-path"),
        pytest.param({"path": "../x"}, "leaves the repository", id="outside"),
        pytest.param({"targetRevision": "gone"}, "'gone' does not exist", id="missing-branch"),
        pytest.param({"repoURL": "http://127.0.0.1/git/nope.git"}, "no Git repository 'nope'", id="missing-repository"),
        pytest.param({"repoURL": "https://example.com/x"}, "the sandbox has no Git repository 'x'", id="elsewhere"),
    ],
)
async def test_comparison_errors(sandbox, deployed, change, said):
    """What cannot be compared is Unknown and says why; once it can, the condition goes."""
    revision = await head(sandbox)
    await eventually(lambda: status(sandbox), is_at(revision))
    source = copy.deepcopy(deployed["spec"]["source"])
    patch(sandbox, {"spec": {"source": change}})
    seen = await eventually(lambda: status(sandbox), has_error(said))
    assert (seen["sync"]["status"], seen["health"]["status"]) == ("Unknown", "Healthy")
    patch(sandbox, {"spec": {"source": source}})
    seen = await eventually(lambda: status(sandbox), is_at(revision))
    assert "conditions" not in seen


async def test_invalid_yaml_is_a_comparison_error(sandbox, deployed):
    """A broken file in the path is named."""
    await sandbox.commit("deploy", {"env/test/broken.yaml": "a: [\n"}, "oops")
    await eventually(lambda: status(sandbox), has_error("env/test/broken.yaml is not valid YAML"))


@pytest.mark.parametrize("kind", ["normal", "hard"])
async def test_refresh_is_handled_and_taken_off(sandbox, deployed, kind):
    """A refresh moves reconciledAt and leaves no annotation, others stay."""
    await eventually(lambda: status(sandbox), is_at(await head(sandbox)))
    old = {"status": {"reconciledAt": "2001-01-01T00:00:00Z"}}
    patch(sandbox, {"metadata": {"annotations": {REFRESH: kind, "mine": "kept"}}, **old})
    seen = await eventually(
        lambda: sandbox.world.applications.get("argocd", "guestbook"),
        lambda item: item["metadata"]["annotations"] == {"mine": "kept"},
    )
    assert seen["status"]["reconciledAt"] > "2025"


async def test_quiet_world_writes_nothing(sandbox, deployed):
    """Once all is well, polls change no version."""
    await eventually(lambda: status(sandbox), is_at(await head(sandbox)))
    version, asked = sandbox.world.applications.version, sandbox.world.bell.rings
    sandbox.world.bell.ring()
    heard = await sandbox.world.bell.wait(asked + 1, timeout=0.6)
    assert (sandbox.world.applications.version, heard) == (version, asked + 1)


async def test_kustomization_with_images(sandbox):
    """Resources, images and prefixes of a kustomization, and an Application's own image overrides, are rendered."""
    files = {
        "base/kustomization.yaml": "resources: [guestbook.yaml]\n",
        "base/guestbook.yaml": DEPLOYMENT,
        "env/test/kustomization.yaml": (
            "resources: [../../base]\nnamePrefix: test-\nnamespace: web\n"
            "images: [{name: registry.test/guestbook, newTag: 1.5.0}]\n"
        ),
    }
    repo = await sandbox.create_repository("deploy", files)
    create(sandbox, repo=repo, automated=True)
    seen = await eventually(lambda: status(sandbox), is_at(await head(sandbox)))
    assert seen["summary"]["images"] == ["registry.test/guestbook:1.5.0"]
    assert (seen["resources"][0]["namespace"], seen["resources"][0]["name"]) == ("web", "test-guestbook")
    assert seen["sourceType"] == "Kustomize"
    patch(sandbox, {"spec": {"source": {"kustomize": {"images": ["registry.test/guestbook:1.6.0"]}}}})
    await eventually(
        lambda: status(sandbox).get("summary"), lambda seen: seen == {"images": ["registry.test/guestbook:1.6.0"]}
    )


async def test_unknown_word_of_kustomize_is_named(sandbox):
    """A kustomization that needs more than the sandbox knows is an error, never rendered half."""
    files = {"env/test/kustomization.yaml": "resources: []\nhelmCharts: []\n"}
    repo = await sandbox.create_repository("deploy", files)
    create(sandbox, repo=repo)
    await eventually(lambda: status(sandbox), has_error("uses helmCharts"))


async def test_several_sources(sandbox, repo):
    """Several sources give plural fields, and what all of them hold is deployed."""
    await sandbox.create_repository("config", {"map.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: m}}"})
    item = application(repo=repo, automated=True)
    main = item["spec"].pop("source")
    item["spec"]["sources"] = [main, {"repoURL": sandbox.git_url("config"), "path": ".", "targetRevision": "HEAD"}]
    sandbox.world.applications.create("argocd", item, datetime.now(UTC))
    seen = await eventually(lambda: status(sandbox), lambda seen: seen.get("health", {}).get("status") == "Healthy")
    other = (await sandbox.world.git.refs("config"))["refs/heads/main"]
    assert seen["sync"]["revisions"] == [await head(sandbox), other]
    assert seen["operationState"]["syncResult"]["revisions"] == [await head(sandbox), other]
    assert [one["kind"] for one in seen["resources"]] == ["ConfigMap", "Deployment"]


@pytest.mark.parametrize("prune", [True, False])
async def test_pruning(sandbox, repo, prune):
    """What left Git goes only when pruning is wished for, and is shown until then."""
    await sandbox.commit("deploy", {"env/test/m.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: m}}"}, "m")
    item = application(repo=repo)
    item["spec"]["syncPolicy"] = {"automated": {"prune": prune}}
    sandbox.world.applications.create("argocd", item, datetime.now(UTC))
    await eventually(lambda: status(sandbox), is_at(await head(sandbox)))
    await sandbox.commit("deploy", {"env/test/m.yaml": None}, "no m")
    revision = await head(sandbox)
    seen = await eventually(
        lambda: status(sandbox), lambda seen: seen["operationState"].get("syncResult", {}).get("revision") == revision
    )
    left = [(one["status"], one.get("requiresPruning")) for one in seen["resources"] if one["kind"] == "ConfigMap"]
    assert left == ([] if prune else [("OutOfSync", True)])


async def test_deleted_application_with_finalizer(sandbox, repo):
    """The controller takes its objects down and lets the Application go."""
    item = create(sandbox, repo=repo, automated=True, finalizers=["resources-finalizer.argocd.argoproj.io"])
    await eventually(lambda: status(sandbox), is_at(await head(sandbox)))
    sandbox.world.applications.delete("argocd", "guestbook", datetime.now(UTC))
    await eventually(sandbox.world.applications.items, lambda items: items == [])
    assert sandbox.world.cluster.live(item["metadata"]["uid"]) == ()


async def test_tags_and_short_ids_are_revisions(sandbox, repo, tmp_path):
    """Annotated tags and abbreviated commits resolve to the commit."""
    await git(tmp_path, "clone", repo, "one")
    await git(tmp_path / "one", "tag", "-a", "v1", "-m", "v1")
    await git(tmp_path / "one", "push", "--tags")
    revision = await head(sandbox)
    create(sandbox, repo=repo, automated=True, revision="v1")
    sandbox.world.applications.create(
        "argocd", application("short", repo, revision=revision[:8], automated=True), datetime.now(UTC)
    )
    await eventually(lambda: status(sandbox), is_at(revision))
    await eventually(lambda: status(sandbox, "short"), is_at(revision))
