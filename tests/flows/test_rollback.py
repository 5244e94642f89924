"""Rollbacks as people and failures ask for them, through a real Prefect: what runs afterwards, and what holds it."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import get_client

from blocks.ledger.records import CONTROLLER, Phase, PromotionRecord
from deployments.requests import ask_promotion, ask_rollback
from flows.auto_rollback import roll_back_failing
from flows.promotion.admission import Wish
from flows.rollback import rollback
from flows.start import stage_deployment
from flows.sweep import sweep
from tests.servers.guestbook import Guestbook, until
from tests.servers.plain import automatic, change, gated, in_state, open_gate, opened_plain, stage, template
from tests.servers.terminal import done, drayage


def notes(*broken: str) -> list[dict]:
    """Steps that note whether they are a rollback's, and fail for these tags."""
    return [
        {"uses": "compose-output", "as": "note", "config": {"rollback": "${{ ctx.meta.promotion.rollback }}"}},
        {"uses": "fail", "if": f"${{{{ imageFrom(vars.image).Tag in {[*broken]} }}}}", "config": {"message": "broken"}},
    ]


NOTES = notes("1.0.2")


def self_mending() -> list[dict]:
    """A Stage that goes back by itself; what is verified bad is 1.0.2, what cannot be promoted are 1.0.0 and 1.0.3."""
    address = {"address": "http://sandbox.invalid/prometheus", "query": 'errors{tag="{{args.tag}}"}'}
    errors = template("errors", successCondition="result[0] < 0.5", provider={"prometheus": address})
    errors["spec"]["args"] = [{"name": "tag"}]
    tag = {"name": "tag", "value": "${{ quote(imageFrom(vars.image).Tag) }}"}
    policies = automatic("test")
    policies["spec"]["promotionPolicies"][0]["autoRollback"] = {"onPromotion": ["Failed"]}
    mending = stage(
        "test",
        steps=notes("1.0.0", "1.0.3"),
        vars=[{"name": "image", "value": "sandbox.invalid/guestbook"}],
        verification={"analysisTemplates": [{"name": "errors"}], "args": [tag]},
    )
    return [errors, mending, policies]


async def rollback_of(pipeline: Guestbook, undone: str) -> PromotionRecord:
    """Wait for the end of the promotion that takes something back by itself."""
    found: list[PromotionRecord] = []

    async def there() -> bool:
        known = await pipeline.here.ledger.promotions.list(pipeline.project, "test")
        found[:] = [each for each in known if each.rollback == undone and each.phase.terminal]
        return bool(found)

    await until(there, f"the rollback of {undone}", 90)
    return found[0]


async def current(pipeline: Guestbook) -> str:
    """The Freight that the Stage runs."""
    return (await pipeline.here.ledger.stages.current(pipeline.project, "test"))["guestbook"].freight


async def test_failures_are_taken_back(machine, tmp_path):
    """A bad verification, then a failed promotion: the Stage goes back each time, once, and stays there."""
    async with opened_plain(tmp_path, *self_mending()) as pipeline:
        ledger = pipeline.here.ledger
        for tag, errors in {"1.0.1": 0.0, "1.0.2": 1.0}.items():
            pipeline.sandbox.world.metrics.set("errors", {"tag": tag}, errors)
        early = await pipeline.promotion(await pipeline.push("1.0.0"), "test", 90)
        assert (await pipeline.ended(early, 90)).phase is Phase.FAILED
        await sweep()
        await sweep()
        stayed = await ledger.audit.list(pipeline.project, type="RollbackSkipped", stage="test")
        assert [(each.actor, each.data["undoes"]) for each in stayed] == [(CONTROLLER, early.name)], "told, and once"
        assert stayed[0].message == (
            f"Stage 'test' does not go back by itself: Promotion {early.name} ended Failed, "
            "but no other Freight from Warehouse 'guestbook' was verified there before"
        )

        good = await pipeline.push("1.0.1")
        await pipeline.verified(good, "test", 90)
        bad = await pipeline.push("1.0.2")

        brought = await pipeline.promotion(bad, "test", 90)

        async def unverified() -> bool:
            latest = await ledger.verifications.latest(pipeline.project, "test")
            return bool(latest and latest.promotion == brought.name and latest.phase.terminal)

        await until(unverified, "the bad verification", 90)
        failed = await ledger.verifications.latest(pipeline.project, "test")
        # Whoever comes to it at the same time as the run itself, and later, makes nothing.
        async with get_client() as client:
            both = (roll_back_failing(pipeline.here, client, datetime.now(UTC)) for _ in range(2))
            await asyncio.gather(*both)
        back = await rollback_of(pipeline, failed.id)
        assert (back.phase, back.freight, back.actor, back.intent) == (Phase.SUCCEEDED, good.name, CONTROLLER, "hold")
        assert back.reason == f"verification {failed.id} ended Failed; {good.alias} was verified there before"
        steps = await ledger.promotions.steps(pipeline.project, back.name)
        assert steps[0].output == {"rollback": True}
        assert await current(pipeline) == good.name
        assert [(each.freight, each.actor) for each in await ledger.stages.holds(pipeline.project)] == [
            (good.name, CONTROLLER)
        ]

        broken = await pipeline.push("1.0.3")
        await sweep()
        assert await ledger.promotions.latest_for(pipeline.project, "test", broken.name) is None
        asked = await ask_promotion(pipeline.here, Wish(pipeline.project, "test", "user:ann", broken.alias))
        again = await rollback_of(pipeline, asked.name)
        assert (again.phase, again.freight) == (Phase.SUCCEEDED, good.name)
        assert await current(pipeline) == good.name
        await sweep()
        known = await ledger.promotions.list(pipeline.project, "test")
        assert sorted(each.rollback for each in known) == sorted(["", "", "", "", failed.id, asked.name])
        created = await ledger.audit.list(pipeline.project, type="PromotionCreated")
        assert [each.data.get("rollback", "") for each in created].count(asked.name) == 1


