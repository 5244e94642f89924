"""Promotions as rows: what the parts of a promotion's life share."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.errors import Conflict, NotFound
from blocks.ledger import rows
from blocks.ledger.audit import write_event
from blocks.ledger.records import AuditEvent, Json, Phase, PromotionRecord, StepRun
from blocks.ledger.tables import promotions, step_runs

OPEN = (Phase.PENDING, Phase.RUNNING)

IS_OPEN = rows.word(promotions.c.phase, *OPEN)
"""The promotions that are not over, found by their index."""


def all_promotions() -> sa.Select[Any]:
    """Select promotions as records."""
    return sa.select(*rows.columns(promotions, PromotionRecord))


def of_targets(project: str, request: str) -> sa.ColumnElement[bool]:
    """The promotions of the targets of one request."""
    return sa.and_(promotions.c.project == project, promotions.c.request == request, promotions.c.target != "")


def named(project: str, name: str) -> sa.ColumnElement[bool]:
    """One promotion."""
    return sa.and_(promotions.c.project == project, promotions.c.name == name)


async def locked(connection: AsyncConnection, project: str, name: str) -> PromotionRecord:
    """Return a promotion that nobody else can change until the transaction ends. Raises NotFound without it."""
    query = all_promotions().where(named(project, name)).with_for_update()
    if record := await rows.first(connection, PromotionRecord, query):
        return record
    raise NotFound(f"project {project!r} has no Promotion {name!r}; list what there is with: drayage get promotions")


async def fenced(connection: AsyncConnection, project: str, name: str, owner: str) -> PromotionRecord:
    """Return a locked promotion that this owner runs. Raises Conflict when it is another's, or over."""
    record = await locked(connection, project, name)
    if record.phase is not Phase.RUNNING:
        raise Conflict(f"{owner!r} wrote to Promotion {name!r}, which is {record.phase} by now; stop working on it")
    if record.owner != owner:
        fate = f"{record.owner!r} took over" if record.owner else "was handed over"
        raise Conflict(f"{owner!r} wrote to Promotion {name!r}, which {fate}; stop working on it")
    return record


async def put_step(connection: AsyncConnection, project: str, name: str, step: StepRun) -> None:
    """Write down one step as it stands now."""
    line = rows.values(step)
    adding = rows.insert(connection, step_runs).values(project=project, promotion=name, **line)
    key = ["project", "promotion", "index"]
    await connection.execute(adding.on_conflict_do_update(index_elements=key, set_=line))


async def write_promotion_event(
    connection: AsyncConnection,
    record: PromotionRecord,
    verb: str,
    actor: str,
    message: str,
    at: datetime,
    more: Json | None = None,
) -> None:
    """Add `Promotion<verb>` to the trail, with `more` data than every such event has."""
    data: Json = {"stage": record.stage, "freight": record.freight, "origin": record.origin, "reason": record.reason}
    if record.target:
        data |= {"target": record.target, "request": record.request}
    if record.rollback:
        data["rollback"] = record.rollback
    if record.intent:
        data["intent"] = record.intent
    if record.break_glass:
        data["breakGlass"] = True
    data |= more or {}
    subject = f"{record.kind}/{record.name}"
    await write_event(connection, AuditEvent(record.project, f"Promotion{verb}", subject, actor, message, at, data))
