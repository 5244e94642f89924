"""What lets Freight into a Stage, what keeps it out, and one after the other."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from prefect.artifacts import Artifact
from prefect.client.orchestration import get_client

from blocks.errors import NotFound, Refused
from blocks.ledger.records import FreightRecord, Phase, PromotionRecord
from deployments.requests import approve_freight, ask_promotion
from flows.advance import announce_ready
from flows.artifacts import key
from flows.promotion.admission import Wish
from flows.start import start_automatic
from flows.sweep import sweep
from tests.servers.guestbook import Guestbook, opened_guestbook, until
from tests.servers.plain import (
    SANDBOX,
    automatic,
    change,
    gated,
    in_state,
    open_gate,
    opened_plain,
    stage,
    state_of,
    template,
)

BY_HAND = "user:ann"
REFUSED = {"uses": "fail", "as": "refuse", "if": f"${{{{ imageFrom('{SANDBOX}/guestbook').Tag == '1.0.0' }}}}"}


def wish(pipeline: Guestbook, stage: str, freight: FreightRecord | None = None, **other) -> Wish:
    """Ann wants it."""
    return Wish(pipeline.project, stage, BY_HAND, freight.alias if freight else "", **other)


async def promote(pipeline: Guestbook, stage: str, freight: FreightRecord, phase=Phase.SUCCEEDED) -> PromotionRecord:
    """Promote as a person, to the end of the promotion."""
    record = await pipeline.ended(await ask_promotion(pipeline.here, wish(pipeline, stage, freight)))
    assert record.phase is phase, record.message
    return record


async def entered(pipeline: Guestbook, freight: FreightRecord) -> set[str]:
    """Where a Freight is or was verified."""
    standing = await pipeline.standing(freight)
    return standing.currently_in.keys() | standing.verified_in.keys()


async def test_one_of_two_or_all_and_control_flow(machine, tmp_path):
    """OneOf opens after the first upstream Stage, All after the last; a Stage without steps passes Freight on."""
    stages = [
        stage("a"),
        stage("b"),
        stage("any", "a", "b"),
        stage("all", "a", "b", sources={"availabilityStrategy": "All"}),
        stage("pass", "all", steps=[]),
        stage("last", "pass"),
    ]
    async with opened_plain(tmp_path, *stages, automatic("a", "any", "all", "last")) as pipeline:
        freight = await pipeline.push("1.0.0")
        await pipeline.verified(freight, "any")
        assert await entered(pipeline, freight) == {"a", "any"}
        with pytest.raises(Refused, match=r"not yet verified in 'b'.*approve it for 'all'"):
            await ask_promotion(pipeline.here, wish(pipeline, "all", freight))
        with pytest.raises(Refused, match="only passes Freight on"):
            await ask_promotion(pipeline.here, wish(pipeline, "pass", freight))

        await promote(pipeline, "b", freight)
        await pipeline.verified(freight, "last")
        standing = await pipeline.standing(freight)
        assert standing.verified_in.keys() == {"a", "b", "any", "all", "pass", "last"}
        assert "pass" not in standing.currently_in


async def test_soak_time_passes_and_the_sweep_promotes(machine, tmp_path):
    """Nothing tells that time has passed; the sweep after it has starts what waited for it."""
    soaking = stage("uat", "test", sources={"requiredSoakTime": "6s"})
    async with opened_plain(tmp_path, stage("test"), soaking, automatic("test", "uat")) as pipeline:
        freight = await pipeline.push("1.0.0")
        verified = await pipeline.verified(freight, "test")
        since = (await pipeline.standing(freight)).currently_in["test"]
        if datetime.now(UTC) < since + timedelta(seconds=4):
            with pytest.raises(Refused, match=r"soaks in 'test' until .* UTC"):
                await ask_promotion(pipeline.here, wish(pipeline, "uat", freight))
            assert await announce_ready(pipeline.here.ledger, pipeline.project) == []

        async def swept() -> bool:
            await sweep()
            return "uat" in await entered(pipeline, freight)

        await until(swept, "the sweep that promotes after the soak", 60)
        record = await pipeline.here.ledger.promotions.latest_for(pipeline.project, "uat", freight.name)
        assert record.created_at >= since + timedelta(seconds=6)
        assert record.created_at > verified
        assert record.actor == "controller:drayage"


async def test_approval_opens_what_verification_has_not(machine, tmp_path):
    """Freight approved for a Stage enters it from nowhere; nobody's approval changes which Warehouse it takes."""
    async with opened_plain(tmp_path, stage("test"), stage("prod", "test")) as pipeline:
        freight = await pipeline.push("1.0.0")
        with pytest.raises(Refused, match="not yet verified in 'test'"):
            await ask_promotion(pipeline.here, wish(pipeline, "prod", freight))
        assert await approve_freight(pipeline.here, pipeline.project, "prod", freight.alias, BY_HAND)
        assert not await approve_freight(pipeline.here, pipeline.project, "prod", freight.alias, BY_HAND)

        await promote(pipeline, "prod", freight)
        await pipeline.verified(freight, "prod")
        assert await entered(pipeline, freight) == {"prod"}
        with pytest.raises(NotFound, match="no Freight with the alias or name 'nobody'"):
            await approve_freight(pipeline.here, pipeline.project, "prod", "nobody", BY_HAND)


