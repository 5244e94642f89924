"""Verify: whether what a Stage runs is healthy and measures well. Success opens the way downstream."""

import asyncio
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Failed
from ulid import ULID

from blocks.errors import Conflict, NotFound, Refused
from blocks.ledger.records import CONTROLLER, PromotionRecord, VerificationPhase, VerificationRecord, Visit
from flows.advance import announce_ready
from flows.auto_rollback import roll_back_if_wanted
from flows.current_run import CurrentRun, current_run, describe, ended, leave_quietly, retried_in_prefect
from flows.freight.identity import collection_id
from flows.health import wait_until_healthy
from flows.lease import held
from flows.measure_stage import end_underway, measure_stage, read_expiry
from flows.publish import publish_stage, tell_verification
from flows.soak import leave_to_soak
from flows.stage.model import Verification
from flows.stage.pipeline import read_pipeline
from flows.stop import stop_reason, stoppable
from flows.verification.measure import Soaking
from flows.world import World, world

WITHIN: ContextVar[CurrentRun | None] = ContextVar("drayage_verified_within", default=None)
"""The run of `promote` that a verification is a subflow of."""


@flow(name="verify", persist_result=False)
@stoppable
async def verify(project: str, stage: str, verification: str = "", reason: str = "") -> Any:
    """Verify what a Stage runs.

    Args:
        project: The project.
        stage: The Stage.
        verification: Continue this verification; empty to start a new one.
        reason: Why, for the audit trail.
    """
    here, run = await world(), current_run()
    record = await _record(here, project, stage, verification, run)
    await describe(run, f"verify {stage}", [f"project:{project}", f"stage:{stage}"])
    if record is None:
        await _mark_verified(here, project, stage, run.actor)
        return ended("Verified", f"{stage} asks for no verification and is healthy")
    if not record.phase.terminal:
        record = await _carry_out(here, record, run)
    if not record.phase.terminal:
        return ended("Soaking", f"{stage}: {record.message or 'another run goes on with it'}")
    if record.phase is not VerificationPhase.SUCCESSFUL:
        await roll_back_if_wanted(here, record.project, record.stage)
    await _hand_on(here, record.project, record.stage)
    return _final(record)


async def verify_stage(here: World, record: PromotionRecord, run: CurrentRun) -> None:
    """Verify what a successful Promotion brought, as a subflow. Does nothing when that is done already."""
    latest = await here.ledger.verifications.latest(record.project, record.stage)
    if latest and latest.promotion == record.name and latest.phase.terminal:
        return
    if not await _wanted(here, record.project, record.stage):
        await _mark_verified(here, record.project, record.stage, record.actor)
        return
    created = await _create(here, record.project, record.stage, record.name, record.actor, run.id)
    await publish_stage(here, record.project, record.stage)
    token = WITHIN.set(run)
    try:
        state: State[Any] = await verify(  # type: ignore[misc]
            record.project, record.stage, created.id, return_state=True
        )
    finally:
        WITHIN.reset(token)
    if state.is_cancelled():
        raise asyncio.CancelledError


async def _record(here: World, project: str, stage: str, id: str, run: CurrentRun) -> VerificationRecord | None:
    """Find or make the verification of this run; None when the Stage asks for none. Raises Refused, NotFound.

    Prefect's "Retry" of a run whose verification has failed verifies again.
    """
    known = await _known(here, project, stage, id, run)
    if known and not (known.finished_at and await retried_in_prefect(run, known.finished_at)):
        return known
    return await make_verification(here, project, stage, run.actor, run.id)


async def make_verification(
    here: World, project: str, stage: str, actor: str, flow_run_id: str | None = None
) -> VerificationRecord | None:
    """Make another verification of what a Stage runs, or find the open one; None when the Stage asks for none.

    Raises Refused when it runs nothing. One without a run is given one by the sweep.
    """
    wanted, current = await _wanted(here, project, stage), await _current(here, project, stage)
    if not wanted:
        return None
    newest = max(current.values(), key=lambda visit: visit.entered_at)
    return await _create(here, project, stage, newest.promotion, actor, flow_run_id)


async def _known(here: World, project: str, stage: str, id: str, run: CurrentRun) -> VerificationRecord | None:
    """The last verification that this run made, or the one it was started for."""
    if run.count > 1 and (begun := await _begun(here, project, stage, run)):
        return begun
    if not id:
        return None
    found = await here.ledger.verifications.get(project, id)
    if found is None:
        raise NotFound(f"project {project!r} has no verification {id!r}")
    if found.stage != stage:
        raise Refused(f"verification {id!r} is one of Stage {found.stage!r}, not {stage!r}")
    return found


async def _begun(here: World, project: str, stage: str, run: CurrentRun) -> VerificationRecord | None:
    """What this run made before it left the worker, also when it was aborted meanwhile."""
    latest = await here.ledger.verifications.list(project, stage, limit=10)
    return next((each for each in latest if each.flow_run_id == run.id), None)


