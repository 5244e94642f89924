"""Looking ahead on a real machine: what is shown is what would happen, and nothing happens."""

import json
import re
from functools import partial
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, LogFilter

from blocks.errors import NotFound
from blocks.ledger.records import Phase
from deployments.answers import decide
from deployments.preview_shape import preview_shape
from deployments.requests import ask_promotion
from deployments.sandbox.faults import Fault
from flows.discover import discover
from flows.preview import preview
from flows.promotion.admission import Wish
from tests.flows.test_approval import asked
from tests.servers.guestbook import Guestbook, only_test, opened_guestbook
from tests.servers.plain import KARGO, SANDBOX, change, opened_plain, stage
from tests.servers.terminal import drayage

READS = re.compile(r"(GET|HEAD) (?!.*receive-pack)|POST .*/git-upload-pack$")


def by_hand(text: str) -> str:
    """Edit the example so that nothing is promoted by itself."""
    return text.replace("autoPromotionEnabled: true", "autoPromotionEnabled: false")


@pytest.fixture
async def calm(machine, tmp_path):
    """The example with 1.0.0 in its Stage test, 1.1.0 waiting, and nobody who promotes by itself."""
    async with opened_guestbook(tmp_path, f"calm-{uuid4().hex[:8]}", by_hand) as opened:
        first = await opened.push("1.0.0")
        await ask_promotion(opened.here, Wish(opened.project, "test", "user:test", first.name))
        await opened.verified(first, "test")
        await opened.push("1.1.0")
        yield opened


@pytest.fixture
def written(calm):
    """The requests that ask the sandbox to change something, from now on."""
    found, take = [], calm.sandbox.faults.take

    def note(method: str, path: str, *more: str):
        if not READS.match(f"{method} {path}"):
            found.append(f"{method} {path}")
        return take(method, path, *more)

    calm.sandbox.faults.take = note
    return found


async def everything(pipeline: Guestbook) -> list:
    """What the ledger, Git and Argo CD hold."""
    ledger = pipeline.here.ledger
    return [
        await ledger.promotions.list(pipeline.project),
        await ledger.audit.list(pipeline.project),
        await pipeline.commits("--all"),
        list(pipeline.sandbox.world.applications.items()),
        await _runs(pipeline),
    ]


async def _runs(pipeline: Guestbook) -> list[str]:
    tagged = FlowRunFilter.model_validate({"tags": {"all_": [f"project:{pipeline.project}"]}})
    async with get_client() as client:
        return [each.name for each in await client.read_flow_runs(flow_run_filter=tagged)]


async def test_a_preview_shows_what_a_promotion_would_change(calm, written):
    """Gate, versions, the rendered difference with its paths and the Application's sync are shown."""
    before = await everything(calm)
    said = []
    freight = await calm.freight("1.1.0")
    seen = await preview(calm.project, "test", freight.alias, say=said.append)
    assert (seen.problem, seen.passes) == ("", True)
    shown = {step.alias.removeprefix("promote::"): step for step in seen.steps}
    assert {alias: step.verdict for alias, step in shown.items()} == {
        "clone": "done", "clear": "done", "set-image": "done", "copy": "done", "commit": "done",
        "push": "foreseen", "sync": "foreseen", "wait": "foreseen",
    }  # fmt: skip
    image = f"{calm.sandbox.host}/guestbook"
    assert f"-        image: {image}:1.0.0\n" in shown["push"].diff
    assert f"+        image: {image}:1.1.0\n" in shown["push"].diff
    assert "b/deployment.yaml" in shown["push"].diff
    assert "would push 1 file to branch `stage/test`" in shown["push"].description
    assert "would sync" in shown["sync"].description and "guestbook-test" in shown["sync"].description
    assert f"| {image} | 1.0.0 | 1.1.0 | changes |" in seen.markdown()
    assert [gate.name for gate in seen.gates if gate.answer != "open"] == []
    assert any("promote::clone" in each for each in said)
    assert await everything(calm) == before
    assert written == []
    assert list((calm.here.settings.root / "previews").glob("*")) == []


