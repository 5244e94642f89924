"""Verification by a real Prometheus: what it decides, what follows, and how it is asked for again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client

from blocks.ledger.records import Phase, VerificationPhase, VerificationRecord
from deployments.apply import delete
from deployments.requests import abort_verification, ask_promotion, ask_verification
from flows.advance import announce_ready
from flows.promotion.admission import Wish
from flows.sweep import sweep
from tests.servers.exporter import Exporter, scraped
from tests.servers.guestbook import Guestbook, until
from tests.servers.plain import automatic, change, in_state, opened_plain, stage, template
from tests.servers.prefect_runs import runs_of


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    """A real Prometheus over numbers that tests change."""
    with scraped(tmp_path_factory.mktemp("prometheus")) as opened:
        yield opened


def measured(exporter: Exporter, name: str, query: str, **metric):
    """A template that asks the real Prometheus."""
    return template(name, provider={"prometheus": {"address": exporter.prometheus, "query": query}}, **metric)


def verified_by(name: str):
    """The verification of a Stage by one template."""
    return {"verification": {"analysisTemplates": [{"name": name}]}}


async def verification(pipeline: Guestbook, stage: str, after: str = "") -> VerificationRecord:
    """Wait until the newest verification of a Stage has ended; `after` is the id of an older one."""
    found: list[VerificationRecord] = []

    async def there() -> bool:
        latest = await pipeline.here.ledger.verifications.latest(pipeline.project, stage)
        found[:] = [latest] if latest and latest.id != after and latest.phase.terminal else []
        return bool(found)

    await until(there, f"the end of a verification of {stage}", 60)
    return found[0]


async def verify_state(pipeline: Guestbook, stage: str) -> tuple[str, str]:
    """Name and message of the state of a Stage's newest run of `verify`, once it has ended."""
    ended: list[str] = []

    async def there() -> bool:
        mine = [run for run in await runs_of(pipeline.project, stage) if run.name == f"verify {stage}"]
        ended[:] = [run.id for run in mine if run.kind == "flow run" and run.final][-1:]
        return bool(ended)

    await until(there, f"the end of a run of verify {stage}", 30)
    async with get_client() as client:
        state = (await client.read_flow_run(UUID(ended[0]))).state
    return state.name, state.message


OUTCOMES = {
    "good": ("Successful", {"successCondition": "result[0] > 30", "count": 2, "interval": "1s"}),
    "bad": ("Failed", {"successCondition": "result[0] < 30"}),
    "unclear": ("Inconclusive", {"successCondition": "result[0] > 50", "failureCondition": "result[0] < 30"}),
    "broken": ("Error", {"successCondition": "result[0] > 30", "consecutiveErrorLimit": 0}),
}


async def test_each_outcome_and_what_follows(machine, tmp_path, exporter):
    """Success hands on; failure, doubt and error leave the Freight where it is and let it go nowhere."""
    exporter.set("quality", 40)
    objects = [automatic(*OUTCOMES, *(f"after-{name}" for name in OUTCOMES))]
    for name, (_, metric) in OUTCOMES.items():
        query = "quality" if name != "broken" else "quality{"
        objects += [measured(exporter, name, query, **metric)]
        objects += [stage(name, **verified_by(name)), stage(f"after-{name}", name)]
    async with opened_plain(tmp_path, *objects) as pipeline:
        freight = await pipeline.push("1.0.0")
        ended = {name: await verification(pipeline, name) for name in OUTCOMES}
        assert {name: record.phase.value for name, record in ended.items()} == {
            name: outcome for name, (outcome, _) in OUTCOMES.items()
        }
        assert [each["value"] for each in ended["good"].metrics[0]["measurements"]] == ["[40]", "[40]"]
        assert "failureLimit (0)" in ended["bad"].message
        assert "inconclusiveLimit (0)" in ended["unclear"].message
        assert exporter.prometheus in ended["broken"].message

        await pipeline.verified(freight, "after-good")
        standing = await pipeline.standing(freight)
        assert standing.verified_in.keys() == {"good", "after-good"}
        assert standing.currently_in.keys() == {*OUTCOMES, "after-good"}
        assert await announce_ready(pipeline.here.ledger, pipeline.project) == []
        assert (await verify_state(pipeline, "good"))[0] == "Verified"
        for name in ("bad", "unclear", "broken"):
            state, message = await verify_state(pipeline, name)
            assert (state, message) == (ended[name].phase.value, f"{name} is not verified: {ended[name].message}")
            promoted = await pipeline.here.ledger.promotions.latest_for(pipeline.project, name, freight.name)
            assert promoted.phase is Phase.SUCCEEDED
            assert f"{name} runs {freight.alias}" in await in_state(pipeline, promoted, "Promoted")
            assert await pipeline.here.ledger.promotions.list(pipeline.project, f"after-{name}") == []


