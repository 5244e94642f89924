"""The append-only trail. Nothing updates or deletes it: the database itself forbids that, by triggers."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.part import Part
from blocks.ledger.records import AuditEvent
from blocks.ledger.tables import audit

PLACES = ("stage", "freight", "promotion")
"""What events are found by, besides their project."""

MOST_RECORDED = 1_000
"""Events of one type that one Promotion is expected to record at most."""


async def write_event(connection: AsyncConnection, *events: AuditEvent) -> None:
    """Add events within the transaction they tell of."""
    lines = [rows.values(event) | _places(event) for event in events]
    for line in lines:
        del line["id"]
    await connection.execute(sa.insert(audit), lines)


def _places(event: AuditEvent) -> dict[str, str]:
    """The Stage, Freight and Promotion that an event is about, as far as its subject and data say."""
    kind, _, name = event.subject.partition("/")
    told = {each: event.data.get(each) for each in PLACES} | {kind.lower().removesuffix("request"): name}
    return {each: value if isinstance(value := told[each], str) else "" for each in PLACES}


class Audit(Part):
    """Who did what to which thing, when, and why."""

    async def record(self, event: AuditEvent) -> None:
        """Add an event of something that is no transition of the ledger's own. Its id is given by the ledger."""
        async with self._database.write() as connection:
            await write_event(connection, event)

    async def record_news(self, event: AuditEvent) -> bool:
        """Add an event unless the last of its type and actor about its subject said the same; False when it did."""
        last = sa.select(audit.c.message).where(
            audit.c.project == event.project,
            audit.c.type == event.type,
            audit.c.subject == event.subject,
            audit.c.actor == event.actor,
        )
        last = last.order_by(audit.c.id.desc()).limit(1)
        async with self._database.read() as connection:
            if (await connection.execute(last)).scalar() == event.message:
                return False
        async with self._database.write(lock=f"news/{event.project}/{event.subject}") as connection:
            if (await connection.execute(last)).scalar() == event.message:
                return False
            await write_event(connection, event)
            return True

    async def record_once(self, event: AuditEvent) -> bool:
        """Add what a step of a Promotion records; False when the step, `data["step"]`, has recorded that type before.

        Steps are run again after a worker died. The subject is the Promotion, on which one run works at a time.
        """
        before = sa.select(audit.c.data).where(
            audit.c.project == event.project, audit.c.type == event.type, audit.c.subject == event.subject
        )
        async with self._database.write() as connection:
            for data in (await connection.execute(before.limit(MOST_RECORDED))).scalars():
                if data.get("step") == event.data["step"]:
                    return False
            await write_event(connection, event)
            return True

    async def list(
        self,
        project: str | None = None,
        limit: int = 100,
        type: str | None = None,
        subject: str | None = None,
        stage: str | None = None,
        freight: str | None = None,
        promotion: str | None = None,
        since: datetime | None = None,
    ) -> list[AuditEvent]:
        """Return events, newest first, that are about all of what is given; `subject` is such as `Promotion/NAME`."""
        query = sa.select(*rows.columns(audit, AuditEvent)).order_by(audit.c.id.desc()).limit(limit)
        wanted = {
            "project": project,
            "type": type,
            "subject": subject,
            "stage": stage,
            "freight": freight,
            "promotion": promotion,
        }
        for column, value in wanted.items():
            if value is not None:
                query = query.where(audit.c[column] == value)
        if since is not None:
            query = query.where(audit.c.at >= since)
        async with self._database.read() as connection:
            return await rows.every(connection, AuditEvent, query)
