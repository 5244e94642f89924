"""Manifests as applied, with every version there was."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.audit import write_event
from blocks.ledger.part import Part
from blocks.ledger.records import AuditEvent, Definition, Json
from blocks.ledger.tables import definition_history, definitions

Key = tuple[str, str, str]
"""Kind, project, name."""

MOST = 100_000
"""Manifests read at once."""

MOST_KEPT = 20_000
"""Manifests kept decoded; those not asked for the longest go first."""

CLUSTER_CONFIG = "cluster"
"""What the only ClusterConfig is called."""


@dataclass(frozen=True)
class Change:
    """One version of a manifest; when `deleted`, the manifest is the last there was."""

    kind: str
    project: str
    name: str
    manifest: Json
    generation: int
    deleted: bool
    actor: str
    at: datetime


class Definitions(Part):
    """What people declared."""

    async def apply(
        self, upserts: Iterable[Definition], deletes: Iterable[Key], actor: str, now: datetime
    ) -> list[Change]:
        """Write and remove manifests in one transaction and return what really changed.

        A manifest equal to the stored one changes nothing. The generation counts changes of `spec` only, and
        goes on after a deletion, so that nobody takes a new thing for the old one of that name.
        """
        async with self._database.write(lock="definitions") as connection:
            written = [await _upsert(connection, wanted, actor, now) for wanted in upserts]
            deleted = [await _delete(connection, key, actor, now) for key in deletes]
        return [change for change in (*written, *deleted) if change]

    async def get(self, kind: str, project: str, name: str) -> Definition | None:
        """Return one manifest, or None."""
        async with self._database.read() as connection:
            return await _get(connection, (kind, project, name))

    async def history(self, kind: str, project: str, name: str, limit: int = 100) -> list[Change]:
        """Return the versions of one manifest, newest first."""
        query = sa.select(*rows.columns(definition_history, Change))
        query = query.where(*_is(definition_history, (kind, project, name)))
        query = query.order_by(definition_history.c.id.desc()).limit(limit)
        async with self._database.read() as connection:
            return await rows.every(connection, Change, query)

    async def of_kinds(self, kinds: Collection[str], project: str | None = None, limit: int = MOST) -> list[Definition]:
        """Return the manifests of several kinds by project, kind and name.

        Of one project where given, and then among them its Project and the ClusterConfig, if these kinds are asked for.
        """
        async with self._database.read() as connection:
            return await read_defined(connection, kinds, project, limit)

    async def list(self, kind: str, project: str | None = None, limit: int = 10_000) -> list[Definition]:
        """Return the manifests of a kind by project and name, of one project where given."""
        query = sa.select(*rows.columns(definitions, Definition)).where(definitions.c.kind == kind)
        if project is not None:
            query = query.where(definitions.c.project == project)
        query = query.order_by(definitions.c.project, definitions.c.name).limit(limit)
        async with self._database.read() as connection:
            return await rows.every(connection, Definition, query)


async def read_defined(
    connection: AsyncConnection, kinds: Collection[str], project: str | None, limit: int = MOST
) -> list[Definition]:
    """Read manifests of several kinds in order; of one project with its Project and the ClusterConfig.

    A manifest that was read before is handed out again: nobody may change one.
    """
    whole = [each for each in rows.columns(definitions, Definition) if each.name != "manifest"]
    text = sa.cast(definitions.c.manifest, sa.Text).label("text")
    query = sa.select(*whole, text).where(definitions.c.kind.in_(kinds))
    if project is not None:
        about_it = sa.and_(definitions.c.project == "", definitions.c.name.in_((project, CLUSTER_CONFIG)))
        query = query.where(sa.or_(definitions.c.project == project, about_it))
    query = query.order_by(definitions.c.project, definitions.c.kind, definitions.c.name)
    return await rows.every(connection, _of_text, query.limit(limit))


def _of_text(text: str, **whole: Any) -> Definition:
    return Definition(manifest=_manifest(text), **whole)


@lru_cache(maxsize=MOST_KEPT)
def _manifest(text: str) -> Json:
    """Manifests that are read again and again are decoded once: 1,000 Stages take longer to decode than to read."""
    decoded: Json = json.loads(text)
    return decoded


def _is(table: sa.Table, key: Key) -> list[sa.ColumnElement[bool]]:
    return [table.c[column] == value for column, value in zip(("kind", "project", "name"), key, strict=True)]


async def _get(connection: AsyncConnection, key: Key) -> Definition | None:
    query = sa.select(*rows.columns(definitions, Definition)).where(*_is(definitions, key))
    return await rows.first(connection, Definition, query)


async def _upsert(connection: AsyncConnection, wanted: Definition, actor: str, now: datetime) -> Change | None:
    key = (wanted.kind, wanted.project, wanted.name)
    stored = await _get(connection, key)
    if stored and stored.manifest == wanted.manifest:
        return None
    generation = stored.generation if stored else await _last_generation(connection, key)
    if not stored or stored.spec != wanted.spec:
        generation += 1
    line = {"manifest": wanted.manifest, "generation": generation, "updated_at": now}
    adding = rows.insert(connection, definitions).values(
        kind=wanted.kind, project=wanted.project, name=wanted.name, created_at=now, **line
    )
    await connection.execute(adding.on_conflict_do_update(index_elements=["kind", "project", "name"], set_=line))
    change = Change(*key, wanted.manifest, generation, deleted=False, actor=actor, at=now)
    await _remember(connection, change, "Updated" if stored else "Created")
    return change


async def _delete(connection: AsyncConnection, key: Key, actor: str, now: datetime) -> Change | None:
    stored = await _get(connection, key)
    if stored is None:
        return None
    await connection.execute(sa.delete(definitions).where(*_is(definitions, key)))
    change = Change(*key, stored.manifest, stored.generation, deleted=True, actor=actor, at=now)
    await _remember(connection, change, "Deleted")
    return change


async def _last_generation(connection: AsyncConnection, key: Key) -> int:
    query = sa.select(sa.func.max(definition_history.c.generation)).where(*_is(definition_history, key))
    return (await connection.execute(query)).scalar() or 0


async def _remember(connection: AsyncConnection, change: Change, verb: str) -> None:
    await connection.execute(sa.insert(definition_history).values(rows.values(change)))
    event = AuditEvent(
        project=change.project,
        type=f"{change.kind}{verb}",
        subject=f"{change.kind}/{change.name}",
        actor=change.actor,
        message=f"{change.kind} {change.name!r} was {verb.lower()}",
        at=change.at,
        data={"generation": change.generation},
    )
    await write_event(connection, event)