async def test_verified_again_after_the_number_recovered(machine, tmp_path, exporter):
    """Asked for by a person, a second verification of the same Freight opens the way downstream."""
    exporter.set("errors", 0.5)
    template = measured(exporter, "errors", "errors", successCondition="result[0] < 0.05")
    stages = [stage("test", **verified_by("errors")), stage("uat", "test"), automatic("test", "uat")]
    async with opened_plain(tmp_path, template, *stages) as pipeline:
        freight = await pipeline.push("1.0.0")
        failed = await verification(pipeline, "test")
        assert failed.phase is VerificationPhase.FAILED
        assert failed.actor == "controller:drayage"

        exporter.set("errors", 0.01)
        await ask_verification(pipeline.here, pipeline.project, "test", "user:ann")
        passed = await verification(pipeline, "test", after=failed.id)
        assert (passed.phase, passed.promotion) == (VerificationPhase.SUCCESSFUL, failed.promotion)
        await pipeline.verified(freight, "uat")
        assert len(await pipeline.here.ledger.promotions.list(pipeline.project, "test")) == 1


async def test_a_verification_that_never_ends_is_aborted(machine, tmp_path, exporter):
    """Without a count it measures on; aborted, it leaves Freight unverified and the next promotion free to start."""
    exporter.set("load", 1)
    endless = measured(exporter, "load", "load", interval="1s", successCondition="result[0] == 1")
    async with opened_plain(tmp_path, endless, stage("test", **verified_by("load")), automatic("test")) as pipeline:
        freight = await pipeline.push("1.0.0")
        await under_way(pipeline, "test")
        id = await abort_verification(pipeline.here, pipeline.project, "test", "user:ann")
        assert (await verification(pipeline, "test")).phase is VerificationPhase.ABORTED
        assert (await verify_state(pipeline, "test"))[0] == "Aborted"
        assert (await pipeline.standing(freight)).verified_in == {}

        await change(pipeline, measured(exporter, "load", "load", successCondition="result[0] == 1"))
        again = await ask_promotion(pipeline.here, Wish(pipeline.project, "test", "user:ann", freight.alias))
        await pipeline.ended(again)
        assert (await verification(pipeline, "test", after=id)).phase is VerificationPhase.SUCCESSFUL


async def test_a_stage_is_deleted_while_it_is_verified(machine, tmp_path, exporter):
    """Its verification ends with it, and so does one that a run made a moment later: nobody goes on with either."""
    exporter.set("load", 1)
    endless = measured(exporter, "load", "load", interval="1s", successCondition="result[0] == 1")
    async with opened_plain(tmp_path, endless, stage("test", **verified_by("load")), automatic("test")) as pipeline:
        ledger = pipeline.here.ledger.verifications
        await pipeline.push("1.0.0")
        made = await under_way(pipeline, "test")
        await delete(pipeline.here, "Stage", pipeline.project, "test", "user:ann")
        ended = await verification(pipeline, "test")
        assert (ended.phase, ended.message) == (VerificationPhase.ABORTED, "aborted by user:ann: its Stage was deleted")

        old = datetime.now(UTC) - timedelta(hours=1)
        await ledger.create(replace(made, id="late", started_at=old, lease_until=old, owner="", metrics=[]))
        await sweep()
        late = await ledger.get(pipeline.project, "late")
        assert (late.phase, late.message) == (
            VerificationPhase.ABORTED,
            "aborted by controller:drayage: its Stage was deleted",
        )


async def under_way(pipeline: Guestbook, stage: str) -> VerificationRecord:
    """Wait until a Stage's verification measures."""
    found: list[VerificationRecord] = []

    async def measuring() -> bool:
        latest = await pipeline.here.ledger.verifications.latest(pipeline.project, stage)
        found[:] = [latest] if latest and latest.metrics and latest.metrics[0]["measurements"] else []
        return bool(found)

    await until(measuring, f"a first measurement of {stage}", 40)
    return found[0]
