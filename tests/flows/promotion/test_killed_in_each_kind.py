"""A process killed before and after what each kind of step does: the next one attaches to it, and nothing is twice.

Whole workers are killed in the kinds of the example pipeline by `tests/flows/test_kill.py`.
"""

import os
import sys
from datetime import UTC, datetime

import httpx
import pytest

from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Definition, FreightRecord
from blocks.settings import Settings
from deployments.sandbox.images import push_image
from deployments.sandbox.server import Sandbox
from flows.promotion.steps import STEPS
from tests.components import CACHE, program
from tests.flows.promotion.killing import DEATHS, FREIGHT, NAME, STARTED, TOKEN, USER, Scene
from tests.flows.promotion.steps.argocd_sandbox import FILES
from tests.flows.promotion.steps.argocd_sandbox import create as create_application
from tests.flows.promotion.steps.helm_charts import chart
from tests.flows.promotion.steps.test_terraform import MAIN, STAND_IN
from tests.servers.doomed_step import PROJECT, PROMOTION
from tests.servers.doomed_worker import Nursery

BRANCH = f"kargo/promotion/{PROMOTION}"
GITHUB = {"provider": "github"}
PEOPLE = {"get-user-input", "wait-for-approval"}
"""Kinds that ask people: `tests/flows/test_people.py` kills workers in them."""


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    """The processes; those of one module share mirrors, a ledger, and a stand-in for Terraform on their path."""
    home = tmp_path_factory.mktemp("home")
    (home / "bin").mkdir()
    tofu = home / "bin/tofu"
    tofu.write_text(f"#!{sys.executable}\n{STAND_IN.read_text()}")
    tofu.chmod(0o755)
    path = os.pathsep.join([f"{home}/bin", str(CACHE / "root/usr/bin"), os.environ["PATH"]])
    env = {"DRAYAGE_HOME": str(home), "DRAYAGE_LEDGER_URL": f"sqlite:///{home}/ledger.db", "PATH": path}
    with pytest.MonkeyPatch.context() as patch, Nursery(home / "log", env, "tests.servers.doomed_step") as nursery:
        for name, value in env.items():
            patch.setenv(name, value)
        yield nursery


@pytest.fixture
async def scene(nursery, tmp_path):
    """A sandbox with one repository and a directory to work in."""
    (tmp_path / "work").mkdir()
    async with Sandbox(tmp_path / "sandbox", users={USER: TOKEN}) as sandbox:
        await sandbox.create_repository(NAME, FILES | {"a.txt": "1\n"})
        sandbox.world.github.open_repository(NAME)
        yield Scene(sandbox, tmp_path / "work", nursery)


@pytest.fixture
async def ledger(nursery):
    """A ledger with a Stage and a Freight that steps may change."""
    ledger = await Ledger.open(Settings().ledger)
    stage = {"metadata": {"name": "test", "namespace": PROJECT}, "spec": {}}
    await ledger.definitions.apply([Definition("Stage", PROJECT, "test", stage)], [], "user:ann", STARTED)
    freight = FreightRecord(PROJECT, FREIGHT, "old-owl", "Warehouse/main", {}, STARTED, STARTED)
    await ledger.freight.record(freight, [], STARTED)
    yield ledger
    await ledger.close()


UPDATE = [{"key": "a.b", "value": 2}]
OUTPUT = [{"name": "x", "fromExpression": "a.b"}]
LOCAL = {
    "copy": ({"a": "1"}, {"inPath": "a", "outPath": "b/a"}, {"b/a": "1"}),
    "delete": ({"a": "1"}, {"path": "a"}, {"a": None}),
    "file-write": ({}, {"path": "a", "contents": "1"}, {"a": "1"}),
    "compose-output": ({}, {"a": 1}, {}),
    "json-parse": ({"a.json": '{"a": {"b": 1}}'}, {"path": "a.json", "outputs": OUTPUT}, {}),
    "yaml-parse": ({"a.yaml": "a: {b: 1}\n"}, {"path": "a.yaml", "outputs": OUTPUT}, {}),
    "toml-parse": ({"a.toml": "[a]\nb = 1\n"}, {"path": "a.toml", "outputs": OUTPUT}, {}),
    "json-update": ({"a": '{"a": {"b": 1}}'}, {"path": "a", "updates": UPDATE}, {"a": '{"a": {"b": 2}}'}),
    "yaml-update": ({"a": "a: {b: 1}\n"}, {"path": "a", "updates": UPDATE}, {"a": "a: {b: 2}\n"}),
    "toml-update": ({"a": "[a]\nb = 1\n"}, {"path": "a", "updates": UPDATE}, {"a": "[a]\nb = 2\n"}),
    "hcl-update": ({"a": "b = 1\n"}, {"path": "a", "updates": [{"key": "b", "value": 2}]}, {"a": "b = 2\n"}),
    "yaml-merge": ({"a": "x: 1\n", "b": "y: 2\n"}, {"inFiles": ["a", "b"], "outFile": "c"}, {"c": "x: 1\ny: 2\n"}),
    "tar": ({"d/a": "1"}, {"inPath": "d", "outPath": "d.tar"}, {}),
    "kustomize-set-image": (
        {"kustomization.yaml": "resources: []\n"},
        {"path": ".", "images": [{"image": "acme/web", "tag": "2.0.0"}]},
        {"kustomization.yaml": "resources: []\nimages:\n- name: acme/web\n  newTag: 2.0.0\n"},
    ),
}
"""By kind: the files there are, the config, and the files there must be."""


