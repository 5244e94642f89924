"""Verifications of what a Stage holds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.errors import Conflict, Invalid, NotFound
from blocks.ledger import rows
from blocks.ledger.audit import write_event
from blocks.ledger.part import Part
from blocks.ledger.records import AuditEvent, Json, VerificationPhase, VerificationRecord, Visit
from blocks.ledger.tables import verifications, visits
from blocks.ledger.visits import all_visits, mark_verified, unmark_verified

OPEN = (VerificationPhase.PENDING, VerificationPhase.RUNNING)

EVENTS = {
    VerificationPhase.SUCCESSFUL: "Succeeded",
    VerificationPhase.FAILED: "Failed",
    VerificationPhase.ERROR: "Errored",
    VerificationPhase.ABORTED: "Aborted",
    VerificationPhase.INCONCLUSIVE: "Inconclusive",
}


class Verifications(Part):
    """At most one verification of a Stage is open, by constraint."""

    async def create(self, record: VerificationRecord) -> VerificationRecord:
        """Keep a new verification; the one of the same id, or the one open in the Stage, is returned as it is."""
        async with self._database.write() as connection:
            adding = rows.insert(connection, verifications).values(rows.values(record)).on_conflict_do_nothing()
            if await rows.changed(connection, adding):
                await _tell(
                    connection, record, "Started", record.actor, f"{record.actor} asked for it", record.started_at
                )
                return record
            in_the_way = sa.or_(verifications.c.id == record.id, _open_in(record.stage))
            query = _all().where(verifications.c.project == record.project, in_the_way)
            if found := await rows.first(connection, VerificationRecord, query):
                return found
        raise Conflict(f"a verification of Stage {record.stage!r} ended at this moment; try again")

    async def get(self, project: str, id: str) -> VerificationRecord | None:
        """Return one verification, or None."""
        async with self._database.read() as connection:
            return await rows.first(connection, VerificationRecord, _all().where(_is(project, id)))

    async def latest(self, project: str, stage: str) -> VerificationRecord | None:
        """Return the newest verification of a Stage, or None."""
        return next(iter(await self.list(project, stage, limit=1)), None)

    async def open(self, limit: int = 1_000) -> list[VerificationRecord]:
        """Return what is not over in all projects, oldest first."""
        query = _all().where(rows.word(verifications.c.phase, *OPEN))
        async with self._database.read() as connection:
            return await rows.every(
                connection, VerificationRecord, query.order_by(verifications.c.started_at).limit(limit)
            )

    async def missing(self, before: datetime, limit: int = 500) -> list[Visit]:
        """Return what Stages run since before then, not verified, and no verification looked at or looks at now."""
        query = all_visits().where(visits.c.left_at.is_(None), visits.c.verified_at.is_(None))
        looked = sa.exists().where(
            verifications.c.project == visits.c.project,
            verifications.c.stage == visits.c.stage,
            sa.or_(verifications.c.phase.in_(OPEN), verifications.c.started_at >= visits.c.entered_at),
        )
        query = query.where(visits.c.entered_at <= before, ~looked).order_by(visits.c.id).limit(limit)
        async with self._database.read() as connection:
            return await rows.every(connection, Visit, query)

    async def claim(self, project: str, id: str, owner: str, lease_until: datetime, now: datetime) -> bool:
        """Begin to work on a verification, or take it over; False when it is over or another's lease is live."""
        mine = verifications.c.owner.in_(("", owner))
        lapsed = sa.or_(verifications.c.lease_until.is_(None), verifications.c.lease_until <= now)
        free = sa.and_(_is(project, id), verifications.c.phase.in_(OPEN), sa.or_(mine, lapsed))
        claim = {"owner": owner, "lease_until": lease_until, "phase": VerificationPhase.RUNNING}
        async with self._database.write() as connection:
            return await rows.changed(connection, sa.update(verifications).where(free).values(claim))

    async def attach_run(self, project: str, id: str, flow_run_id: str) -> VerificationRecord:
        """Say which flow run works for a verification; another run's stays that one's. Raises NotFound."""
        async with self._database.write() as connection:
            record = await _locked(connection, project, id)
            if record.flow_run_id or record.phase.terminal:
                return record
            this = sa.update(verifications).where(_is(project, id))
            await connection.execute(this.values(flow_run_id=flow_run_id))
            return replace(record, flow_run_id=flow_run_id)

    async def renew(self, project: str, id: str, owner: str, lease_until: datetime) -> bool:
        """Say that the owner still works on it; False when it is another's by now, or over."""
        mine = sa.and_(_is(project, id), verifications.c.phase.in_(OPEN), verifications.c.owner == owner)
        async with self._database.write() as connection:
            return await rows.changed(connection, sa.update(verifications).where(mine).values(lease_until=lease_until))

    async def leave(
        self, project: str, id: str, owner: str, lease_until: datetime, flow_run_id: str, message: str
    ) -> bool:
        """Leave it to a run that begins later; before the lease ends nobody misses it. False when it is another's."""
        mine = sa.and_(_is(project, id), verifications.c.phase.in_(OPEN), verifications.c.owner == owner)
        left = {"owner": "", "lease_until": lease_until, "flow_run_id": flow_run_id, "message": message}
        async with self._database.write() as connection:
            return await rows.changed(connection, sa.update(verifications).where(mine).values(left))

    async def measure(
        self,
        project: str,
        id: str,
        owner: str,
        metrics: Sequence[Json],
        phase: VerificationPhase = VerificationPhase.RUNNING,
        message: str = "",
    ) -> None:
        """Keep measurements so far. Raises Conflict when it is another owner's by now, or over."""
        if phase.terminal:
            raise Invalid(f"cannot end verification {id!r} by measuring; finish it")
        async with self._database.write() as connection:
            await _fenced(connection, project, id, owner)
            seen = {"metrics": list(metrics), "phase": phase, "message": message}
            await connection.execute(sa.update(verifications).where(_is(project, id)).values(seen))

    async def finish(
        self,
        project: str,
        id: str,
        owner: str,
        phase: VerificationPhase,
        message: str,
        metrics: Sequence[Json],
        now: datetime,
        *,
        revoke: bool = False,
        expires_at: datetime | None = None,
    ) -> VerificationRecord:
        """End a verification; on success what is still there of its collection counts as verified.

        With `revoke` a failure takes back that it was verified before; at `expires_at` its measurements may go.

        Finishing again with the same phase returns what there is. Raises Conflict when it is another
        owner's by now, or ended otherwise.
        """
        if not phase.terminal:
            raise Invalid(f"cannot finish verification {id!r} as {phase}: that is no end")
        async with self._database.write() as connection:
            record = await _locked(connection, project, id)
            if record.phase is phase and record.owner == owner:
                return record
            record = await _fenced(connection, project, id, owner)
            ended = replace(
                record, phase=phase, message=message, metrics=list(metrics), finished_at=now, expires_at=expires_at
            )
            await _end(connection, ended, record.actor, now)
            if phase is VerificationPhase.SUCCESSFUL:
                await mark_verified(connection, project, record.stage, record.collection, now)
            if phase is VerificationPhase.FAILED and revoke:
                await _revoke(connection, ended, now)
            return ended

    async def abort(self, project: str, id: str, actor: str, reason: str, now: datetime) -> VerificationRecord:
        """Abort an open verification; one that has ended is returned as it is."""
        async with self._database.write() as connection:
            record = await _locked(connection, project, id)
            if record.phase.terminal:
                return record
            message = f"aborted by {actor}: {reason}" if reason else f"aborted by {actor}"
            aborted = replace(record, phase=VerificationPhase.ABORTED, message=message, finished_at=now)
            await _end(connection, aborted, actor, now)
            return aborted

    async def forget_measurements(self, now: datetime) -> int:
        """Let the measurements go whose time is over; what they came to stays. Returns of how many verifications."""
        over = sa.and_(verifications.c.expires_at.is_not(None), verifications.c.expires_at <= now)
        change = sa.update(verifications).where(over).values(metrics=[], expires_at=None)
        async with self._database.write() as connection:
            return (await connection.execute(change)).rowcount

    async def list(self, project: str, stage: str, limit: int = 100) -> list[VerificationRecord]:
        """Return the verifications of a Stage, newest first."""
        query = _all().where(verifications.c.project == project, verifications.c.stage == stage)
        query = query.order_by(verifications.c.started_at.desc(), verifications.c.id.desc()).limit(limit)
        async with self._database.read() as connection:
            return await rows.every(connection, VerificationRecord, query)