async def test_people_go_back(machine, tmp_path):
    """By the command line, by a custom run of the Stage's deployment and from Python, each time further back."""
    async with opened_plain(tmp_path, stage("test", steps=NOTES[:1])) as pipeline:
        project, freight = pipeline.project, []
        refused = await drayage("rollback", "-p", project, "--stage", "test")
        assert refused.code == 1
        assert "'test' runs no Freight, so there is nothing to go back from" in refused.err
        for tag in ("1.0.0", "1.0.1", "1.0.2"):
            freight.append(await pipeline.push(tag))
            await ask_promotion(pipeline.here, Wish(project, "test", "user:ann", freight[-1].alias))
            await pipeline.verified(freight[-1], "test", 90)

        asked = ("rollback", "-p", project, "--stage", "test", "--wait", "-o", "json")
        shown = (await done(*asked)).json
        assert shown["metadata"]["annotations"]["kargo.akuity.io/rollback"] == "true"
        assert shown["spec"]["freight"] == await current(pipeline) == freight[1].name

        async with get_client() as client:
            found = await client.read_deployment_by_name(f"promote/{stage_deployment(project, 'test')}")
            run = await client.create_flow_run_from_deployment(found.id, parameters={"rollback": True})

        async def made() -> bool:
            return await pipeline.here.ledger.promotions.by_flow_run(str(run.id)) is not None

        await until(made, "the Promotion of the custom run", 90)
        record = await pipeline.here.ledger.promotions.by_flow_run(str(run.id))
        await in_state(pipeline, record, "Promoted", seconds=90)
        assert (record.freight, record.actor) == (freight[0].name, "unknown actor")

        state = await rollback(project, "test", freight[2].alias, reason="from Python", return_state=True)
        assert state.name == "Promoted", state
        assert await current(pipeline) == freight[2].name
        last = (await pipeline.here.ledger.promotions.list(project, "test"))[0]
        assert last.reason == "from Python"
        assert last.rollback == record.name
        stages = (await done("get", "stages", "test", "-p", project, "-o", "json")).json
        assert stages["status"]["metadata"]["stableFreight"]["Warehouse/guestbook"]["name"] == freight[2].name
        assert (await client_state(run.id)) == "Promoted"


CLOSED = {"name": "closed", "kind": "Deny", "dtstart": "20200101T000000Z", "dtend": "23000101T000000Z"}


def windows(*known: dict) -> dict:
    """The Stage `mends` takes back by itself what fails; promotions go within these windows."""
    config = automatic("mends")
    policy = {"stageSelector": {"name": "mends"}, "autoRollback": {"onPromotion": ["Failed"]}}
    config["spec"] = {"promotionPolicies": [policy], "promotionWindows": list(known)}
    return config


async def test_going_back_waits_for_the_window(machine, tmp_path):
    """Rollbacks, by people and by themselves, stand before a closed window and go on when it opens, without anybody."""
    waits = gated()[0] | {"if": "${{ imageFrom(vars.image).Tag == '1.0.2' }}"}
    image = [{"name": "image", "value": "sandbox.invalid/guestbook"}]
    stages = [stage("hand", steps=NOTES[:1]), stage("mends", steps=[waits, *NOTES], vars=image)]
    async with opened_plain(tmp_path, *stages, windows()) as pipeline:
        here, project, freight = pipeline.here, pipeline.project, {}
        for tag, places in {"1.0.0": ("hand", "mends"), "1.0.1": ("hand",), "1.0.2": ()}.items():
            freight[tag] = await pipeline.push(tag)
            for name in places:
                await ask_promotion(here, Wish(project, name, "user:ann", freight[tag].alias))
            for name in places:
                await pipeline.verified(freight[tag], name, 90)
        failing = await ask_promotion(here, Wish(project, "mends", "user:ann", freight["1.0.2"].alias))
        await in_state(pipeline, failing, "Running", seconds=60)
        await change(pipeline, windows(CLOSED))
        open_gate(pipeline)
        assert (await pipeline.ended(failing, 90)).phase is Phase.FAILED
        by_hand = await ask_rollback(here, Wish(project, "hand", "user:ann"))

        async def made() -> bool:
            return bool(await by_itself())

        async def by_itself() -> list[PromotionRecord]:
            known = await here.ledger.promotions.list(project, "mends")
            return [each for each in known if each.rollback == failing.name and each.flow_run_id]

        await until(made, "the rollback by itself", 60)
        backs = [by_hand, *await by_itself()]
        for each in backs:
            said = await in_state(pipeline, each, "AwaitingWindow", seconds=60)
            assert said == "blocked by window 'closed' until 2300-01-01 00:00 UTC"
        assert [each.actor for each in backs] == ["user:ann", CONTROLLER]

        await change(pipeline, windows())
        await sweep()
        for each in backs:
            ended = await pipeline.ended(each, 90)
            assert (ended.phase, ended.freight) == (Phase.SUCCEEDED, freight["1.0.0"].name)
            decided = await here.ledger.audit.list(project, promotion=each.name, type="GateDecided")
            assert [event.data["answer"] for event in decided] == ["begin", "wait"]
            assert decided[1].data["rule"] == "window"


async def client_state(flow_run_id: UUID) -> str:
    """The name of a run's state."""
    async with get_client() as client:
        return (await client.read_flow_run(flow_run_id)).state_name or ""