def write(scene, files):
    """Put files into the working directory."""
    for name, text in files.items():
        path = scene.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind in ("copy", "yaml-update", "tar") else pytest.mark.long) for kind in LOCAL],
)
async def test_what_works_on_files(scene, kind):
    """Done again over what the dead one left, it gives what it would have given at once."""
    files, config, expected = LOCAL[kind]
    write(scene, files)
    assert (await scene.step(kind, config, DEATHS[1:]))["type"] == "Succeeded"
    for name, text in expected.items():
        path = scene.folder / name
        assert (path.read_text() if path.exists() else None) == text


async def test_fail(scene):
    """It fails each time."""
    assert (await scene.step("fail", {"message": "no"}))["type"] == "Failed"


async def test_untar(scene):
    """The archive's files are there."""
    write(scene, {"d/a": "1"})
    await scene.prepare("tar", inPath="d", outPath="d.tar")
    await scene.step("untar", {"inPath": "d.tar", "outPath": "e"})
    assert [path.read_text() for path in (scene.folder / "e").rglob("a")] == ["1"]


async def test_kustomize_build(scene):
    """What was built half is built whole."""
    program("kustomize")
    write(scene, FILES)
    await scene.step("kustomize-build", {"path": ".", "outPath": "out.yaml"})
    assert "acme/web:v1" in (scene.folder / "out.yaml").read_text()


async def test_helm(scene):
    """A chart is rendered, and its dependencies brought up to date, as if nothing had happened."""
    program("helm")
    chart(scene.folder)
    await scene.step("helm-template", {"path": "shop", "outPath": "out.yaml", "releaseName": "one"})
    assert "one-web" in (scene.folder / "out.yaml").read_text()
    assert (await scene.step("helm-update-chart", {"path": "shop"}))["type"] in ("Succeeded", "Skipped")


async def test_git(scene):
    """Clone, clear, commit, tag and push: one commit and one tag arrive, however often the process dies."""
    before = await scene.sandbox.world.git.refs(NAME)
    checkout = {"repoURL": scene.url, "checkout": [{"branch": "main", "path": "src"}]}
    assert (await scene.step("git-clone", checkout))["type"] == "Succeeded"
    await scene.step("git-clear", {"path": "src"})
    write(scene, {"src/b.txt": "2\n"})
    committed = await scene.step("git-commit", {"path": "src", "message": "Two"})
    await scene.step("git-tag", {"path": "src", "tag": "v2", "message": "Two"})
    pushed = await scene.step("git-push", {"path": "src"})
    await scene.step("git-push", {"path": "src", "tag": "v2"})
    after = await scene.sandbox.world.git.refs(NAME)
    assert committed["outputs"]["commit"] == pushed["outputs"]["commit"] == after["refs/heads/main"]
    assert set(after) - set(before) == {"refs/tags/v2"}


async def test_pull_requests(scene):
    """One pull request is opened, waited for and merged."""
    await committed_beside(scene)
    await scene.prepare("git-push", path="src", targetBranch=BRANCH)
    wanted = {"repoURL": scene.url, **GITHUB}
    opened = await scene.step("git-open-pr", {**wanted, "sourceBranch": BRANCH, "targetBranch": "main"})
    number = opened["outputs"]["pr"]["id"]
    assert (await scene.step("git-merge-pr", {**wanted, "prNumber": number}))["type"] in ("Succeeded", "Skipped")
    assert (await scene.step("git-wait-for-pr", {**wanted, "prNumber": number}))["type"] == "Succeeded"
    assert [each.number for each in await scene.sandbox.world.pulls.select(NAME)] == [number]


async def test_github_push(scene):
    """One commit is made by GitHub, and no staging ref is left."""
    await committed_beside(scene)
    pushed = await scene.step("github-push", {"path": "src"})
    refs = await scene.sandbox.world.git.refs(NAME)
    assert refs == {"refs/heads/main": pushed["outputs"]["commit"]} | {
        name: commit for name, commit in refs.items() if name == "HEAD"
    }


