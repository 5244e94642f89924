"""Applying manifests to a real ledger and a real Prefect server: what it shows, what it does, what it refuses."""

import asyncio
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest

from blocks.credentials import read_secrets
from blocks.errors import Refused
from blocks.ledger.records import Phase
from deployments.apply import delete
from deployments.manifests.problem import ManifestError
from deployments.processes import free_port
from tests.servers.keys import rsa_pem
from tests.servers.small import MANIFESTS, SECOND_ORIGIN, Small, stage
from tests.servers.terminal import done, drayage

SECRET = """\
---
apiVersion: v1
kind: Secret
metadata:
  name: key
  namespace: PROJECT
  labels:
    kargo.akuity.io/cred-type: generic
stringData:
  key: VALUE
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: PROJECT
data:
  colour: VALUE
"""


async def test_everything_is_created_once(small: Small):
    """The first time all is created, the second time nothing is, and a change shows alone."""
    first = await small.apply()
    assert set(first.values()) == {"created"}
    assert {f"Project/{small.project}", "Stage/test", "Stage/prod", "Warehouse/images"} <= first.keys()

    assert set((await small.apply()).values()) == {"unchanged"}

    small.write(stage("test"), stage("prod", upstream="test"), base=MANIFESTS.replace("24h", "12h"))
    changed = {name for name, action in (await small.apply()).items() if action != "unchanged"}
    assert changed == {"Warehouse/images", "Warehouse/configs"}


async def test_a_dry_run_shows_the_same_and_does_nothing(small: Small):
    """What a dry run announces is what applying then does, and until then nothing is there."""
    small.write(stage("test"), SECRET.replace("VALUE", "one"))
    shown = await small.apply(dry_run=True)
    assert await small.names("Project") == [] or small.project not in await small.names("Project")
    assert (await small.deployment("test"), await small.queue("test"), await small.automations("test")) == (
        None,
        None,
        [],
    )
    assert await read_secrets(small.client, small.project) == []
    assert shown == await small.apply()

    small.write(stage("prod"), SECRET.replace("VALUE", "two"))
    shown = await small.apply(dry_run=True, prune=True)
    assert shown["Stage/test"] == "deleted"
    assert (shown["Secret/key"], shown["ConfigMap/settings"]) == ("changed", "changed")
    assert await small.names("Stage") == ["test"]
    assert await small.deployment("test") is not None
    assert shown == await small.apply(prune=True)
    assert await small.names("Stage") == ["prod"]


async def test_all_problems_of_all_files_come_at_once(small: Small, tmp_path: Path):
    """Each problem names file, line, document and path; nothing at all is applied, good files included."""
    broken = tmp_path / "broken.yaml"
    broken.write_text(stage("bad", upstream="nobody").replace("PROJECT", small.project))
    worse = tmp_path / "worse.yaml"
    worse.write_text("apiVersion: kargo.akuity.io/v1alpha1\nkind: Stge\nmetadata:\n  name: x\n")
    with pytest.raises(ManifestError) as caught:
        await small.apply_files(str(small.file), str(broken), str(worse))
    lines = str(caught.value).splitlines()
    assert "nothing was applied" in lines[0]
    assert any(
        line.startswith(f"{broken}:12: document 1 (Stage/bad): spec.requestedFreight[0].sources.stages[0]: ")
        and "'nobody' does not exist" in line
        for line in lines
    ), lines
    assert any(line.startswith(f"{worse}:2: document 1 (Stge/x): kind: ") for line in lines)
    assert small.project not in await small.names("Project")


async def test_pruning_leaves_nothing_of_a_stage(small: Small):
    """A Stage that is no longer there has no deployment, queue, automation, marks or waiting promotion."""
    await small.apply()
    freight = await small.freight("1.0.0")
    await small.pause("prod")
    await small.here.ledger.stages.approve(small.project, "prod", freight.name, "user:test", datetime.now(UTC))
    waiting = await small.promote("prod", freight)

    small.write(stage("test"))
    assert (await small.apply(prune=True))["Stage/prod"] == "deleted"
    assert (await small.deployment("prod"), await small.queue("prod"), await small.automations("prod")) == (
        None,
        None,
        [],
    )
    record = await small.here.ledger.promotions.get(small.project, waiting.name)
    assert record is not None
    assert (record.phase, record.message) == (Phase.ABORTED, "aborted by user:test: its Stage was deleted")
    assert await small.run_state(waiting) in ("Cancelled", "gone")
    standings = await small.here.ledger.stages.standings(small.project, [freight.name])
    assert "prod" not in standings[freight.name].approved_for
    assert await small.deployment("test") is not None