async def test_only_the_newest_and_only_where_the_policy_says(machine, tmp_path):
    """Without a policy nothing moves; with it the newest Freight does, and a person's older choice stays."""
    async with opened_plain(tmp_path, stage("test"), stage("other")) as pipeline:
        old, new = await pipeline.push("1.0.0"), await pipeline.push("1.1.0")
        assert await announce_ready(pipeline.here.ledger, pipeline.project) == []
        await change(pipeline, automatic("test"))
        ready = await announce_ready(pipeline.here.ledger, pipeline.project)
        assert [(each.stage, each.freight.alias) for each in ready] == [("test", new.alias)]
        await pipeline.verified(new, "test")
        assert await entered(pipeline, old) == set()

        held = await promote(pipeline, "test", old)
        assert held.intent == "hold"
        assert await announce_ready(pipeline.here.ledger, pipeline.project) == []
        async with get_client() as client:
            run = await start_automatic(client, pipeline.project, "test", new.name, "test")

            async def over() -> bool:
                return (await client.read_flow_run(run.id)).state.is_final()

            await until(over, "the end of an unwanted run", 20)
            state = (await client.read_flow_run(run.id)).state
        assert (state.name, state.is_completed()) == ("Skipped", True)
        assert f"a person chose {old.alias}" in state.message
        assert await pipeline.here.ledger.promotions.list(pipeline.project, "other") == []
        resumed = await pipeline.ended(await ask_promotion(pipeline.here, wish(pipeline, "test", origin="guestbook")))
        assert (resumed.freight, resumed.intent, resumed.phase) == (new.name, "resume", Phase.SUCCEEDED)


async def test_the_next_waits_for_the_promotion_before_it_and_for_its_verification(machine, tmp_path):
    """Promotions of a Stage run one after the other in the order of asking, each with its verification."""
    measured = template(
        "slow",
        count=2,
        interval="1s",
        successCondition="result[0] == 1",
        provider={"prometheus": {"address": f"http://{SANDBOX}/prometheus", "query": "up"}},
    )
    busy = stage("test", steps=gated(), verification={"analysisTemplates": [{"name": "slow"}]})
    async with opened_plain(tmp_path, measured, busy) as pipeline:
        freights = [await pipeline.push(tag) for tag in ("1.0.0", "1.0.1", "1.0.2")]
        asked = [await ask_promotion(pipeline.here, wish(pipeline, "test", each)) for each in freights]
        await in_state(pipeline, asked[0], "Running")
        await asyncio.sleep(1.5)
        known = [await pipeline.here.ledger.promotions.get(pipeline.project, each.name) for each in asked]
        assert [each.phase for each in known] == [Phase.RUNNING, Phase.PENDING, Phase.PENDING]

        open_gate(pipeline)
        ended = [await pipeline.ended(each, 60) for each in asked]
        for each in freights:
            await pipeline.verified(each, "test")
        verifications = await pipeline.here.ledger.verifications.list(pipeline.project, "test")
        finished = {each.promotion: each.finished_at for each in verifications}
        for before, after in pairwise(ended):
            assert before.finished_at < finished[before.name] <= after.started_at
        assert [each.phase for each in ended] == [Phase.SUCCEEDED] * 3


