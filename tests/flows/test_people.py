"""Steps that ask people: the run is suspended with a form, and only an answer that counts lets it go on."""

import signal
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.responses import SetStateStatus
from prefect.states import Scheduled

from blocks.errors import Refused
from blocks.ledger.records import Phase
from deployments.answers import decide, give_input
from deployments.requests import abort_promotion, ask_promotion
from flows.approval import check_askable
from flows.promotion.admission import Wish
from flows.start import stage_deployment
from flows.sweep import sweep
from tests.servers.doomed_worker import Nursery, Order, alive, end
from tests.servers.guestbook import until
from tests.servers.plain import in_state, opened_plain, stage, state_of

SCHEMA = {
    "type": "object",
    "required": ["channel"],
    "properties": {"channel": {"enum": ["slow", "fast"]}, "percent": {"type": "integer", "maximum": 100}},
}
INPUT = {"uses": "get-user-input", "as": "which", "config": {"schema": SCHEMA}}
SEEN = {"uses": "compose-output", "as": "seen", "config": {"channel": "${{ outputs.which.values.channel }}"}}
CLEAN = {"uses": "compose-output", "as": "clean", "if": "${{ failure() }}", "config": {"done": "yes"}}


def approval(**config):
    """The step that waits for people."""
    return {"uses": "wait-for-approval", "as": "go", "config": config}


@asynccontextmanager
async def asking(folder, *steps):
    """A promotion whose steps are these, waiting at the first question."""
    async with opened_plain(folder, stage("prod", steps=list(steps))) as pipeline:
        freight = await pipeline.push("1.0.0")
        record = await ask_promotion(pipeline.here, Wish(pipeline.project, "prod", "user:ann", freight.name))
        await asked(record, 1)
        yield pipeline, record


async def asked(record, attempt):
    """Wait until the run shows the form of this attempt of the step that asks. Returns what stands above it."""
    shown = []
    async with get_client() as client:

        async def there():
            run = await client.read_flow_run(UUID(record.flow_run_id))
            keys = (run.state.state_details.run_input_keyset or {}) if run.state else {}
            if run.state_name != "Suspended" or f"-{attempt}-schema" not in keys.get("schema", ""):
                return False
            found = await client.request(
                "POST",
                "/flow_runs/{id}/input/filter",
                path_params={"id": run.id},
                json={"prefix": keys["description"], "limit": 1, "exclude_keys": []},
            )
            shown[:] = [each["value"] for each in found.json()]
            return bool(shown)

        await until(there, f"question {attempt} of {record.name}", 40)
    return shown[0]


async def resume(record, answer):
    """Resume a run as anybody can through Prefect's API."""
    async with get_client() as client:
        return (await client.resume_flow_run(UUID(record.flow_run_id), run_input=answer)).status


async def steps_of(pipeline, record):
    """The promotion's steps by alias."""
    return {each.alias: each for each in await pipeline.here.ledger.promotions.steps(record.project, record.name)}


async def test_input_is_given_as_the_ui_does(machine, tmp_path):
    """The lease is left while it waits; what was typed is seen by later steps and told in the trail."""
    async with asking(tmp_path, INPUT, SEEN) as (pipeline, record):
        left = await pipeline.here.ledger.promotions.get(record.project, record.name)
        assert (left.phase, left.owner) == (Phase.RUNNING, "")
        assert left.waiting_for["message"] == "step 'which': waits for somebody's input"
        assert not (machine.home / "work" / record.name).exists()
        for refused in (None, {}, {"values": {}}, {"values": {"channel": "other"}}, {"decision": "approve"}):
            assert await resume(record, refused) is SetStateStatus.REJECT, refused
        assert await resume(record, {"values": {"channel": "fast"}, "respondedBy": "ann"}) is SetStateStatus.ACCEPT

        ended = await pipeline.ended(record)
        assert (ended.phase, ended.waiting_for) == (Phase.SUCCEEDED, {})
        steps = await steps_of(pipeline, record)
        assert steps["seen"].output == {"channel": "fast"}
        assert steps["which"].output["respondedBy"] == "ann (unauthenticated)"
        trail = await pipeline.here.ledger.audit.list(record.project, type="PromotionAnswered")
        assert [each.message for each in trail] == ["ann (unauthenticated) answered step 'which': channel"]


async def test_the_command_line_answers(machine, tmp_path):
    """Texts are read as the form's schema says; approving what wants input is refused, and so the other way round."""
    async with asking(tmp_path, INPUT, approval()) as (pipeline, record):
        with pytest.raises(Refused, match="give it by --input"):
            await decide(pipeline.here, record.project, record.name, "approve", "ann", "")
        await give_input(pipeline.here, record.project, record.name, {"channel": "slow", "percent": "5"}, "ann")

        async def asks_again():
            return (await steps_of(pipeline, record)).get("go") is not None and (await state_of(record))[
                0
            ] == "Suspended"

        await until(asks_again, "the second question", 30)
        await asked(record, 1)
        with pytest.raises(Refused, match="leave out --input"):
            await give_input(pipeline.here, record.project, record.name, {"channel": "slow"}, "ann")
        await decide(pipeline.here, record.project, record.name, "approve", "ann", "fine")
        assert (await pipeline.ended(record)).phase is Phase.SUCCEEDED
        steps = await steps_of(pipeline, record)
        assert steps["which"].output["values"] == {"channel": "slow", "percent": 5}
        assert steps["go"].output["responses"][0]["message"] == "fine"


