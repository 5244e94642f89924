"""The append-only trail. Nothing updates or deletes it: the database itself forbids that, by triggers."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.part import Part
from blocks.ledger.records import AuditEvent
from blocks.ledger.tables import audit


async def write_event(connection: AsyncConnection, *events: AuditEvent) -> None:
    """Add events within the transaction they tell of."""
    lines = [{key: value for key, value in rows.values(event).items() if key != "id"} for event in events]
    await connection.execute(sa.insert(audit), lines)


class Audit(Part):
    """Who did what to which thing, when, and why."""

    async def record(self, event: AuditEvent) -> None:
        """Add an event of something that is no transition of the ledger's own. Its id is given by the ledger."""
        async with self._database.write() as connection:
            await write_event(connection, event)

    async def list(
        self, project: str | None = None, limit: int = 100, type: str | None = None, subject: str | None = None
    ) -> list[AuditEvent]:
        """Return events, newest first, of one project, type or subject (`Promotion/NAME`) where given."""
        query = sa.select(*rows.columns(audit, AuditEvent)).order_by(audit.c.id.desc()).limit(limit)
        wanted = {"project": project, "type": type, "subject": subject}
        for column, value in wanted.items():
            if value is not None:
                query = query.where(audit.c[column] == value)
        async with self._database.read() as connection:
            return await rows.every(connection, AuditEvent, query)