async def test_pausing_the_queue_stops_the_stage(machine, tmp_path):
    """While a person has the Stage's work queue paused nothing starts; afterwards what waits goes on in order."""
    async with opened_plain(tmp_path, stage("test")) as pipeline, get_client() as client:
        freight, newer = await pipeline.push("1.0.0"), await pipeline.push("1.0.1")
        queue = await client.read_work_queue_by_name(f"{pipeline.project}.test", work_pool_name=machine.pool)
        assert queue.concurrency_limit == 1
        await client.update_work_queue(queue.id, is_paused=True)
        asked = [await ask_promotion(pipeline.here, wish(pipeline, "test", each)) for each in (freight, newer)]
        await asyncio.sleep(3)
        assert [(await state_of(each))[0] in ("Scheduled", "Late") for each in asked] == [True, True]
        await sweep()
        told = await pipeline.here.ledger.audit.list(pipeline.project, type="GateDecided")
        said = [each.message for each in told if each.subject == f"Promotion/{asked[1].name}"]
        assert said == [
            f"wait: the Stage's work queue '{pipeline.project}.test' is paused: resume it in Prefect "
            f"('prefect work-queue resume {pipeline.project}.test --pool {machine.pool}'); "
            f"Promotion {asked[0].name} of this Stage is Pending"
        ]
        page = await Artifact.get(key("stage", pipeline.project, "test"))
        assert page.data.count("paused **waits**: the Stage's work queue") == 2

        await client.update_work_queue(queue.id, is_paused=False)
        first, second = [await pipeline.ended(each) for each in asked]
        assert first.finished_at <= second.started_at
        await pipeline.verified(newer, "test")


async def test_a_failed_promotion_says_why_and_is_not_tried_again(machine, tmp_path):
    """The run's state is the sentence, the Freight is left alone by event and sweep, the next Freight is tried."""
    failing = stage("test", steps=[REFUSED | {"config": {"message": "1.0.0 is cursed"}}])
    async with opened_plain(tmp_path, failing, automatic("test")) as pipeline:
        freight = await pipeline.push("1.0.0")
        record = await pipeline.ended(await pipeline.promotion(freight, "test"))
        assert (record.phase, "1.0.0 is cursed" in record.message) == (Phase.FAILED, True)
        message = await in_state(pipeline, record, "Failed")
        assert message.startswith(f"test did not take {freight.alias}: ")
        assert message.endswith(record.message)
        assert "Traceback" not in message

        assert await announce_ready(pipeline.here.ledger, pipeline.project) == []
        await sweep()
        assert len(await pipeline.here.ledger.promotions.list(pipeline.project)) == 1
        await pipeline.verified(await pipeline.push("1.0.1"), "test")
        assert await entered(pipeline, freight) == set()


async def test_an_application_that_does_not_authorise_the_stage(machine, tmp_path):
    """Argo CD's side must agree: without its annotation the promotion is Errored with what to do, and ends there."""
    project = f"guestbook-{uuid4().hex[:8]}"

    def unauthorised(text: str) -> str:
        return text.replace("kargo.akuity.io/authorized-stage", "example.com/some-other-annotation")

    async with opened_guestbook(tmp_path, project, unauthorised) as pipeline:
        freight = await pipeline.push("1.0.0")
        record = await pipeline.ended(await pipeline.promotion(freight, "test"))
        assert record.phase in (Phase.FAILED, Phase.ERRORED)
        message = await in_state(pipeline, record, "Failed", "Errored")
        assert "kargo.akuity.io/authorized-stage" in message
        assert "Traceback" not in message
        assert await pipeline.standing(freight) == await pipeline.standing(freight)
        assert (await pipeline.standing(freight)).currently_in == {}
        assert await announce_ready(pipeline.here.ledger, project) == []
