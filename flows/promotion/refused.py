"""What was asked for and refused before any gate was asked, in the trail like what the gates refuse."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from blocks.errors import Refused
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import CONTROLLER, AuditEvent


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
        await tell_refusal(ledger, AuditEvent(project, "PromotionRefused", f"Stage/{stage}", actor, message, now, data))
        raise


async def tell_refusal(ledger: Ledger, event: AuditEvent) -> None:
    """Write a refusal down; what Drayage itself asks for in each sweep, and is refused the same way, only once."""
    await (ledger.audit.record_news if event.actor == CONTROLLER else ledger.audit.record)(event)
