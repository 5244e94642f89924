"""Automations on a real Prefect server: brought to what is wanted by name, and left alone where they are so."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from prefect.client.orchestration import PrefectClient, get_client

from deployments.automations import bring_about, crash_watch, promotes, reconcile
from deployments.machine import Machine


@pytest.fixture
async def client(machine: Machine) -> AsyncIterator[PrefectClient]:
    """A client of the machine's server."""
    async with get_client() as opened:
        yield opened


async def test_reconciling_twice_writes_once(client: PrefectClient):
    """Created, then unchanged with the same ids; a change keeps the id of the automation and a person's switch."""
    deployment = await client.read_deployment_by_name("sweep/sweep")
    wanted = promotes(f"p-{uuid4().hex[:6]}", "test", deployment.id, True)
    try:
        assert await reconcile(client, wanted) == "created"
        [first] = await client.read_automations_by_name(wanted.name)
        assert first.enabled
        assert await reconcile(client, wanted) == "unchanged"
        assert [first] == await client.read_automations_by_name(wanted.name)

        await client.pause_automation(first.id)
        other = wanted.model_copy(update={"description": "Another sentence."})
        assert await reconcile(client, other) == "changed"
        [after] = await client.read_automations_by_name(wanted.name)
        assert (after.id, after.enabled, after.description) == (first.id, False, "Another sentence.")
    finally:
        await remove(client, wanted.name)
    assert await client.read_automations_by_name(wanted.name) == []


async def test_doubles_are_deleted(client: PrefectClient):
    """Names are not unique in Prefect; two automations of a Stage would start two runs for each event."""
    deployment = await client.read_deployment_by_name("sweep/sweep")
    wanted = promotes(f"p-{uuid4().hex[:6]}", "test", deployment.id, True)
    try:
        for _ in range(3):
            await client.create_automation(wanted)
        assert await reconcile(client, wanted) == "unchanged"
        assert len(await client.read_automations_by_name(wanted.name)) == 1
    finally:
        await remove(client, wanted.name)


async def test_automations_are_off_where_drayage_is_told_so(client: PrefectClient):
    """With DRAYAGE_AUTOMATIONS=false they are registered switched off, and the sweep alone promotes."""
    deployment = await client.read_deployment_by_name("sweep/sweep")
    wanted = promotes(f"p-{uuid4().hex[:6]}", "test", deployment.id, False)
    try:
        await reconcile(client, wanted)
        [made] = await client.read_automations_by_name(wanted.name)
        assert not made.enabled
    finally:
        await remove(client, wanted.name)


async def test_the_crash_watch_is_registered(client: PrefectClient):
    """The three automations of the crash watch are there once, on, and as they are wanted."""
    deployment = await client.read_deployment_by_name("sweep/sweep")
    for wanted in crash_watch(deployment.id):
        [there] = await client.read_automations_by_name(wanted.name)
        assert there.enabled
        assert await reconcile(client, wanted) == "unchanged"


async def remove(client: PrefectClient, name: str) -> None:
    """Delete the automations of a name."""
    await bring_about(client, None, await client.read_automations_by_name(name))