async def committed_beside(scene):
    """Have a checkout with one commit that nobody else knows."""
    await scene.prepare("git-clone", repoURL=scene.url, checkout=[{"branch": "main", "path": "src"}])
    write(scene, {"src/b.txt": "2\n"})
    await scene.prepare("git-commit", path="src", message="Two")


async def test_argocd(scene):
    """The Application is synced to its commit and waited for."""
    await scene.sandbox.create_repository("deploy", FILES)
    create_application(scene.sandbox)
    apps = {"apps": [{"name": "web"}]}
    assert (await scene.step("argocd-update", apps))["type"] == "Succeeded"
    assert (await scene.step("argocd-wait", apps))["type"] == "Succeeded"


async def test_images(scene):
    """An image is copied once, and a layer of it brought whole."""
    digest = await push_image(scene.sandbox.url, "web", "1.0.0", created=datetime.now(UTC), auth=(USER, TOKEN))
    image = f"{scene.sandbox.host}/web"
    pushed = await scene.step("oci-push", {"srcRef": f"{image}:1.0.0", "destRef": f"{image}:stable"})
    assert pushed["outputs"]["digest"] == digest
    assert (await scene.step("oci-download", {"imageRef": f"{image}:stable", "outPath": "a"}))["type"] == "Succeeded"
    assert (scene.folder / "a").exists()


async def test_http(scene):
    """What is asked is asked again; a download is there whole."""
    page = f"{scene.sandbox.url}/git/{NAME}.git/info/refs?service=git-upload-pack"
    login = {"headers": [{"name": "Authorization", "value": httpx.BasicAuth(USER, TOKEN)._auth_header}]}
    assert (await scene.step("http", {"url": page, **login, "successExpression": "true"}))["type"] == "Succeeded"
    assert (await scene.step("http-download", {"url": page, **login, "outPath": "page"}))["outputs"]["digest"]
    assert (scene.folder / "page").read_text()


async def test_notes(scene, ledger):
    """Metadata, alias and audit event are each noted once."""
    values = [{"kind": "Freight", "name": FREIGHT, "values": {"ticket": 7}}]
    assert (await scene.step("set-metadata", {"updates": values}))["type"] in ("Succeeded", "Skipped")
    await scene.step("set-freight-alias", {"name": FREIGHT, "alias": "new-owl"})
    await scene.step("record-audit-event", {"message": "it is live"})
    freight = await ledger.freight.get(PROJECT, FREIGHT)
    assert (freight.alias, freight.metadata) == ("new-owl", {"ticket": 7})
    assert len(await ledger.audit.list(PROJECT, type="recorded")) == 1


async def test_issues(scene, ledger):
    """One issue with one comment, closed once."""
    repository = {"repoURL": scene.url.removesuffix(".git")}
    opened = await scene.step("gh-create-issue", {**repository, "title": "Release"})
    issue = {**repository, "issueNumber": opened["outputs"]["issueNumber"]}
    await scene.step("gh-issue-add-comment", {**issue, "body": "deployed"})
    await scene.step("gh-update-issue", {**issue, "state": "closed"})
    assert len((await scene.step("gh-search-issues", issue))["outputs"]["issues"]) == 1
    assert (await scene.step("gh-wait-for-issue-state", issue))["type"] == "Succeeded"
    github = scene.sandbox.world.github
    assert [each["state"] for each in github.issues[NAME]] == ["closed"]
    assert len(github.comments[NAME, 1]) == 1


async def test_workflows(scene):
    """One run is started, and its end waited for."""
    github = scene.sandbox.world.github
    github.add_workflow(NAME, "deploy.yaml")
    repository = {"repoURL": scene.url.removesuffix(".git")}
    started = await scene.step("gha-dispatch-workflow", {**repository, "workflowFile": "deploy.yaml", "ref": "main"})
    [run] = github.runs[NAME]
    assert started["outputs"]["runID"] == run["id"]
    github.finish(NAME, run["id"])
    assert (await scene.step("gha-wait-for-workflow", {**repository, "runID": run["id"]}))["type"] == "Succeeded"


async def test_terraform(scene):
    """What was planned is applied once, and read."""
    write(scene, {"infra/main.tf": MAIN})
    config = {"dir": "infra", "vars": [{"name": "text", "value": "one"}]}
    assert (await scene.step("tf-plan", {**config, "out": "plan"}))["type"] == "Succeeded"
    applied = await scene.step("tf-apply", {**config, "plan": "plan"})
    assert applied["message"] == "was applied before: there is nothing left to change"
    assert (await scene.step("tf-output", {"dir": "infra", "name": "text"}))["outputs"] == {"value": "one"}


def test_every_kind_is_here():
    """Who adds a kind kills it, too."""
    text = open(__file__).read()  # noqa: PTH123, SIM115
    assert {kind for kind in STEPS if f'"{kind}"' not in text} == set()
    assert set(STEPS) >= PEOPLE and len(DEATHS) == 2
