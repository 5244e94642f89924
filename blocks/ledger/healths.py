"""How Stages are: what their last promotion left to watch, and what came of watching."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger import rows
from blocks.ledger.part import Part
from blocks.ledger.promotion_rows import IS_OPEN
from blocks.ledger.records import Json, Phase
from blocks.ledger.tables import freight, promotions, stage_healths, visits

MOST = 100_000
"""Open stays looked at: origins times Stages."""


@dataclass(frozen=True)
class StageHealth:
    """How a Stage is `since` when; `issues` and `drift` are sentences. `promotion` brought what runs there."""

    project: str
    stage: str
    status: str
    issues: list[str]
    drift: list[str]
    promotion: str
    since: datetime


@dataclass(frozen=True)
class Watched:
    """What to look at for one Stage: health checks of its newest promotion, and the images of what it holds.

    `promoting` names a Promotion under way, empty for none.
    """

    project: str
    stage: str
    promotion: str
    checks: list[Json]
    images: list[Json] = field(default_factory=list)
    promoting: str = ""


class Healths(Part):
    """One health per Stage that holds anything."""

    async def get(self, project: str, stage: str) -> StageHealth | None:
        """Return how a Stage is; None when it holds nothing, or nobody has looked yet."""
        return (await self.of(project)).get(stage)

    async def of(self, project: str) -> dict[str, StageHealth]:
        """Return how all Stages of a project are."""
        query = _all().where(stage_healths.c.project == project)
        async with self._database.read() as connection:
            return {each.stage: each for each in await rows.every(connection, StageHealth, query)}

    async def watched(self) -> list[Watched]:
        """Return what all Stages of all projects have to be looked at for, in two queries."""
        found: dict[tuple[str, str], Watched] = {}
        async with self._database.read() as connection:
            for row in await connection.execute(_stays()):
                images = found[row.project, row.stage].images if (row.project, row.stage) in found else []
                held = [*images, *((row.content or {}).get("images") or [])]
                found[row.project, row.stage] = Watched(
                    row.project, row.stage, row.promotion, list(row.health_checks or []), held
                )
            for row in await connection.execute(_running()):
                if each := found.get((row.project, row.stage)):
                    found[row.project, row.stage] = replace(each, promoting=row.name)
        return list(found.values())

    async def record(self, healths: Sequence[StageHealth]) -> list[tuple[str, StageHealth]]:
        """Keep how Stages are now, and forget all others; return what changed, each with its status before.

        `since` stays where the status does. Nothing is written where nothing changed.
        """
        async with self._database.write() as connection:
            before = {(each.project, each.stage): each for each in await rows.every(connection, StageHealth, _all())}
            changed = [
                (old.status if old else "", _dated(each, old))
                for each in healths
                if (old := before.get((each.project, each.stage))) is None or _dated(each, old) != old
            ]
            if changed:
                adding = rows.insert(connection, stage_healths)
                names = ("status", "issues", "drift", "promotion", "since")
                renewed = {name: adding.excluded[name] for name in names}
                keep = adding.on_conflict_do_update(index_elements=["project", "stage"], set_=renewed)
                await connection.execute(keep, [rows.values(each) for _, each in changed])
            gone = before.keys() - {(each.project, each.stage) for each in healths}
            await _forget(connection, gone)
        return changed


def _dated(new: StageHealth, old: StageHealth | None) -> StageHealth:
    return replace(new, since=old.since) if old and old.status == new.status else new


async def _forget(connection: AsyncConnection, gone: Collection[tuple[str, str]]) -> None:
    for batch in rows.batches(sorted(gone)):
        place = sa.tuple_(stage_healths.c.project, stage_healths.c.stage)
        await connection.execute(sa.delete(stage_healths).where(place.in_(batch)))


def _all() -> sa.Select[Any]:
    return sa.select(*rows.columns(stage_healths, StageHealth)).limit(MOST)


def _open() -> sa.ColumnElement[bool]:
    return sa.and_(visits.c.left_at.is_(None), visits.c.removed_at.is_(None), visits.c.promotion != "")


def _stays() -> sa.Select[Any]:
    """Open stays, the newest of a Stage last: its promotion's checks are the Stage's (Kargo §4)."""
    brought = sa.and_(promotions.c.project == visits.c.project, promotions.c.name == visits.c.promotion)
    held = sa.and_(freight.c.project == visits.c.project, freight.c.name == visits.c.freight)
    return (
        sa.select(visits.c.project, visits.c.stage, visits.c.promotion, promotions.c.health_checks, freight.c.content)
        .select_from(visits.outerjoin(promotions, brought).outerjoin(freight, held))
        .where(_open())
        .order_by(visits.c.id)
        .limit(MOST)
    )


def _running() -> sa.Select[Any]:
    return (
        sa.select(promotions.c.project, promotions.c.stage, promotions.c.name)
        .where(IS_OPEN, promotions.c.phase == Phase.RUNNING, promotions.c.target == "")
        .order_by(promotions.c.created_at)
        .limit(MOST)
    )