async def test_the_command_says_why_freight_may_not_enter_and_shows_the_rest(calm, written):
    """Where a gate blocks the command ends with 1, and still shows what would change; nothing is written."""
    before = await everything(calm)
    freight = await calm.freight("1.1.0")
    arguments = ("preview", "-p", calm.project, "--stage", "prod", "--freight", freight.alias)
    ended = await drayage(*arguments)
    assert ended.code == 1, ended.err
    assert f"**blocks**: {freight.alias} is not yet verified in 'uat'" in ended.out
    assert "- approval **waits**: one person must approve within 168h" in ended.out
    assert f"+        image: {calm.sandbox.host}/guestbook:1.1.0" in ended.out
    assert "would make branch `stage/prod`" in ended.out
    assert "looking at step 'promote::clone' (git-clone)" in ended.err
    seen = (await drayage(*arguments, "-o", "json")).json
    assert (seen["kind"], seen["spec"]["stage"], seen["status"]["passes"]) == ("Preview", "prod", False)
    assert [each["uses"] for each in seen["status"]["steps"]][-2:] == ["argocd-update", "argocd-wait"]
    assert seen["status"]["versions"] == [{"artifact": f"{calm.sandbox.host}/guestbook", "now": None, "then": "1.1.0"}]
    assert await everything(calm) == before
    assert written == []


async def test_people_see_the_preview_before_they_decide(machine, tmp_path):
    """The form of an approval shows the difference; it is made once, and not again when they have decided."""
    edit = partial(only_test, approval=True)
    async with opened_guestbook(tmp_path, f"asked-{uuid4().hex[:8]}", edit) as pipeline:
        freight = await pipeline.push("1.0.0")
        record = await pipeline.promotion(freight, "test")
        shown = await asked(pipeline, record, 1)
        assert f"+        image: {pipeline.sandbox.host}/guestbook:1.0.0" in shown
        assert "to new branch `stage/test`" in shown and "- approval **waits**: one person" in shown
        assert "would sync" in shown and "The rest of this preview is missing" not in shown
        assert await pipeline.commits("--all") == await pipeline.commits("main")
        await decide(pipeline.here, pipeline.project, record.name, "approve", "ann", "go")
        await pipeline.verified(freight, "test")

        async def logged() -> list[str]:
            flow_run = LogFilter.model_validate({"flow_run_id": {"any_": [record.flow_run_id]}})
            async with get_client() as client:
                return [each.message for each in await client.read_logs(flow_run)]

        assert (await logged()).count("preview: step 'promote::push' (git-push)") == 1


async def test_a_preview_that_fails_hinders_no_approval(machine, tmp_path):
    """Where the repository cannot be had the form says so, and people can decide all the same."""
    edit = partial(only_test, approval=True)
    async with opened_guestbook(tmp_path, f"asked-{uuid4().hex[:8]}", edit) as pipeline:
        pipeline.sandbox.faults.add(Fault(match="/git/", kind="status", status=404))
        freight = await pipeline.push("1.0.0")
        record = await pipeline.promotion(freight, "test")
        shown = await asked(pipeline, record, 1)
        assert "`git-clone` as **promote::clone** (local, fails)" in shown
        assert f"| {pipeline.sandbox.host}/guestbook | — | 1.0.0 | new |" in shown
        await decide(pipeline.here, pipeline.project, record.name, "reject", "ann", "no")
        assert (await pipeline.ended(record)).phase is Phase.ABORTED


async def test_what_cannot_be_reached_is_said(calm):
    """Without Argo CD the difference is still there, and a sentence says what is missing."""
    calm.sandbox.faults.add(Fault(match="/apis/", kind="status", status=500))
    freight = await calm.freight("1.1.0")
    seen = await preview(calm.project, "test", freight.alias)
    sync = next(step for step in seen.steps if step.uses == "argocd-update")
    assert (sync.verdict, seen.passes) == ("unforeseen", True)
    assert "500" in sync.description
    assert any(":1.1.0" in step.diff for step in seen.steps)


async def test_a_preview_takes_only_so_long(calm, monkeypatch):
    """When the time is over what was looked at is shown, and that the rest is missing."""
    monkeypatch.setattr("flows.preview.PATIENCE", 0.5)
    calm.sandbox.faults.add(Fault(match="/git/", kind="delay", seconds=5))
    seen = await preview(calm.project, "test", (await calm.freight("1.1.0")).alias)
    assert (seen.problem, seen.steps) == ("it was not done within 0.5 s", [])
    assert "`git-push` as **promote::push**" in seen.markdown()
    assert list((calm.here.settings.root / "previews").glob("*")) == []


