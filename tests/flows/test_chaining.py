"""From one Stage to the next: by events fast, by the sweep for sure, and never twice."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from blocks.ledger.records import Phase
from flows.advance import announce_ready
from flows.announce import event, post, stage_resource
from flows.start import automation_name, start_automatic
from flows.sweep import sweep
from tests.servers.guestbook import Guestbook, until
from tests.servers.plain import automatic, gated, open_gate, opened_plain, stage

AIM, BOUND = 2.0, 6.0
"""Seconds from a verification to the next Stage's run on an idle machine, and what a loaded one is allowed."""


async def runs(project: str, stage: str) -> list[FlowRun]:
    """The flow runs of a Stage's deployment, whatever became of them."""
    async with get_client() as client:
        deployment = await client.read_deployment_by_name(f"promote/{project}.{stage}")
        found = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[f"project:{project}", f"stage:{stage}"])),
            sort=FlowRunSort.ID_DESC,
            limit=200,
        )
    return [run for run in found if run.deployment_id == deployment.id]


async def promotions(pipeline: Guestbook, stage: str) -> list[Phase]:
    """The phases of a Stage's Promotions."""
    return [each.phase for each in await pipeline.here.ledger.promotions.list(pipeline.project, stage)]


async def switch(pipeline: Guestbook, stage: str, on: bool) -> None:
    """Switch a Stage's automation as a person does in the Prefect UI."""
    async with get_client() as client:
        for automation in await client.read_automations_by_name(automation_name(pipeline.project, stage)):
            await (client.resume_automation if on else client.pause_automation)(automation.id)


async def sweeping(true, what: str, seconds: float = 60) -> None:
    """Sweep again and again, as the schedule does, until something is so."""

    async def swept() -> bool:
        await sweep()
        return await true()

    await until(swept, what, seconds)


async def test_the_next_stage_starts_at_once_and_once(machine, tmp_path):
    """The automation runs the next Stage's promotion within two seconds of the verification, exactly one."""
    async with opened_plain(tmp_path, stage("test"), stage("uat", "test"), automatic("test", "uat")) as pipeline:
        seconds = []
        for tag in ("1.0.0", "1.0.1", "1.0.2"):
            freight = await pipeline.push(tag)
            verified = await pipeline.verified(freight, "test")
            record = await pipeline.promotion(freight, "uat")
            await pipeline.verified(freight, "uat")
            async with get_client() as client:
                run = await client.read_flow_run(UUID(record.flow_run_id))
            seconds.append((run.start_time - verified).total_seconds())

        assert sorted(seconds)[1] <= BOUND, f"the aim is {AIM} s from verification to the next run, not {seconds}"
        for name in ("test", "uat"):
            assert await promotions(pipeline, name) == [Phase.SUCCEEDED] * 3
            assert sorted(run.state_name for run in await runs(pipeline.project, name)) == ["Promoted"] * 3


@pytest.fixture
def automations_off(machine, monkeypatch):
    """The setting that registers automations switched off and leaves promotion to the sweep."""
    monkeypatch.setenv("DRAYAGE_AUTOMATIONS", "false")


@pytest.mark.usefixtures("automations_off")
async def test_the_sweep_alone_walks_freight_through(tmp_path):
    """With every automation registered switched off, each sweep starts what may enter, Stage by Stage, once."""
    stages = [stage("test"), stage("uat", "test"), stage("prod", "uat")]
    async with opened_plain(tmp_path, *stages, automatic("test", "uat", "prod")) as pipeline:
        async with get_client() as client:
            for name in ("test", "uat", "prod"):
                registered = await client.read_automations_by_name(automation_name(pipeline.project, name))
                assert [each.enabled for each in registered] == [False]
        freight = await pipeline.push("1.0.0")

        async def in_prod() -> bool:
            return "prod" in (await pipeline.standing(freight)).verified_in

        await sweeping(in_prod, "Freight in prod by sweeps alone")
        for name in ("test", "uat", "prod"):
            assert await promotions(pipeline, name) == [Phase.SUCCEEDED]
            assert {"auto"} <= set((await runs(pipeline.project, name))[0].tags)


