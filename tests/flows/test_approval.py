"""People decide: the form, what counts as an answer, and what happens without one."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.responses import SetStateStatus
from prefect.states import Pending, Running, Scheduled

from blocks.ledger.records import Phase, PromotionRecord
from deployments.answers import decide
from deployments.requests import ask_promotion
from flows.advance import announce_ready
from flows.promotion.admission import Wish
from flows.sweep import sweep
from tests.flows.promotion.vouching import signed
from tests.servers.guestbook import Guestbook, until
from tests.servers.plain import asking, automatic, in_state, opened_plain, stage, state_of

ACCEPT, REJECT = SetStateStatus.ACCEPT, SetStateStatus.REJECT


async def waiting(pipeline: Guestbook, tag: str = "1.0.0") -> PromotionRecord:
    """Push an image and wait until its promotion to prod asks people."""
    freight = await pipeline.push(tag)
    record = await pipeline.promotion(freight, "prod")
    await asked(pipeline, record, 1)
    return record


async def asked(pipeline: Guestbook, record: PromotionRecord, number: int) -> str:
    """Wait until the run asks for the n-th time, and return what it shows."""
    async with get_client() as client:

        async def there() -> bool:
            run = await client.read_flow_run(UUID(record.flow_run_id))
            keys = run.state.state_details.run_input_keyset or {} if run.state else {}
            if run.state_name != "Suspended" or f"approval-{number}-" not in keys.get("schema", ""):
                return False
            found.append(await _input(client, run.id, keys["description"]))
            return bool(found[-1])

        found: list[str] = []
        await until(there, f"question {number} of {record.name}", 40)
    return found[-1]


async def _input(client, flow_run_id: UUID, key: str) -> str:
    answer = await client.request(
        "POST",
        "/flow_runs/{id}/input/filter",
        path_params={"id": flow_run_id},
        json={"prefix": key, "limit": 1, "exclude_keys": []},
    )
    return str(answer.json()[0]["value"]) if answer.json() else ""


async def resume(record: PromotionRecord, answer: dict | None) -> SetStateStatus:
    """Resume a run as anybody can through Prefect's API."""
    async with get_client() as client:
        return (await client.resume_flow_run(UUID(record.flow_run_id), run_input=answer)).status


async def say(pipeline: Guestbook, record: PromotionRecord, decision: str, approver: str, comment: str = "") -> None:
    """Answer the form."""
    await decide(pipeline.here, pipeline.project, record.name, decision, approver, comment)


async def phase(pipeline: Guestbook, record: PromotionRecord) -> Phase:
    """The phase of a Promotion now."""
    return (await pipeline.here.ledger.promotions.get(pipeline.project, record.name)).phase


PROD = (stage("prod"), automatic("prod"))


async def test_the_form_says_what_would_change_and_wants_a_decision(machine, tmp_path):
    """Versions before and after are in the description; empty, unknown and superfluous answers are refused."""
    async with opened_plain(tmp_path, *PROD, asking("prod")) as pipeline:
        first = await waiting(pipeline)
        await say(pipeline, first, "approve", "ann", "looks good")
        await pipeline.ended(first)
        record = await waiting(pipeline, "1.1.0")
        freight, before = await pipeline.freight("1.1.0"), await pipeline.freight("1.0.0")

        shown = await asked(pipeline, record, 1)
        assert f"prod ← {freight.alias}" in shown
        assert f"now on **{before.alias}**" in shown
        assert f"| {pipeline.sandbox.host}/guestbook | 1.0.0 | 1.1.0 | changes |" in shown
        assert "`compose-output` as **note**" in shown
        refused = [None, {}, {"decision": "yes"}, {"approver": "ann"}, {"decision": "approve", "force": True}]
        for answer in [*refused, {"decision": None}, {"decision": {"__prefect_kind": "none"}}]:
            assert await resume(record, answer) is REJECT, answer
        assert (await state_of(record))[0] == "Suspended"
        assert await phase(pipeline, record) is Phase.PENDING

        assert await resume(record, {"decision": "approve", "approver": "bob"}) is ACCEPT
        await pipeline.verified(freight, "prod")
        decisions = await pipeline.here.ledger.promotions.decisions(pipeline.project, record.name)
        assert [each.actor for each in decisions] == ["bob (unauthenticated)"]


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(Scheduled(), id="Scheduled"),
        pytest.param(Running(), id="Running", marks=pytest.mark.long),
        pytest.param(Pending(), id="Pending", marks=pytest.mark.long),
    ],
)
async def test_a_run_pushed_on_without_an_answer_asks_again(machine, tmp_path, forged):
    """Whoever may set states still cannot promote past people: the run asks anew, and only an answer counts."""
    async with opened_plain(tmp_path, *PROD, asking("prod")) as pipeline:
        record = await waiting(pipeline)
        async with get_client() as client:
            await client.set_flow_run_state(UUID(record.flow_run_id), forged, force=True)

        async def asks() -> bool:
            await sweep()
            return (await state_of(record))[0] == "Suspended"

        await until(asks, "another question", 100)
        assert await phase(pipeline, record) is Phase.PENDING
        await asked(pipeline, record, 2)

        await say(pipeline, record, "approve", "ann")
        await pipeline.verified(await pipeline.freight("1.0.0"), "prod")


