"""Leaving the worker while a verification soaks: its next measurement is a while away, and nobody sleeps for it."""

from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import get_client

from blocks.ledger.records import VerificationRecord
from flows.current_run import CurrentRun, come_back, leave_quietly
from flows.start import start_verification
from flows.world import World


async def leave_to_soak(
    here: World, record: VerificationRecord, run: CurrentRun, until: datetime
) -> VerificationRecord:
    """Let a run go on at that time: this one, which then never returns, or for a subflow one of `verify`.

    The ledger is told last: who is killed before is missed soon, and a run too many finds nothing to do.
    """
    message = f"soaks; the next measurement is due at {until:%Y-%m-%d %H:%M:%S} UTC"
    next_run = run.id
    if not run.deployed:
        async with get_client() as client:
            next_run = str((await start_verification(client, record, f"soak/{until.isoformat()}", until)).id)
    lease_until = until + timedelta(seconds=here.settings.lease_seconds)
    if not await here.ledger.verifications.leave(record.project, record.id, run.owner, lease_until, next_run, message):
        await leave_quietly(run)
    if run.deployed:
        seconds = max(0.0, (until - datetime.now(UTC)).total_seconds())
        await come_back(run, seconds, "Soaking", f"{record.stage} {message}")
    return await here.ledger.verifications.get(record.project, record.id) or record