def _all() -> sa.Select[Any]:
    return sa.select(*rows.columns(verifications, VerificationRecord))


def _is(project: str, id: str) -> sa.ColumnElement[bool]:
    return sa.and_(verifications.c.project == project, verifications.c.id == id)


def _open_in(stage: str) -> sa.ColumnElement[bool]:
    return sa.and_(verifications.c.stage == stage, verifications.c.phase.in_(OPEN))


async def _locked(connection: AsyncConnection, project: str, id: str) -> VerificationRecord:
    query = _all().where(_is(project, id)).with_for_update()
    if record := await rows.first(connection, VerificationRecord, query):
        return record
    raise NotFound(f"project {project!r} has no verification {id!r}; look at the Stage's verifications")


async def _fenced(connection: AsyncConnection, project: str, id: str, owner: str) -> VerificationRecord:
    record = await _locked(connection, project, id)
    if record.phase.terminal or record.owner != owner:
        state = f"{record.phase} by now" if record.phase.terminal else f"taken over by {record.owner!r}"
        raise Conflict(f"{owner!r} wrote to verification {id!r}, which is {state}; stop working on it")
    return record


async def _end(connection: AsyncConnection, ended: VerificationRecord, actor: str, now: datetime) -> None:
    change = {
        "phase": ended.phase,
        "message": ended.message,
        "metrics": ended.metrics,
        "finished_at": now,
        "expires_at": ended.expires_at,
    }
    await connection.execute(
        sa.update(verifications).where(_is(ended.project, ended.id)).values(change | {"lease_until": None})
    )
    await _tell(connection, ended, EVENTS[ended.phase], actor, ended.message, now)


async def _tell(
    connection: AsyncConnection, record: VerificationRecord, verb: str, actor: str, message: str, now: datetime
) -> None:
    data = {"stage": record.stage, "verification": record.id, "promotion": record.promotion}
    for freight in record.collection.values():
        subject, detail = f"Freight/{freight}", data | {"freight": freight}
        event = AuditEvent(record.project, f"FreightVerification{verb}", subject, actor, message, now, detail)
        await write_event(connection, event)


async def _revoke(connection: AsyncConnection, ended: VerificationRecord, now: datetime) -> None:
    for freight in await unmark_verified(connection, ended.project, ended.stage, ended.collection):
        said = f"no longer verified in {ended.stage}: {ended.message}"
        data = {"stage": ended.stage, "verification": ended.id, "freight": freight}
        event = AuditEvent(
            ended.project, "FreightVerificationRevoked", f"Freight/{freight}", ended.actor, said, now, data
        )
        await write_event(connection, event)