async def test_a_forged_answer_is_no_answer(machine, tmp_path):
    """A response written past the server's check is refused by the flow, which asks again."""
    async with opened_plain(tmp_path, *PROD, asking("prod")) as pipeline:
        record = await waiting(pipeline)
        async with get_client() as client:
            run = await client.read_flow_run(UUID(record.flow_run_id))
            key = run.state.state_details.run_input_keyset["response"]
            await client.create_flow_run_input(run.id, key, '{"decision": "perhaps"}')
            await client.set_flow_run_state(run.id, Scheduled(), force=True)
        await asked(pipeline, record, 2)
        assert await phase(pipeline, record) is Phase.PENDING


async def test_a_rejection_ends_it_for_good(machine, tmp_path):
    """The run ends Rejected with the comment, the Promotion is Aborted, and nobody is asked again by itself."""
    async with opened_plain(tmp_path, *PROD, asking("prod")) as pipeline:
        record = await waiting(pipeline)
        await say(pipeline, record, "reject", "ann", "not on a friday")

        message = await in_state(pipeline, record, "Rejected")
        assert message.endswith("does not enter prod: rejected by ann (unauthenticated): not on a friday")
        ended = await pipeline.ended(record)
        assert ended.phase is Phase.ABORTED
        assert "not on a friday" in ended.message
        assert await announce_ready(pipeline.here.ledger, pipeline.project) == []
        await sweep()
        assert len(await pipeline.here.ledger.promotions.list(pipeline.project)) == 1

        again = await ask_promotion(pipeline.here, Wish(pipeline.project, "prod", "user:ann", record.freight))
        await asked(pipeline, again, 1)
        await say(pipeline, again, "approve", "ann")
        await pipeline.verified(await pipeline.freight("1.0.0"), "prod")


async def test_silence_ends_it_too(machine, tmp_path):
    """After the policy's timeout the sweep wakes the run, which ends in words of ours."""
    async with opened_plain(tmp_path, *PROD, asking("prod", timeout="2s")) as pipeline:
        record = await waiting(pipeline)

        async def over() -> bool:
            await sweep()
            return await phase(pipeline, record) is Phase.FAILED

        await until(over, "the end of the time", 60)
        message = (await pipeline.ended(record)).message
        assert message == "it was not approved within 2s: 0 of 1 approved; promote again to ask anew"
        assert (await in_state(pipeline, record, "Failed", seconds=40)).endswith(message)
        assert (await pipeline.standing(await pipeline.freight("1.0.0"))).currently_in == {}
        assert await announce_ready(pipeline.here.ledger, pipeline.project) == []


TERMS = {
    "minApprovals": 2,
    "approvers": [{"claim": "groups", "value": "sre"}, {"name": "bob"}],
    "forbidSelfApproval": True,
}


async def vouched(record: PromotionRecord, subject: str, **other) -> dict:
    """An approval with what the gateway adds, now, for the question that is open."""
    async with get_client() as client:
        run = await client.read_flow_run(UUID(record.flow_run_id))
    question = run.state.state_details.run_input_keyset["response"]
    said = {"run": str(run.id), "question": question, "email": f"{subject}@example.com", "groups": ["sre"]} | other
    return {"decision": "approve", "assertion": signed(subject, datetime.now(UTC), **said)}