async def test_off_means_off(machine, tmp_path):
    """A Stage whose automation a person switched off is left alone by the sweep, until it is on again."""
    async with opened_plain(tmp_path, stage("test"), automatic("test")) as pipeline:
        await switch(pipeline, "test", on=False)
        freight = await pipeline.push("1.0.0")
        await asyncio.sleep(10.5)  # the patience of the sweep
        await sweep()
        await asyncio.sleep(1)
        assert await runs(pipeline.project, "test") == []

        await switch(pipeline, "test", on=True)
        await sweep()
        await pipeline.verified(freight, "test")
        assert await promotions(pipeline, "test") == [Phase.SUCCEEDED]


async def test_an_event_told_twice_and_a_sweep_make_one_promotion(machine, tmp_path):
    """Three runs started for one Freight at one moment: one promotes, the others end Skipped and say why."""
    async with opened_plain(tmp_path, stage("test", steps=gated()), automatic("test")) as pipeline:
        await switch(pipeline, "test", on=False)
        freight = await pipeline.push("1.0.0")
        await switch(pipeline, "test", on=True)
        payload = {"freight": freight.name, "why": "told twice"}
        resource = stage_resource(pipeline.project, "test")
        told = [event("freight.available", resource, payload, key=uuid4().hex, project=pipeline.project) for _ in "ab"]
        async with get_client() as client:
            await asyncio.gather(
                post(client, told), start_automatic(client, pipeline.project, "test", freight.name, "sweep")
            )

        async def all_started() -> bool:
            return len(await runs(pipeline.project, "test")) == 3

        await until(all_started, "three runs", 20)
        await asyncio.sleep(1)
        open_gate(pipeline)
        await pipeline.verified(freight, "test")

        async def all_ended() -> bool:
            return all(run.state.is_final() for run in await runs(pipeline.project, "test"))

        await until(all_ended, "the end of all runs", 30)
        ended = sorted((run.state_name, run.state.message) for run in await runs(pipeline.project, "test"))
        assert [name for name, _ in ended] == ["Promoted", "Skipped", "Skipped"]
        for _, sentence in ended[1:]:
            assert f"{freight.alias} is already" in sentence
        assert await promotions(pipeline, "test") == [Phase.SUCCEEDED]


async def test_automatic_wishes_at_the_same_moment_make_one_promotion(machine, tmp_path):
    """Admitted ten at once, in one process, nine are declined with a sentence; the constraint sees to that."""
    from flows.promotion.admission import Declined, Wish, admit

    async with opened_plain(tmp_path, stage("test"), automatic("test")) as pipeline:
        await switch(pipeline, "test", on=False)
        freight = await pipeline.push("1.0.0")
        ledger, now = pipeline.here.ledger, datetime.now(UTC)
        wishes = [
            Wish(pipeline.project, "test", "controller:drayage", freight.name, automatic=True, flow_run_id=f"run-{n}")
            for n in range(10)
        ]
        admitted = await asyncio.gather(*(admit(ledger, each, now, f"0{n}") for n, each in enumerate(wishes)))

        declined = [each for each in admitted if isinstance(each, Declined)]
        assert len(declined) == 9
        assert all(f"{freight.alias} is already on its way to 'test'" in each.sentence for each in declined)
        assert len(await ledger.promotions.list(pipeline.project)) == 1
        for record in await ledger.promotions.open(pipeline.project):
            await ledger.promotions.abort(pipeline.project, record.name, "user:test", "", now)


async def test_what_nobody_heard_is_found_by_the_sweep(machine, tmp_path):
    """Freight announced while the automation was gone is promoted by the sweep, when its patience is over."""
    async with opened_plain(tmp_path, stage("test"), automatic("test")) as pipeline:
        async with get_client() as client:
            for automation in await client.read_automations_by_name(automation_name(pipeline.project, "test")):
                await client.delete_automation(automation.id)
        freight = await pipeline.push("1.0.0")
        assert [each.freight.name for each in await announce_ready(pipeline.here.ledger, pipeline.project)] == [
            freight.name
        ]

        async def promoted() -> bool:
            return "test" in (await pipeline.standing(freight)).verified_in

        started = datetime.now(UTC)
        await sweeping(promoted, "a sweep that promotes")
        assert (datetime.now(UTC) - started).total_seconds() > 5
        assert await promotions(pipeline, "test") == [Phase.SUCCEEDED]
