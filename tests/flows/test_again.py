"""Stopping and doing again what a Stage does, from Prefect's UI, the command line and Python: nothing stays behind."""

from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.states import AwaitingRetry, Cancelling

from blocks.ledger.records import Phase, PromotionRecord, VerificationPhase, VerificationRecord
from deployments.requests import ask_promotion, ask_verification
from flows.promotion.admission import Wish
from flows.start import stage_deployment
from flows.sweep import sweep
from tests.servers.guestbook import Guestbook, until
from tests.servers.plain import SANDBOX, change, gated, in_state, open_gate, opened_plain, stage, template
from tests.servers.prefect_runs import runs_of
from tests.servers.terminal import done, drayage
from tests.servers.waiting import nothing_runs

PATIENCE = 90


def measured(**metric: Any) -> dict[str, Any]:
    """The Stage's only metric; without a count it never ends."""
    provider = {"prometheus": {"address": f"http://{SANDBOX}/prometheus", "query": "load"}}
    return template("load", interval="1s", provider=provider, **metric)


ENDLESS, GOOD, BAD = (
    measured(successCondition="result[0] == 1"),
    measured(successCondition="result[0] == 1", count=1),
    measured(successCondition="result[0] == 2", count=1),
)


async def custom_run(deployment: str, **parameters: Any) -> str:
    """Run a deployment as people do in Prefect's UI."""
    async with get_client() as client:
        found = await client.read_deployment_by_name(deployment)
        return str((await client.create_flow_run_from_deployment(found.id, parameters=parameters)).id)


async def cancel(flow_run_id: str) -> None:
    """Press "Cancel" in Prefect's UI."""
    async with get_client() as client:
        await client.set_flow_run_state(UUID(flow_run_id), Cancelling())


async def verifying(pipeline: Guestbook) -> VerificationRecord:
    """Wait until the Stage is being measured."""
    found: list[VerificationRecord] = []

    async def there() -> bool:
        latest = await pipeline.here.ledger.verifications.latest(pipeline.project, "test")
        found[:] = [latest] if latest and latest.phase is VerificationPhase.RUNNING and latest.metrics else []
        return bool(found)

    await until(there, "a verification under way", PATIENCE)
    return found[0]


async def ended(pipeline: Guestbook, record: VerificationRecord | None = None) -> VerificationRecord:
    """Wait until no verification of the Stage is open but one newer than the given one has ended."""
    found: list[VerificationRecord] = []

    async def there() -> bool:
        latest = await pipeline.here.ledger.verifications.latest(pipeline.project, "test")
        found[:] = [latest] if latest and latest.phase.terminal and (not record or latest.id != record.id) else []
        return bool(found)

    await until(there, "the end of a verification", PATIENCE)
    return found[0]


async def run_in(flow_run_id: str, *names: str) -> None:
    """Wait until a run is in one of some states."""

    async def there() -> bool:
        async with get_client() as client:
            return (await client.read_flow_run(UUID(flow_run_id))).state_name in names

    await until(there, f"a run that is {' or '.join(names)}", PATIENCE)


@pytest.mark.long
async def test_verifications(machine, tmp_path):
    """Cancelled within a promotion, cancelled by itself, aborted by name, retried, and started by promoting again."""
    async with opened_plain(
        tmp_path, ENDLESS, stage("test", verification={"analysisTemplates": [{"name": "load"}]})
    ) as pipeline:
        project, ledger = pipeline.project, pipeline.here.ledger.verifications
        pipeline.sandbox.world.metrics.set("load", {}, 1.0)
        freight = await pipeline.push("1.0.0")
        promoting = await custom_run(f"promote/{stage_deployment(project, 'test')}", freight=freight.alias)
        await verifying(pipeline)
        within = next(run for run in await runs_of(project) if run.name == "verify test")
        await cancel(within.id)
        await run_in(promoting, "Cancelled")
        assert (await ended(pipeline)).phase is VerificationPhase.ABORTED
        promoted = await pipeline.here.ledger.promotions.by_flow_run(promoting)
        assert promoted and promoted.phase is Phase.SUCCEEDED
        await nothing_runs(pipeline)

        alone = await custom_run("verify/verify", project=project, stage="test")
        second = await verifying(pipeline)
        await cancel(alone)
        await run_in(alone, "Cancelled")
        aborted = await ledger.get(project, second.id)
        assert aborted and aborted.message == "aborted by unknown actor: its run was cancelled in Prefect"

        await done("verify", "stage", "test", "-p", project)
        third = await verifying(pipeline)
        assert third.actor.startswith("user:")
        assert await ask_verification(pipeline.here, project, "test", "user:ben") == third.flow_run_id
        stopped = await done("verify", "stage", "test", "-p", project, "--abort")
        assert stopped.out == f"verification/{third.id} aborted\n"
        await run_in(third.flow_run_id or "", "Cancelled")
        assert (await drayage("verify", "stage", "test", "-p", project, "--abort")).code == 1
        await nothing_runs(pipeline)

        await change(pipeline, BAD)
        again = await custom_run("verify/verify", project=project, stage="test")
        await run_in(again, "Failed")
        failed = await ended(pipeline, third)
        assert failed.phase is VerificationPhase.FAILED
        await change(pipeline, GOOD)
        async with get_client() as client:
            await client.set_flow_run_state(UUID(again), AwaitingRetry())
        retried = await ended(pipeline, failed)
        assert (retried.phase, retried.flow_run_id) == (VerificationPhase.SUCCESSFUL, again)
        await run_in(again, "Verified")

        record = await ask_promotion(pipeline.here, Wish(project, "test", "user:ann", freight.alias))
        await in_state(pipeline, record, "Promoted", seconds=PATIENCE)
        fresh = await ended(pipeline, retried)
        assert (fresh.phase, fresh.promotion) == (VerificationPhase.SUCCESSFUL, record.name)
        assert len(await pipeline.here.ledger.stages.visits(project, "test")) == 1
        assert len(await ledger.list(project, "test")) == 6
        await nothing_runs(pipeline)


async def test_what_waits_away_from_its_worker(machine, tmp_path):
    """Cancelled in the UI while no worker has it, a promotion is aborted by the next sweep and its Stage is free."""
    [door] = gated()
    door["config"] |= {"pollInterval": "6m"}
    async with opened_plain(tmp_path, stage("test", steps=[door])) as pipeline:
        first = await asked(pipeline, "1.0.0")
        await in_state(pipeline, first, "Waiting", seconds=PATIENCE)
        await cancel(first.flow_run_id or "")

        async def aborted() -> bool:
            await sweep()
            now = await pipeline.here.ledger.promotions.get(first.project, first.name)
            return now is not None and now.phase is Phase.ABORTED

        await until(aborted, "the abort of what waits", PATIENCE)
        await in_state(pipeline, first, "Cancelled", seconds=PATIENCE)
        open_gate(pipeline)
        second = await asked(pipeline, "1.0.1")
        await in_state(pipeline, second, "Promoted", seconds=PATIENCE)
        await nothing_runs(pipeline)


async def asked(pipeline: Guestbook, tag: str) -> PromotionRecord:
    """Push an image and ask for its promotion."""
    freight = await pipeline.push(tag)
    return await ask_promotion(pipeline.here, Wish(pipeline.project, "test", "user:ann", freight.alias))
