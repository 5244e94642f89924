"""Telling what may enter: events once, and what people see in Prefect of a Freight's way."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import get_client

from blocks.ledger.records import PromotionRecord
from flows.advance import advance, announce_ready
from flows.announce import stage_resource
from flows.artifacts import key
from tests.servers.guestbook import Guestbook, until
from tests.servers.plain import automatic, change, opened_plain, stage
from tests.servers.prefect_runs import runs_of

STEPS = [
    {"uses": "compose-output", "as": "first", "config": {"seen": "yes"}},
    {"uses": "compose-output", "as": "second", "config": {"seen": "${{ outputs.first.seen }}"}},
    {"uses": "fail", "as": "third", "if": "${{ outputs.second.seen == 'no' }}"},
]


async def events(pipeline: Guestbook, name: str = "*") -> list[dict]:
    """Drayage's events about a project that Prefect keeps, oldest first."""
    since = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    wanted = {
        "event": {"prefix": ["drayage."]},
        "occurred": {"since": since},
        "related": {"id": [f"drayage.project.{pipeline.project}"], "role": ["project"]},
        "order": "ASC",
    }
    async with get_client() as client:
        answer = await client.request("POST", "/events/filter", json={"filter": wanted, "limit": 50})
    return [each for each in answer.json()["events"] if name in ("*", each["event"])]


async def artifacts(*parts: str) -> list[str]:
    """The data of all versions of an artifact, newest first."""
    wanted = {"artifacts": {"key": {"any_": [key(*parts)]}}, "sort": "CREATED_DESC", "limit": 50}
    async with get_client() as client:
        return [each["data"] for each in (await client.request("POST", "/artifacts/filter", json=wanted)).json()]


async def published(pipeline: Guestbook, stage: str, alias: str) -> None:
    """Wait until the project's table knows a Freight as verified in a Stage."""

    async def there() -> bool:
        rows = [row for each in (await artifacts("project", pipeline.project))[:1] for row in json.loads(each)]
        return any((row["stage"], row["freight"]) == (stage, alias) and row["verified"] != "—" for row in rows)

    await until(there, f"the table with {alias} in {stage}", 30)


async def walked(pipeline: Guestbook) -> PromotionRecord:
    """Push an image and wait until it is verified in uat, and shown so."""
    freight = await pipeline.push("1.0.0")
    await pipeline.verified(freight, "uat")
    await published(pipeline, "uat", freight.alias)
    return await pipeline.promotion(freight, "uat")


async def test_what_people_see_of_a_promotion(machine, tmp_path):
    """Run name, tags, task runs named by alias, artifacts of project, Stage and Freight, and events."""
    stages = [stage("test", steps=STEPS), stage("uat", "test", steps=STEPS), automatic("test", "uat")]
    async with opened_plain(tmp_path, *stages) as pipeline:
        record = await walked(pipeline)
        freight = await pipeline.freight("1.0.0")
        async with get_client() as client:
            run = await client.read_flow_run(UUID(record.flow_run_id))
        assert run.name == f"uat ← {freight.alias}"
        wanted = {f"project:{pipeline.project}", "stage:uat", f"freight:{freight.name}", "drayage-stage"}
        assert wanted <= set(run.tags)
        assert run.created_by.type == "AUTOMATION"

        async def recorded() -> bool:
            tasks = [each for each in await runs_of(pipeline.project, "uat") if each.kind == "task run"]
            shown[:] = sorted((each.name, each.state) for each in tasks)
            return len(shown) == 3

        shown: list[tuple[str, str]] = []
        await until(recorded, "three task runs", 20)
        assert shown == [("first", "Completed"), ("second", "Completed"), ("third", "Skipped")]

        table = {row["stage"]: row for row in json.loads((await artifacts("project", pipeline.project))[0])}
        assert {name: row["freight"] for name, row in table.items()} == {"test": freight.alias, "uat": freight.alias}
        assert table["uat"]["versions"] == "guestbook:1.0.0"
        assert table["uat"]["last promotion"] == "Succeeded"
        page = (await artifacts("stage", pipeline.project, "uat"))[0]
        assert page.startswith(f"# {pipeline.project}/uat")
        assert "promotes by itself" in page
        assert f"| {freight.alias} | guestbook:1.0.0 |" in page
        assert record.name in page
        page = (await artifacts("freight", pipeline.project, freight.alias))[0]
        assert f"| {pipeline.sandbox.host}/guestbook | 1.0.0 |" in page
        assert freight.name in page
        assert "| test | " in page

        async def told() -> bool:
            return len(await events(pipeline)) >= 7

        await until(told, "the events", 30)
        names = [each["event"].removeprefix("drayage.") for each in await events(pipeline)]
        once = {"freight.created": 1, "freight.available": 2, "promotion.created": 2, "promotion.succeeded": 2}
        assert {name: names.count(name) for name in once} == once
        available = (await events(pipeline, "drayage.freight.available"))[-1]
        assert available["resource"]["prefect.resource.id"] == stage_resource(pipeline.project, "uat")
        assert (available["payload"]["freight"], available["payload"]["alias"]) == (freight.name, freight.alias)


async def test_told_again_is_not_told_twice(machine, tmp_path):
    """The flow `advance` announces what may enter; within five minutes Prefect counts that once."""
    async with opened_plain(tmp_path, stage("test")) as pipeline:
        freight = await pipeline.push("1.0.0")
        assert await advance(pipeline.project) == 0
        async with get_client() as client:
            queue = await client.read_work_queue_by_name(f"{pipeline.project}.test", work_pool_name=machine.pool)
            await client.update_work_queue(queue.id, is_paused=True)
            await change(pipeline, automatic("test"))
            assert await advance(pipeline.project) == 1
            ready = await announce_ready(pipeline.here.ledger, pipeline.project)
            assert [(each.stage, each.freight.name) for each in ready] == [("test", freight.name)]
            assert ready[0].why == f"{freight.alias} is the candidate of 'guestbook'"

            async def told() -> bool:
                return bool(await events(pipeline, "drayage.freight.available"))

            await until(told, "the event", 30)
            await client.update_work_queue(queue.id, is_paused=False)
        await pipeline.verified(freight, "test")
        assert len(await events(pipeline, "drayage.freight.available")) <= 2
        assert len(await pipeline.here.ledger.promotions.list(pipeline.project)) == 1


async def test_a_project_that_is_not_there_has_nothing_to_tell(machine):
    """Advancing a project without Stages announces nothing."""
    assert await advance("nowhere") == 0
