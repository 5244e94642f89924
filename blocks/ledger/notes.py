"""Metadata: what steps noted about Freight and Stages, by key, for expressions to read."""

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.errors import Invalid, NotFound
from blocks.ledger import rows
from blocks.ledger.audit import write_event
from blocks.ledger.part import Part
from blocks.ledger.records import AuditEvent
from blocks.ledger.tables import freight, stage_metadata

Json = dict[str, Any]

LARGEST = 256 * 1024
"""Characters that the metadata of one Freight or Stage may have as JSON."""

MOST_STAGES = 10_000


class Notes(Part):
    """The metadata of Freight and of Stages. Keys that are not named stay; noting the same again changes nothing."""

    async def put_on_freight(self, project: str, name: str, values: Json, actor: str, now: datetime) -> bool:
        """Merge keys into a Freight's metadata; False when nothing was new.

        Raises NotFound without such Freight, Invalid for what is no JSON or too much.
        """
        here = sa.and_(freight.c.project == project, freight.c.name == name)
        async with self._database.write() as connection:
            known = await _locked(connection, sa.select(freight.c.metadata).where(here))
            if known is None:
                raise NotFound(f"project {project!r} has no Freight {name!r}; list what there is: drayage get freight")
            if (merged := _merged(known, values, f"Freight {name!r}")) == known:
                return False
            await connection.execute(sa.update(freight).where(here).values(metadata=merged))
            event = _event("FreightMetadataChanged", "Freight", project, name, values, actor, now)
            await write_event(connection, event)
            return True

    async def put_on_stage(self, project: str, name: str, values: Json, actor: str, now: datetime) -> bool:
        """Merge keys into a Stage's metadata; False when nothing was new. Raises Invalid as `put_on_freight`."""
        table = stage_metadata
        here = sa.and_(table.c.project == project, table.c.stage == name)
        async with self._database.write() as connection:
            empty = {"project": project, "stage": name, "metadata": {}}
            await connection.execute(rows.insert(connection, table).values(empty).on_conflict_do_nothing())
            known = await _locked(connection, sa.select(table.c.metadata).where(here))
            assert known is not None
            if (merged := _merged(known, values, f"Stage {name!r}")) == known:
                return False
            await connection.execute(sa.update(table).where(here).values(metadata=merged))
            event = _event("StageMetadataChanged", "Stage", project, name, values, actor, now)
            await write_event(connection, event)
            return True

    async def of_stages(self, project: str) -> dict[str, Json]:
        """Return the metadata of a project's Stages by name; those without any are left out."""
        table = stage_metadata
        query = sa.select(table.c.stage, table.c.metadata).where(table.c.project == project).limit(MOST_STAGES)
        async with self._database.read() as connection:
            return {stage: noted for stage, noted in await connection.execute(query) if noted}


async def _locked(connection: AsyncConnection, query: sa.Select[Any]) -> Json | None:
    row = (await connection.execute(query.with_for_update())).first()
    return None if row is None else row[0]


def _merged(known: Json, values: Json, whose: str) -> Json:
    merged = {**known, **values}
    try:
        written = json.dumps(merged, allow_nan=False)
    except (TypeError, ValueError):
        raise Invalid(f"the metadata for {whose} has a value that JSON cannot hold") from None
    if len(written) > LARGEST:
        raise Invalid(f"the metadata of {whose} would have more than {LARGEST} characters, the limit")
    return merged


def _event(type: str, kind: str, project: str, name: str, values: Json, actor: str, now: datetime) -> AuditEvent:
    """Say which keys; values stay out of the trail, from which nothing can be taken back."""
    keys = sorted(values)
    message = f"metadata of {kind} {name!r} was set: {', '.join(keys)}"
    return AuditEvent(project, type, f"{kind}/{name}", actor, message, now, {"keys": keys})
