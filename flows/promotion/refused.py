"""What was asked for and refused before any gate was asked, in the trail like what the gates refuse."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from blocks.errors import Refused
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import AuditEvent


@asynccontextmanager
async def refusals_told(
    ledger: Ledger,
    project: str,
    stage: str,
    actor: str,
    wanted: str,
    now: datetime,
    freight: str = "",
    promotion: str = "",
) -> AsyncIterator[None]:
    """Write down that what is `wanted` was refused, and by whom it was wanted; the refusal goes on its way."""
    try:
        yield
    except Refused as refused:
        data = {"stage": stage, "freight": freight} | ({"promotion": promotion} if promotion else {})
        message = f"{actor} asked to {wanted}, refused: {refused}"
        await ledger.audit.record(AuditEvent(project, "PromotionRefused", f"Stage/{stage}", actor, message, now, data))
        raise
