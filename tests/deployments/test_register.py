"""Registering Stages with a real Prefect server: again and again, without losing what people set there."""

import pytest
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.sorting import DeploymentSort

from blocks.ledger.records import Phase
from deployments.apply import delete
from deployments.machine import Machine
from deployments.register import register_base, static_deployments
from tests.servers.small import MANIFESTS, Small, stage


async def test_a_stage_is_a_deployment_with_a_queue_of_one(small: Small):
    """The deployment runs `promote` for its Stage only, tagged and in its own queue, which lets one run through."""
    await small.apply()
    deployment, queue = await small.deployment("test"), await small.queue("test")
    assert deployment is not None and queue is not None
    assert deployment.entrypoint == "flows.promote.promote"
    assert deployment.parameters == {"project": small.project, "stage": "test"}
    assert deployment.parameter_openapi_schema["properties"]["stage"]["enum"] == ["test"]
    assert deployment.enforce_parameter_schema
    assert {f"project:{small.project}", "stage:test"} <= set(deployment.tags)
    assert deployment.work_queue_name == queue.name == f"{small.project}.test"
    assert queue.concurrency_limit == 1


async def test_registering_again_changes_nothing(small: Small):
    """Ids stay, and the automations are not even written: that would lose what they wait for."""
    await small.apply()
    before = [await _snapshot(small, name) for name in ("test", "prod")]
    await small.apply()
    assert before == [await _snapshot(small, name) for name in ("test", "prod")]


async def _snapshot(small: Small, name: str) -> tuple[object, ...]:
    deployment, queue = await small.deployment(name), await small.queue(name)
    [automation] = await small.automations(name)
    written = (await small.client.request("GET", f"/automations/{automation.id}")).json()
    assert deployment is not None and queue is not None
    return deployment.id, queue.id, automation.id, written["updated"], written["trigger"]["id"]


async def test_what_people_switched_stays_so(small: Small):
    """An automation that is off stays off, and a paused queue stays paused, though the Stage changes."""
    await small.apply()
    [automation] = await small.automations("test")
    await small.client.pause_automation(automation.id)
    await small.pause("test")

    small.write(stage("test", upstream="prod"), stage("prod"))
    await small.apply()
    [after], queue = await small.automations("test"), await small.queue("test")
    assert (after.id, after.enabled) == (automation.id, False)
    assert queue is not None and queue.is_paused


async def test_what_was_lost_in_prefect_is_mended(small: Small):
    """Applying the same again brings back a deployment, a queue's limit and an automation that somebody removed."""
    await small.apply()
    deployment, queue, [automation] = (
        await small.deployment("test"),
        await small.queue("test"),
        await small.automations("test"),
    )
    assert deployment is not None and queue is not None
    await small.client.delete_deployment(deployment.id)
    await small.client.delete_automation(automation.id)
    await small.client.update_work_queue(queue.id, concurrency_limit=7)

    assert set((await small.apply()).values()) == {"unchanged"}
    again, queue, [fresh] = await small.deployment("test"), await small.queue("test"), await small.automations("test")
    assert again is not None and queue is not None
    assert queue.concurrency_limit == 1
    assert fresh.actions[0].deployment_id == again.id


async def test_a_stage_without_auto_promotion_has_no_automation(small: Small):
    """A policy that no longer lets a Stage promote by itself takes its automation away, and only that."""
    await small.apply()
    small.write(stage("test"), stage("prod", upstream="test"), base=MANIFESTS.replace("test|prod", "test"))
    await small.apply()
    assert [len(await small.automations(name)) for name in ("test", "prod")] == [1, 0]
    assert await small.deployment("prod") is not None
    await delete(small.here, "ProjectConfig", small.project, small.project, "user:test")
    assert await small.automations("test") == []


async def test_a_stage_without_steps_has_nothing_in_prefect(small: Small):
    """A Stage that turns control-flow loses its deployment, queue and automation; what waited for it is aborted."""
    await small.apply()
    await small.pause("test")
    waiting = await small.promote("test", await small.freight("1.0.0"))
    small.write(stage("test", steps=""), stage("prod", upstream="test"))
    await small.apply()
    there = (await small.deployment("test"), await small.queue("test"), await small.automations("test"))
    assert there == (None, None, [])
    record = await small.here.ledger.promotions.get(small.project, waiting.name)
    assert record is not None and record.phase is Phase.ABORTED
    assert "has no steps any more" in record.message

    small.write(stage("test"), stage("prod", upstream="test"))
    await small.apply()
    assert await small.deployment("test") is not None
    assert len(await small.automations("test")) == 1


async def test_the_static_deployments_are_registered_once(small: Small, machine: Machine):
    """Registering the base again keeps ids and schedules, also those a person switched off."""
    await register_base(small.client, machine.pool)  # 'prefect deploy' may have been here
    before = await _static(small)
    assert {name for name, _, _ in before} == {each["name"] for each in static_deployments()}
    await register_base(small.client, machine.pool)
    assert before == await _static(small)


async def _static(small: Small) -> list[tuple[object, ...]]:
    tagged = DeploymentFilter(tags=DeploymentFilterTags(all_=["drayage"]))
    found = await small.client.read_deployments(deployment_filter=tagged, sort=DeploymentSort.NAME_ASC, limit=200)
    return sorted((each.name, str(each.id), [(s.id, s.active) for s in each.schedules]) for each in found)


@pytest.mark.parametrize("project", ["kargo-shared-resources"])
async def test_shared_resources_are_no_project(small: Small, project: str):
    """A file with shared Secrets alone registers nothing and fails at nothing."""
    small.write(
        base=f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {small.project}
  namespace: {project}
data:
  a: b
"""
    )
    assert await small.apply() == {f"ConfigMap/{small.project}": "created"}
    assert await small.apply() == {f"ConfigMap/{small.project}": "unchanged"}