async def test_two_approve_while_others_queue(machine, tmp_path):
    """The Stage stays locked; a name counts once; the trail has each who and when; the form shows the preview."""
    async with asking(tmp_path, approval(minApprovals=2)) as (pipeline, record):
        later = await pipeline.push("1.1.0")
        second = await ask_promotion(pipeline.here, Wish(pipeline.project, "prod", "user:ann", later.name))
        await in_state(pipeline, second, "AwaitingStage")
        assert (await pipeline.here.ledger.promotions.get(record.project, second.name)).phase is Phase.PENDING
        for number, name in enumerate(["ann", " ANN "], 1):
            await asked(record, number)
            await decide(pipeline.here, record.project, record.name, "approve", name, "")
        shown = await asked(record, 3)
        assert "1 of 2 approved" in shown and "### Gates" in shown and "1. `wait-for-approval` as **go**" in shown
        await decide(pipeline.here, record.project, record.name, "approve", "bob", "")
        assert (await pipeline.ended(record)).phase is Phase.SUCCEEDED
        trail = await pipeline.here.ledger.audit.list(record.project, subject=f"Promotion/{record.name}")
        assert [each.actor for each in reversed(trail) if each.type == "PromotionApproved"] == [
            "ann (unauthenticated)",
            "bob (unauthenticated)",
        ]


async def test_a_rejection_fails_it(machine, tmp_path):
    """With its comment; steps that clean up after failures run."""
    async with asking(tmp_path, approval(minApprovals=2), CLEAN) as (pipeline, record):
        await decide(pipeline.here, record.project, record.name, "reject", "eve", "not today")
        ended = await pipeline.ended(record)
        assert ended.phase is Phase.FAILED
        assert ended.message == "rejected by eve (unauthenticated): not today"
        assert (await steps_of(pipeline, record))["clean"].status == "Succeeded"


async def test_a_forged_resume_asks_again(machine, tmp_path):
    """Neither a state that was set nor an answer written past the form lets it go on."""
    async with asking(tmp_path, approval()) as (pipeline, record):
        async with get_client() as client:
            await client.set_flow_run_state(UUID(record.flow_run_id), Scheduled(), force=True)
            await asked(record, 2)
            run = await client.read_flow_run(UUID(record.flow_run_id))
            key = run.state.state_details.run_input_keyset["response"]
            await client.create_flow_run_input(run.id, key, '{"decision": "perhaps"}')
            await client.set_flow_run_state(run.id, Scheduled(), force=True)
        await asked(record, 3)
        assert (await pipeline.here.ledger.promotions.get(record.project, record.name)).phase is Phase.RUNNING
        await decide(pipeline.here, record.project, record.name, "approve", "ann", "")
        assert (await pipeline.ended(record)).phase is Phase.SUCCEEDED


async def test_silence_ends_it(machine, tmp_path):
    """After `retry.timeout` the sweep lets it go on, so that the step ends and the next ones see that."""
    async with asking(tmp_path, {**approval(), "retry": {"timeout": "2s"}}, CLEAN) as (pipeline, record):

        async def over():
            await sweep()
            now = await pipeline.here.ledger.promotions.get(record.project, record.name)
            return now.phase.terminal

        await until(over, "the end of the step's time", 40)
        ended = await pipeline.ended(record)
        assert ended.phase is Phase.ERRORED
        assert ended.message == "step 'go' was not done within 2s; last: waits for approval: 0 of 1 approved"
        assert (await steps_of(pipeline, record))["clean"].status == "Succeeded"


@pytest.mark.long
async def test_workers_die_while_it_waits(machine, tmp_path, monkeypatch):
    """One while nobody works, one with the answer read and nothing saved: the answer counts, once."""
    monkeypatch.setenv("DRAYAGE_WORK_POOL", f"people-{uuid4().hex[:8]}")
    nursery = Nursery(tmp_path / "workers.log", {"DRAYAGE_LEASE_SECONDS": "2"})
    async with nursery, opened_plain(tmp_path, stage("prod", steps=[approval(), CLEAN])) as pipeline:
        freight = await pipeline.push("1.0.0")
        queue, pool = stage_deployment(pipeline.project, "prod"), pipeline.here.settings.work_pool

        async def worker(point=""):
            return await nursery.bear(Order(pool, queue, point, str(tmp_path / f"note{point}".replace(":", "-"))))

        first = await worker()
        record = await ask_promotion(pipeline.here, Wish(pipeline.project, "prod", "user:ann", freight.name))
        await asked(record, 1)
        end(first, signal.SIGKILL)
        await decide(pipeline.here, record.project, record.name, "approve", "ann", "")
        second = await worker("after:go")

        async def dead():
            return not alive(second)

        await until(dead, "the second death", 40)
        await worker()

        async def over():
            await sweep()
            return (await pipeline.here.ledger.promotions.get(record.project, record.name)).phase.terminal

        await until(over, "the end", 60)
        assert (await pipeline.ended(record)).phase is Phase.SUCCEEDED
        trail = await pipeline.here.ledger.audit.list(record.project, type="PromotionApproved")
        assert [each.actor for each in trail] == ["ann (unauthenticated)"]


async def test_abort_while_it_waits(machine, tmp_path):
    """The suspended run is cancelled."""
    async with asking(tmp_path, approval()) as (pipeline, record):
        aborted = await abort_promotion(pipeline.here, record.project, record.name, "ann")
        assert aborted.phase is Phase.ABORTED
        await in_state(pipeline, record, "Cancelled", seconds=10)


async def test_a_script_is_refused(machine, tmp_path):
    """Before any promotion is made: nobody could answer it."""
    async with opened_plain(tmp_path, stage("prod", steps=[SEEN, INPUT])) as pipeline:
        with pytest.raises(Refused, match="asks people in its step 'which'"):
            await check_askable(pipeline.here.ledger, pipeline.project, "prod")
