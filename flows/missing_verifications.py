"""Verifications that nobody began, because the run that should have was killed before it came to that."""

from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound

from blocks.ledger.records import VerificationRecord, Visit
from flows.at_work import living
from flows.start import bury, resume_elsewhere, start_verification
from flows.world import World


async def start_missing_verifications(here: World, client: PrefectClient, now: datetime) -> list[str]:
    """Verify what a promotion brought whose run was killed before it came to that."""
    # Whoever should have verified has had time to.
    long_ago = now - timedelta(seconds=here.settings.lease_seconds)
    missing = {(each.project, each.stage): each for each in await here.ledger.verifications.missing(long_ago)}
    return [
        f"started the verification of {visit.stage} that {visit.promotion} did not come to"
        for visit in missing.values()
        if await _start(here, client, visit, now)
    ]


async def _start(here: World, client: PrefectClient, visit: Visit, now: datetime) -> bool:
    """Let the promotion's own run go on when it crashed, else start a run of `verify`.

    Returns False while that run is under way; one that hangs is mended by `flows.at_work.resume_hanging`, except
    a script's, which no worker can take up.
    """
    promotion = await here.ledger.promotions.get(visit.project, visit.promotion)
    run = await _read_run(client, promotion.flow_run_id) if promotion and promotion.flow_run_id else None
    if run and run.state and not run.state.is_final():
        if run.deployment_id or await living(here, [run.id], now):
            return False
        await bury(client, run.id, "Its process was gone before the verification.")
    elif run and run.deployment_id and run.state and run.state.is_crashed():
        await resume_elsewhere(client, run.id, "Taken up again: its worker was gone before the verification.")
        return True
    unsaved = VerificationRecord(visit.project, visit.stage, "", {}, visit.promotion, "", visit.entered_at)
    await start_verification(client, unsaved, visit.promotion)
    return True


async def _read_run(client: PrefectClient, flow_run_id: str) -> FlowRun | None:
    """Read a flow run; None when it was deleted."""
    try:
        return await client.read_flow_run(UUID(flow_run_id))
    except ObjectNotFound:
        return None
