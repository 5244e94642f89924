"""A verification that watches for hours holds no worker between its measurements, and takes none twice."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.sorting import ArtifactSort

from blocks.ledger.records import VerificationPhase, VerificationRecord
from deployments.requests import abort_verification, ask_verification
from deployments.sandbox.faults import Fault
from flows.publish import key
from flows.start import resume_elsewhere
from tests.servers.exporter import Exporter, scraped
from tests.servers.guestbook import Guestbook, until
from tests.servers.plain import automatic, opened_plain, stage, template

REVOKING = {
    "apiVersion": "drayage.dev/v1",
    "kind": "StagePolicy",
    "metadata": {"name": "strict"},
    "spec": {"stageSelector": {"name": "test"}, "revokeOnFailedVerification": True},
}


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    """A real Prometheus over numbers that tests change."""
    with scraped(tmp_path_factory.mktemp("prometheus")) as opened:
        yield opened


async def latest(pipeline: Guestbook, wanted) -> VerificationRecord:
    """Wait until the newest verification of the Stage is as wanted."""
    found: list[VerificationRecord] = []

    async def there() -> bool:
        record = await pipeline.here.ledger.verifications.latest(pipeline.project, "test")
        found[:] = [record] if record and wanted(record) else []
        return bool(found)

    await until(there, "the verification of test", 90)
    return found[0]


def soaks(record: VerificationRecord) -> bool:
    """Whether it left its worker."""
    return not record.phase.terminal and record.lease_until is not None and not record.owner


async def state_of(flow_run_id: str | None) -> str:
    """The name of a run's state."""
    async with get_client() as client:
        return (await client.read_flow_run(UUID(flow_run_id))).state.name


async def let_time_pass(pipeline: Guestbook, record: VerificationRecord, minutes: int) -> str:
    """Make what was measured older, and let the run go on now. Returns when the first measurement then ended."""
    [metric] = record.metrics
    for measurement in metric["measurements"]:
        measurement["finishedAt"] = (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()
    await pipeline.here.ledger.verifications.measure(record.project, record.id, "", [metric])
    async with get_client() as client:
        await resume_elsewhere(client, record.flow_run_id, "time has passed")
    return metric["measurements"][0]["finishedAt"]


async def test_it_leaves_the_worker_and_comes_back(machine, tmp_path, exporter):
    """Between two measurements nobody works on it; later it goes on, and the Freight is verified at its end only.

    A failed verification takes that back where a policy says so. One that soaks can be aborted.
    """
    exporter.set("errors", 0.01)
    metric = {"interval": "6m", "count": 2, "successCondition": "result[0] < 0.05"}
    prometheus = {"prometheus": {"address": exporter.prometheus, "query": "errors"}}
    verified = {"verification": {"analysisTemplates": [{"name": "errors"}]}}
    objects = [template("errors", provider=prometheus, **metric), stage("test", **verified), automatic("test")]
    async with opened_plain(tmp_path, *objects, REVOKING) as pipeline:
        freight = await pipeline.push("1.0.0")
        record = await latest(pipeline, soaks)
        assert "soaks; the next measurement is due at" in record.message
        assert (len(record.metrics[0]["measurements"]), await state_of(record.flow_run_id)) == (1, "Scheduled")
        assert (await pipeline.standing(freight)).verified_in == {}

        first = await let_time_pass(pipeline, record, minutes=7)
        passed = await latest(pipeline, lambda each: each.phase.terminal)
        assert passed.phase is VerificationPhase.SUCCESSFUL
        assert passed.metrics[0]["measurements"][0]["finishedAt"] == first
        assert (passed.id, passed.metrics[0]["count"]) == (record.id, 2)
        await pipeline.verified(freight, "test")
        await _shown(pipeline)

        exporter.set("errors", 0.5)
        await ask_verification(pipeline.here, pipeline.project, "test", "user:ann")
        failed = await latest(pipeline, lambda each: each.id != passed.id and each.phase.terminal)
        assert failed.phase is VerificationPhase.FAILED
        assert (await pipeline.standing(freight)).verified_in == {}

        exporter.set("errors", 0.01)
        await ask_verification(pipeline.here, pipeline.project, "test", "user:ann")
        again = await latest(pipeline, lambda each: each.id != failed.id and soaks(each))
        await abort_verification(pipeline.here, pipeline.project, "test", "user:ann")

        async def cancelled() -> bool:
            return await state_of(again.flow_run_id) in ("Cancelled", "Aborted")

        await until(cancelled, "the end of the run that soaked", 60)
        assert (await latest(pipeline, lambda each: True)).phase is VerificationPhase.ABORTED


@pytest.mark.long
async def test_its_worker_dies_while_it_measures(machine, tmp_path):
    """What was measured before stands, the measurement under way is taken once by the next worker, and soaking ends."""
    address = {"address": "http://sandbox.invalid/prometheus", "query": "errors"}
    metric = {"interval": "6m", "count": 2, "successCondition": "result[0] < 0.05", "provider": {"prometheus": address}}
    verified = stage("test", verification={"analysisTemplates": [{"name": "errors"}]})
    async with opened_plain(tmp_path, template("errors", **metric), verified, automatic("test")) as pipeline:
        pipeline.sandbox.world.metrics.set("errors", {}, 0.01)
        freight = await pipeline.push("1.0.0")
        record = await latest(pipeline, soaks)
        pipeline.sandbox.faults.add(Fault(match="/prometheus", kind="delay", seconds=60))
        first = await let_time_pass(pipeline, record, minutes=7)
        measuring = await latest(pipeline, lambda each: bool(each.owner))
        machine.worker.kill()
        pipeline.sandbox.faults.clear()
        machine.start_worker()
        ended = await latest(pipeline, lambda each: each.phase.terminal)
        assert (measuring.id, ended.id, ended.phase) == (record.id, record.id, VerificationPhase.SUCCESSFUL)
        assert (ended.metrics[0]["count"], ended.metrics[0]["measurements"][0]["finishedAt"]) == (2, first)
        await pipeline.verified(freight, "test")


async def _shown(pipeline: Guestbook) -> None:
    """There is a picture of the metric and a page with its values."""
    names = [key("verification", pipeline.project, "test", *more) for more in ((), ("errors",))]
    async with get_client() as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=names))
        versions = await client.read_artifacts(artifact_filter=wanted, sort=ArtifactSort.CREATED_DESC)
    found = {each.key: each for each in reversed(versions)}
    assert "| errors | Successful | [0.01] | 2 / 0 / 0 / 0 |" in found[names[0]].data
    assert found[names[1]].type == "image"
    assert found[names[1]].data.startswith("data:image/svg+xml,")