async def test_who_is_proven_and_who_is_not(machine, tmp_path):
    """A forged assertion, one of an earlier question and one's own wish count for nobody; a proven one does."""
    async with opened_plain(tmp_path, stage("prod"), asking("prod", **TERMS)) as pipeline:
        freight = await pipeline.push("1.0.0")
        wish = Wish(pipeline.project, "prod", "email:ann@example.com", freight.name)
        record = await ask_promotion(pipeline.here, wish)
        shown = await asked(pipeline, record, 1)
        assert "Only these may decide: groups sre, bob." in shown
        assert "Who asked for the promotion may not approve it." in shown

        first = await vouched(record, "zoe")
        forgery = await vouched(record, "zoe", key=b"the secret of somebody else, which is long too")
        assert await resume(record, forgery) is ACCEPT
        assert "did not count: the assertion of identity was not signed with our key" in await asked(
            pipeline, record, 2
        )
        assert await resume(record, first) is ACCEPT
        assert "is for another question of this run" in await asked(pipeline, record, 3)
        assert await resume(record, await vouched(record, "ann")) is ACCEPT
        assert "who asked for the promotion may not approve it" in await asked(pipeline, record, 4)
        assert await phase(pipeline, record) is Phase.PENDING
        assert await resume(record, await vouched(record, "zoe")) is ACCEPT
        assert "Approved by email:zoe@example.com." in await asked(pipeline, record, 5)
        await say(pipeline, record, "approve", "Bob")

        await pipeline.verified(freight, "prod")
        trail = await pipeline.here.ledger.audit.list(pipeline.project, promotion=record.name, type="PromotionApproved")
        told = [(each.actor, each.data["authenticated"], each.data["identity"].get("sub")) for each in trail]
        assert told == [("Bob (unauthenticated)", False, None), ("email:zoe@example.com", True, "zoe")]
        began = (await pipeline.here.ledger.audit.list(pipeline.project, promotion=record.name, type="GateDecided"))[0]
        assert began.data["answer"] == "begin"
        assert {"approval", "availability"} <= {gate["name"] for gate in began.data["gates"]}


async def test_two_must_approve_and_one_person_is_not_two(machine, tmp_path):
    """The same name in another case and no name at all do not count again; the next form says who approved."""
    async with opened_plain(tmp_path, *PROD, asking("prod", minApprovals=2)) as pipeline:
        record = await waiting(pipeline)
        await say(pipeline, record, "approve", "Ann Lee", "fine")
        shown = await asked(pipeline, record, 2)
        for said in ("1 of 2 approved.", "Approved by Ann Lee (unauthenticated): fine.", "needs a name of its own"):
            assert said in shown
        await say(pipeline, record, "approve", " ann  lee ", "still fine")
        await asked(pipeline, record, 3)
        await say(pipeline, record, "approve", "")
        await asked(pipeline, record, 4)
        assert await phase(pipeline, record) is Phase.PENDING
        await say(pipeline, record, "approve", "bob")

        await pipeline.verified(await pipeline.freight("1.0.0"), "prod")
        decisions = await pipeline.here.ledger.promotions.decisions(pipeline.project, record.name)
        told = [(each.actor, each.comment) for each in decisions]
        assert told == [("Ann Lee (unauthenticated)", "fine"), ("bob (unauthenticated)", "")]


async def test_the_second_person_can_still_refuse(machine, tmp_path):
    """One approval does not outweigh a rejection, not even one's own later one."""
    async with opened_plain(tmp_path, *PROD, asking("prod", minApprovals=2)) as pipeline:
        record = await waiting(pipeline)
        await say(pipeline, record, "approve", "ann")
        await asked(pipeline, record, 2)
        await say(pipeline, record, "reject", "ann", "on second thought")
        assert "rejected by ann (unauthenticated): on second thought" in await in_state(pipeline, record, "Rejected")
        assert (await pipeline.ended(record)).phase is Phase.ABORTED
