"""What Stages hold, what is approved for them, and what people hold there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from blocks.ledger import holds as hold_rules
from blocks.ledger import rows
from blocks.ledger.audit import write_event
from blocks.ledger.freight_rows import pin
from blocks.ledger.part import Part
from blocks.ledger.passings import AT_ONCE, Passing, pass_all
from blocks.ledger.records import CONTROLLER, AuditEvent, Hold, Standing, Visit
from blocks.ledger.standings import standings_of
from blocks.ledger.tables import approvals, holds, stage_metadata, visits
from blocks.ledger.visits import all_visits, in_stage, leave, mark_verified, open_visits

CURRENT_LIMIT = 100_000
"""Open visits read at once: origins times Stages of one project."""

REMEMBERED = 500
"""Freight approved last, and stays verified last, that are looked at however old the Freight is."""


class Stages(Part):
    """Visits, approvals and holds by Stage."""

    async def standings(self, project: str, freight_names: Sequence[str]) -> dict[str, Standing]:
        """Return where each Freight stands, by its name: verified, approved, currently in.

        The longest soak is that of the longest completed stay at whose end the Freight was verified.
        """
        async with self._database.read() as connection:
            return await standings_of(connection, project, freight_names)

    async def current(self, project: str, stage: str) -> dict[str, Visit]:
        """Return what a Stage holds now, by origin."""
        query = all_visits().where(in_stage(project, stage), visits.c.left_at.is_(None))
        async with self._database.read() as connection:
            return {visit.origin: visit for visit in await rows.every(connection, Visit, query)}

    async def currents(self, project: str) -> dict[str, dict[str, Visit]]:
        """Return what every Stage of a project holds now, by Stage and origin; empty Stages are left out."""
        query = all_visits().where(visits.c.project == project, visits.c.left_at.is_(None)).limit(CURRENT_LIMIT)
        found: dict[str, dict[str, Visit]] = {}
        async with self._database.read() as connection:
            for visit in await rows.every(connection, Visit, query):
                found.setdefault(visit.stage, {})[visit.origin] = visit
        return found

    async def visits(self, project: str, stage: str, limit: int = 100) -> list[Visit]:
        """Return the stays in a Stage, newest first."""
        query = all_visits().where(in_stage(project, stage)).order_by(visits.c.id.desc()).limit(limit)
        async with self._database.read() as connection:
            return await rows.every(connection, Visit, query)

    async def remembered(self, project: str, limit: int = REMEMBERED) -> list[str]:
        """Name the Freight that was approved or verified last in a project, whatever its age."""
        approved = sa.select(approvals.c.freight).where(approvals.c.project == project)
        approved = approved.order_by(approvals.c.approved_at.desc()).limit(limit)
        verified = sa.select(visits.c.freight).where(
            visits.c.project == project, visits.c.verified_at.is_not(None), visits.c.removed_at.is_(None)
        )
        verified = verified.order_by(visits.c.id.desc()).limit(limit)
        query = sa.union(*(sa.select(each.subquery().c.freight) for each in (approved, verified)))
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def approve(
        self, project: str, stage: str, freight: str, actor: str, now: datetime, comment: str = "", proven: bool = False
    ) -> bool:
        """Approve a Freight for a Stage; False when it already was. Raises NotFound when it was deleted meanwhile.

        `proven` says that who the actor is was proven, not only said.
        """
        line = {"project": project, "freight": freight, "stage": stage, "actor": actor, "approved_at": now}
        async with self._database.write() as connection:
            await pin(connection, project, freight)
            adding = rows.insert(connection, approvals).values(line).on_conflict_do_nothing()
            if not await rows.changed(connection, adding):
                return False
            said = f": {comment}" if comment else ""
            message = (
                f"Freight {freight!r} was approved for Stage {stage!r}{'' if proven else ' (unauthenticated)'}{said}"
            )
            event = _event("FreightApproved", project, stage, freight, actor, message, now)
            await write_event(
                connection, replace(event, data=event.data | {"authenticated": proven, "comment": comment})
            )
            return True

    async def mark_verified(
        self, project: str, stage: str, collection: Mapping[str, str], actor: str, message: str, now: datetime
    ) -> list[str]:
        """Mark a collection verified where a Stage asks for no verification; returns the Freight newly marked."""
        async with self._database.write() as connection:
            marked = await mark_verified(connection, project, stage, collection, now)
            for freight in marked:
                event = _event("FreightVerificationSucceeded", project, stage, freight, actor, message, now)
                await write_event(connection, event)
            return marked

    async def pass_through(
        self, passing: Sequence[Passing], now: datetime, actor: str = "controller:advance"
    ) -> list[Passing]:
        """Mark Freight verified in control-flow Stages by visits of no length; returns what had not passed before.

        What was deleted meanwhile is left out.
        """
        passed: list[Passing] = []
        for start in range(0, len(passing), AT_ONCE):
            async with self._database.write() as connection:
                passed += await pass_all(connection, passing[start : start + AT_ONCE], actor, now)
        return passed

    async def leave(self, project: str, stage: str, origins: Collection[str], now: datetime) -> None:
        """End the stays of origins a Stage no longer requests, and lift their holds."""
        async with self._database.write() as connection:
            for origin, visit in (await open_visits(connection, project, stage)).items():
                if origin in origins:
                    await leave(connection, visit, now)
            for origin in origins:
                message = f"Stage {stage!r} takes nothing of {origin} any more"
                await hold_rules.lift(connection, project, stage, origin, CONTROLLER, message, now)

    async def remove(self, project: str, stage: str, now: datetime) -> None:
        """Forget a deleted Stage: marks, approvals, holds and metadata go, visits stay as closed history."""
        async with self._database.write() as connection:
            for visit in (await open_visits(connection, project, stage)).values():
                await leave(connection, visit, now)
            gone = sa.update(visits).where(in_stage(project, stage), visits.c.removed_at.is_(None))
            await connection.execute(gone.values(removed_at=now))
            for table in (approvals, holds, stage_metadata):
                here = sa.and_(table.c.project == project, table.c.stage == stage)
                await connection.execute(sa.delete(table).where(here))

    async def holds(self, project: str, limit: int = 10_000) -> list[Hold]:
        """Return the holds of a project."""
        query = sa.select(*rows.columns(holds, Hold)).where(holds.c.project == project)
        async with self._database.read() as connection:
            return await rows.every(connection, Hold, query.order_by(holds.c.stage, holds.c.origin).limit(limit))

    async def clear_hold(self, project: str, stage: str, origin: str, actor: str, now: datetime) -> bool:
        """Lift a hold; False when there was none."""
        async with self._database.write() as connection:
            message = f"the hold on {origin} in Stage {stage!r} was lifted"
            return await hold_rules.lift(connection, project, stage, origin, actor, message, now)


def _event(type: str, project: str, stage: str, freight: str, actor: str, message: str, now: datetime) -> AuditEvent:
    data = {"stage": stage, "freight": freight}
    return AuditEvent(project, type, f"Freight/{freight}", actor, message, now, data)