async def test_unknown_freight(calm):
    """Freight that is not there is an error with its name."""
    with pytest.raises(NotFound, match=r"9\.9\.9"):
        await preview(calm.project, "test", "9.9.9")
    ended = await drayage("preview", "-p", calm.project, "--stage", "nowhere", "--freight", "9.9.9")
    assert ended.code == 1 and "has no Stage 'nowhere'" in ended.err


async def test_commits_between_and_a_pull_request(machine, tmp_path):
    """Commits of Git artifacts are listed, a pull request is told with branches and words, and no secret is shown."""
    secret = "planted-preview-8c2e"
    async with opened_plain(tmp_path, stage("test")) as pipeline:
        url = await pipeline.sandbox.create_repository("app", {"a.txt": "0"})
        await change(pipeline, _follows(url))
        await _keep(pipeline, "api", secret)
        await discover(pipeline.project, "app")
        first = (await pipeline.here.ledger.freight.list(pipeline.project))[0]
        for name in ("test", "next"):
            await change(pipeline, _from_app(name, _proposing() if name == "next" else None))
        await ask_promotion(pipeline.here, Wish(pipeline.project, "test", "user:test", first.name))
        await pipeline.verified(first, "test")
        for number in (1, 2):
            await pipeline.sandbox.commit("app", {"a.txt": str(number)}, f"change {number}")
        await discover(pipeline.project, "app")
        second = (await pipeline.here.ledger.freight.list(pipeline.project))[0]
        seen = await preview(pipeline.project, "test", second.alias)
        assert [each.subject for each in seen.logs[0].commits] == ["change 2", "change 1"]
        assert (seen.logs[0].count, seen.logs[0].back, seen.problem) == (2, 0, "")

        seen = await preview(pipeline.project, "next", second.alias)
        assert [step.verdict for step in seen.steps] == ["done"] * 3 + ["foreseen"] * 4, seen.steps
        assert "from `kargo/promotion/next." in seen.markdown() and "into `main`" in seen.markdown()
        assert "Promote for *****" in seen.markdown() and "+token *****" in seen.markdown()
        assert secret not in json.dumps(preview_shape(seen))


def _proposing() -> list[dict]:
    url = f"http://{SANDBOX}/git/app.git"
    hidden = "${{ secret('api').token }}"
    return [
        {"uses": "git-clone", "config": {"repoURL": url, "checkout": [{"branch": "main", "path": "src"}]}},
        {"uses": "file-write", "config": {"path": "src/b.txt", "contents": f"token {hidden}\n"}},
        {"uses": "git-commit", "config": {"path": "src", "message": f"Promote for {hidden}"}},
        {"uses": "git-push", "as": "push", "config": {"path": "src", "generateTargetBranch": True}},
        {
            "uses": "git-open-pr",
            "as": "pr",
            "config": {
                "repoURL": url,
                "provider": "gitea",
                "sourceBranch": "${{ outputs.push.branch }}",
                "targetBranch": "main",
            },
        },
        {
            "uses": "git-wait-for-pr",
            "as": "merged",
            "config": {"repoURL": url, "provider": "gitea", "prNumber": "${{ outputs.pr.pr.id }}"},
        },
        {
            "uses": "http",
            "config": {
                "url": f"http://{SANDBOX}/hook?key={hidden}",
                "method": "POST",
                "headers": [{"name": "x-key", "value": hidden}],
                "body": "${{ outputs.merged.commit }}" + hidden,
            },
        },
    ]


def _follows(url: str) -> dict:
    spec = {"interval": "24h", "subscriptions": [{"git": {"repoURL": url, "branch": "main"}}]}
    return {"apiVersion": KARGO, "kind": "Warehouse", "metadata": {"name": "app"}, "spec": spec}


def _from_app(name: str, steps: list[dict] | None) -> dict:
    made = stage(name, steps=steps)
    made["spec"]["requestedFreight"][0]["origin"]["name"] = "app"
    return made


async def _keep(pipeline: Guestbook, name: str, token: str) -> None:
    """Apply a generic Secret."""
    labels = {"kargo.akuity.io/cred-type": "generic"}
    metadata = {"name": name, "namespace": pipeline.project, "labels": labels}
    file = pipeline.folder / "secret.yaml"
    file.write_text(
        json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": token}})
    )
    await pipeline.apply(str(file))
