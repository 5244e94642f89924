"""Looking things up in the audit trail, by what they are about."""

from datetime import UTC, datetime

from blocks.errors import NotFound
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import AuditEvent
from deployments.since import read_since


async def read_events(
    ledger: Ledger,
    project: str = "",
    *,
    stage: str = "",
    freight: str = "",
    promotion: str = "",
    type: str = "",
    since: str = "",
    limit: int = 100,
) -> list[AuditEvent]:
    """Return events, newest first, that are about all of what is given. Raises Invalid for what is no time.

    `freight` is a name, or while the Freight is there its alias or a unique start of its name.
    """
    return await ledger.audit.list(
        project or None,
        limit,
        type=type or None,
        stage=stage or None,
        freight=await _name(ledger, project, freight) or None,
        promotion=promotion or None,
        since=read_since(since, datetime.now(UTC)) if since else None,
    )


async def _name(ledger: Ledger, project: str, freight: str) -> str:
    """The name of a Freight; what was collected is known by its name alone."""
    if not freight or not project:
        return freight
    try:
        return (await ledger.freight.find(project, freight)).name
    except NotFound:
        return freight