async def _current(here: World, project: str, stage: str) -> dict[str, Visit]:
    if current := await here.ledger.stages.current(project, stage):
        return current
    raise Refused(f"Stage {stage!r} runs no Freight yet, so there is nothing to verify")


async def _create(
    here: World, project: str, stage: str, promotion: str, actor: str, flow_run_id: str | None
) -> VerificationRecord:
    """Make a verification of what a Stage runs now, or find the open one; one of what it ran before gives way."""
    current = await _current(here, project, stage)
    collection = {origin: visit.freight for origin, visit in current.items()}
    now, ledger = datetime.now(UTC), here.ledger.verifications
    wanted = VerificationRecord(
        project=project,
        stage=stage,
        id=f"{stage}.{str(ULID()).lower()}.{collection_id(list(collection.values()))[:7]}",
        collection=collection,
        promotion=promotion,
        actor=actor,
        started_at=now,
        flow_run_id=flow_run_id,
    )
    created = await ledger.create(wanted)
    if created.collection == collection:
        return created
    said = f"{promotion} replaced what it verified"
    await tell_verification(await ledger.abort(project, created.id, CONTROLLER, said, now))
    return await ledger.create(wanted)


async def _wanted(here: World, project: str, stage: str) -> Verification | None:
    wanted = (await read_pipeline(here.ledger, project)).stage(stage).spec.verification
    return wanted if wanted and wanted.analysis_templates else None


async def _carry_out(here: World, record: VerificationRecord, run: CurrentRun) -> VerificationRecord:
    """Wait for health, measure to a verdict, and record it. Whoever cancels the run aborts the verification."""
    ledger, seconds, now = here.ledger.verifications, here.settings.lease_seconds, datetime.now(UTC)
    wanted = await _wanted(here, record.project, record.stage) or Verification()
    key = (record.project, record.id)
    if not await ledger.claim(*key, run.owner, now + timedelta(seconds=seconds), now):
        return await ledger.get(*key) or record
    try:
        async with held(lambda until: ledger.renew(*key, run.owner, until), seconds):
            outcome = await measure_stage(here, record, wanted, run.owner, _leave_after(here, run))
            if not isinstance(outcome, Soaking):
                phase, message, metrics = outcome
                revoke = (await read_pipeline(here.ledger, record.project)).revokes(record.stage)
                expires_at = await read_expiry(here, record, wanted, outcome)
                now = datetime.now(UTC)
                ended = await ledger.finish(
                    *key, run.owner, phase, message, metrics, now, revoke=revoke, expires_at=expires_at
                )
    except asyncio.CancelledError:
        await asyncio.shield(_interrupted(here, record, run, wanted))
        raise
    except Conflict:
        ended = await ledger.get(*key) or record
        if not ended.phase.terminal:
            await leave_quietly(run)
    else:
        if isinstance(outcome, Soaking):
            return await leave_to_soak(here, record, run, outcome.until)
    if ended.phase is VerificationPhase.ABORTED:
        await end_underway(here, ended, wanted)
    await tell_verification(ended)
    return ended


def _leave_after(here: World, run: CurrentRun) -> float | None:
    """How long this run sleeps at most; a script's stays until the end."""
    within = WITHIN.get()
    return here.settings.leave_after_seconds if run.deployed or (within and within.deployed) else None


async def _mark_verified(here: World, project: str, stage: str, actor: str) -> None:
    """A Stage without verification counts as verified as soon as it is healthy (Kargo)."""
    current = await here.ledger.stages.current(project, stage)
    for promotion in {visit.promotion for visit in current.values()}:
        await wait_until_healthy(here, project, stage, promotion)
    collection = {origin: visit.freight for origin, visit in current.items()}
    sentence = "the Stage asks for no verification and is healthy"
    await here.ledger.stages.mark_verified(project, stage, collection, actor, sentence, datetime.now(UTC))
    await _hand_on(here, project, stage)


async def _hand_on(here: World, project: str, stage: str) -> None:
    """Tell downstream Stages first, then show it."""
    for ready in await announce_ready(here.ledger, project):
        get_run_logger().info("%s may enter %s: %s", ready.freight.alias, ready.stage, ready.why)
    await publish_stage(here, project, stage)


async def _interrupted(here: World, record: VerificationRecord, run: CurrentRun, wanted: Verification) -> None:
    ledger, now = here.ledger.verifications, datetime.now(UTC)
    if stop_reason() == "cancel":
        ended = await ledger.abort(record.project, record.id, "unknown actor", "its run was cancelled in Prefect", now)
        await end_underway(here, ended, wanted)
        await tell_verification(ended)
    else:
        await ledger.renew(record.project, record.id, run.owner, now)


def _final(record: VerificationRecord) -> State[Any]:
    """Tell how the verification ended."""
    if record.phase is VerificationPhase.SUCCESSFUL:
        return ended("Verified", f"{record.stage} is verified")
    if record.phase is VerificationPhase.ABORTED:
        return ended("Aborted", record.message or "the verification was aborted")
    return Failed(name=record.phase.value, message=f"{record.stage} is not verified: {record.message}")
