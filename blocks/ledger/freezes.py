"""Freezes: somebody stopped all promotions of a project, or of all projects, for a while."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from blocks.ledger import rows
from blocks.ledger.audit import write_event
from blocks.ledger.part import Part
from blocks.ledger.records import EVERYWHERE, AuditEvent, Freeze
from blocks.ledger.tables import freezes

MOST = 10_000

LOCK = "freezes"
"""Whoever writes freezes takes this lock, whoever begins a promotion takes it shared: so once a project is frozen,
nothing begins that was decided a moment before."""


class Freezes(Part):
    """At most one freeze for each project, and one for all of them. Each change is in the audit trail."""

    async def freeze(self, freeze: Freeze) -> None:
        """Freeze a project, or change why and until when it is."""
        line = rows.values(freeze)
        async with self._database.write(lock=LOCK) as connection:
            adding = rows.insert(connection, freezes).values(line)
            await connection.execute(adding.on_conflict_do_update(index_elements=["project"], set_=line))
            lasts = f" until {freeze.until.isoformat()}" if freeze.until else ""
            message = f"{freeze.actor} froze {_named(freeze.project)}{lasts}: {freeze.reason}"
            data = {"reason": freeze.reason, "until": freeze.until.isoformat() if freeze.until else ""}
            await write_event(connection, _event(freeze.project, "Frozen", freeze.actor, message, freeze.since, data))

    async def unfreeze(self, project: str, actor: str, reason: str, now: datetime) -> bool:
        """End a freeze; False when there was none."""
        async with self._database.write(lock=LOCK) as connection:
            if not await rows.changed(connection, sa.delete(freezes).where(freezes.c.project == project)):
                return False
            message = f"{actor} ended the freeze of {_named(project)}" + (f": {reason}" if reason else "")
            await write_event(connection, _event(project, "Unfrozen", actor, message, now, {"reason": reason}))
            return True

    async def list(self, project: str | None = None) -> list[Freeze]:
        """Return the freezes, those that have run out among them; of one project where given, with that of all."""
        async with self._database.read() as connection:
            return await rows.every(connection, Freeze, frozen(project))


def frozen(project: str | None) -> sa.Select[Any]:
    """Select freezes as records; of one project where given, with that of all."""
    query = sa.select(*rows.columns(freezes, Freeze)).order_by(freezes.c.project).limit(MOST)
    return query if project is None else query.where(freezes.c.project.in_([project, EVERYWHERE]))


def _named(project: str) -> str:
    return f"project {project!r}" if project else "all projects"


def _event(project: str, verb: str, actor: str, message: str, at: datetime, data: dict[str, str]) -> AuditEvent:
    return AuditEvent(project, f"Project{verb}", f"Project/{project}", actor, message, at, data)