async def test_a_stage_lets_go_of_what_it_no_longer_requests(small: Small):
    """Freight of a Warehouse that a Stage requests no more has left it after the next apply."""
    small.write(stage("test", origins=SECOND_ORIGIN))
    await small.apply()
    for origin in ("images", "configs"):
        await small.enter("test", await small.freight("1.0.0", origin))
    assert (await small.here.ledger.stages.current(small.project, "test")).keys() == {"images", "configs"}

    small.write(stage("test"))
    await small.apply()
    assert (await small.here.ledger.stages.current(small.project, "test")).keys() == {"images"}


@pytest.mark.parametrize(
    ("kind", "name", "needing"),
    [
        pytest.param("Warehouse", "images", "prod, test", id="warehouse"),
        pytest.param("Stage", "test", "prod", id="upstream-stage"),
        pytest.param("PromotionTask", "note", "prod, test", id="task"),
    ],
)
async def test_what_is_needed_cannot_be_deleted(small: Small, kind: str, name: str, needing: str):
    """The refusal names who needs it, and nothing changes."""
    await small.apply()
    with pytest.raises(Refused, match=f"{kind} '{name}' is needed by Stage {needing}: delete or change that first"):
        await delete(small.here, kind, small.project, name, "user:test")
    assert name in await small.names(kind)
    assert set((await small.apply()).values()) == {"unchanged"}


async def test_deleting_a_project_deletes_what_is_in_it(small: Small):
    """Definitions, Secrets, ConfigMaps and everything in Prefect go; other projects stay as they are."""
    small.write(stage("test"), stage("prod", upstream="test"), SECRET)
    await small.apply()
    gone = await delete(small.here, "Project", "", small.project, "user:test")
    names = {f"{each.kind}/{each.name}" for each in gone}
    assert {f"Project/{small.project}", "Stage/test", "Secret/key", "ConfigMap/settings"} <= names
    assert {each.action for each in gone} == {"deleted"}
    for name in ("test", "prod"):
        assert (await small.deployment(name), await small.queue(name), await small.automations(name)) == (
            None,
            None,
            [],
        )
    assert [block for block in await read_secrets(small.client) if block.project == small.project] == []
    assert [await small.names(kind) for kind in ("Stage", "Warehouse", "ProjectConfig")] == [[], [], []]
    with pytest.raises(Refused, match="there is no Project"):
        await delete(small.here, "Project", "", small.project, "user:test")


async def test_two_processes_may_apply_the_same(small: Small):
    """Both succeed, one creates and the other finds everything, and each Stage has one automation."""
    both = await asyncio.gather(*(done("apply", "-f", str(small.file)) for _ in range(2)))
    results = sorted("created" in ended.out for ended in both)
    assert results == [False, True], [ended.out for ended in both]
    assert [len(await small.automations(name)) for name in ("test", "prod")] == [1, 1]
    assert await small.here.ledger.leases.take("apply", "test", datetime.now(UTC), datetime.now(UTC))


async def test_nothing_is_applied_without_prefect(small: Small):
    """When no server answers, the command ends with 1 and one sentence that says what to do."""
    nobody = {"PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api", "PREFECT_CLIENT_MAX_RETRIES": "0"}
    for env, words in ((nobody, "no Prefect server answers at"), ({"PREFECT_API_URL": ""}, "PREFECT_API_URL is not")):
        ended = await drayage("apply", "-f", str(small.file), env=env)
        assert (ended.code, ended.out, len(ended.err.splitlines())) == (1, "", 1), ended.err
        assert ended.err.startswith(f"Error: {words}")
    assert small.project not in await small.names("Project")


APP = """\
---
apiVersion: v1
kind: Secret
metadata:
  name: app
  namespace: PROJECT
  labels: {kargo.akuity.io/cred-type: git}
  annotations: {kargo.akuity.io/github-token-scopes: '{"PROJECT": ["web"]}'}
stringData: {repoURL: 'https://github.com/acme/web', githubAppID: '7', githubAppInstallationID: '42'}
data: {githubAppPrivateKey: KEY}
"""


async def test_a_secret_changes_when_any_part_of_it_does(small: Small):
    """A key, a number or the annotation alone; applied again as it is, it is unchanged."""
    app = APP.replace("KEY", b64encode(rsa_pem(0).encode()).decode())
    versions = [app, app, app.replace('"web"', '"api"'), app.replace("'42'", "'43'")]
    actions = []
    for version in versions:
        small.write(stage("test"), version)
        actions.append((await small.apply())["Secret/app"])
    assert actions == ["created", "unchanged", "changed", "changed"]
    (block,) = [each for each in await read_secrets(small.client, small.project) if each.project == small.project]
    assert (block.github_app_installation_id, block.github_token_scopes) == ("43", f'{{"{small.project}": ["web"]}}')
