"""What ended Promotions are needed for still, and deleting them, within a caller's transaction."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger.records import Phase
from blocks.ledger.tables import decisions, freight, promotions, step_runs, verifications, visits
from blocks.ledger.verifications import OPEN as UNDER_WAY


async def needs(connection: AsyncConnection, project: str, names: Sequence[str]) -> dict[str, str]:
    """Return by name what these Promotions are needed for; those that nothing needs are left out.

    The last word on a Freight in a Stage, when it is no success, keeps it from being promoted by itself again.
    """
    found: dict[str, str] = {}
    for why, query in (
        ("is the last word on its Freight in Stage {!r}", _last_words(project, names)),
        ("is being verified in Stage {!r}", _under_verification(project, names)),
        ("brought what Stage {!r} runs", _bringing(project, names)),
    ):
        found |= {row.name: why.format(row.stage) for row in await connection.execute(query)}
    return found


def _bringing(project: str, names: Sequence[str]) -> sa.Select[Any]:
    brought = sa.select(visits.c.promotion.label("name"), visits.c.stage)
    return brought.where(visits.c.project == project, visits.c.left_at.is_(None), visits.c.promotion.in_(names))


def _under_verification(project: str, names: Sequence[str]) -> sa.Select[Any]:
    about = sa.select(verifications.c.promotion.label("name"), verifications.c.stage)
    under_way = verifications.c.phase.in_(UNDER_WAY)
    return about.where(verifications.c.project == project, under_way, verifications.c.promotion.in_(names))


def _last_words(project: str, names: Sequence[str]) -> sa.Select[Any]:
    later = promotions.alias("later")
    same = sa.and_(
        later.c.project == promotions.c.project,
        later.c.freight == promotions.c.freight,
        later.c.stage == promotions.c.stage,
        later.c.target == "",
        sa.tuple_(later.c.created_at, later.c.name) > sa.tuple_(promotions.c.created_at, promotions.c.name),
    )
    known = sa.and_(freight.c.project == promotions.c.project, freight.c.name == promotions.c.freight)
    return sa.select(promotions.c.name, promotions.c.stage).where(
        promotions.c.project == project,
        promotions.c.name.in_(names),
        promotions.c.phase != Phase.SUCCEEDED,
        sa.exists().where(known),
        ~sa.exists().where(same),
    )


async def delete_promotions(connection: AsyncConnection, project: str, names: Collection[str]) -> None:
    """Delete Promotions with their step runs, decisions and verifications, requests with those of their targets."""
    mine = sa.and_(promotions.c.project == project, promotions.c.request.in_(names), promotions.c.target != "")
    names = [*names, *(await connection.execute(sa.select(promotions.c.name).where(mine))).scalars()]
    for table, column in (
        (step_runs, step_runs.c.promotion),
        (decisions, decisions.c.promotion),
        (verifications, verifications.c.promotion),
        (promotions, promotions.c.name),
    ):
        await connection.execute(sa.delete(table).where(table.c.project == project, column.in_(names)))
