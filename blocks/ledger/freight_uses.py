"""What Freight is needed for, and so must not be deleted, within a caller's transaction."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.ledger.promotion_rows import OPEN
from blocks.ledger.tables import holds, promotions, verifications, visits
from blocks.ledger.verifications import OPEN as UNDER_WAY

Use = tuple[str, str]
"""The name of a Freight, and what uses it: `Stage 'test' runs it`."""


async def uses(connection: AsyncConnection, project: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Return by name what uses each Freight now; Freight that nothing uses is left out.

    In use is what a Stage runs, alone or together with Freight of other Warehouses; what a Promotion or a
    verification that has not ended is about; and what a person holds in a Stage.
    """
    found: dict[str, list[str]] = {}
    wanted = set(names)
    for look in (_run, _held, _promoted, _verified):
        for name, use in await look(connection, project, names):
            if name in wanted:
                found.setdefault(name, []).append(use)
    return found


async def _run(connection: AsyncConnection, project: str, names: Sequence[str]) -> list[Use]:
    query = sa.select(visits.c.freight, visits.c.stage).where(
        visits.c.project == project, visits.c.freight.in_(names), visits.c.left_at.is_(None)
    )
    return [(row.freight, f"Stage {row.stage!r} runs it") for row in await connection.execute(query)]


async def _held(connection: AsyncConnection, project: str, names: Sequence[str]) -> list[Use]:
    query = sa.select(holds.c.freight, holds.c.stage, holds.c.actor).where(
        holds.c.project == project, holds.c.freight.in_(names)
    )
    return [(row.freight, f"{row.actor} holds it in Stage {row.stage!r}") for row in await connection.execute(query)]


async def _promoted(connection: AsyncConnection, project: str, _: Sequence[str]) -> list[Use]:
    """Few promotions are open at a time, and what they carry is within JSON: all of the project are read."""
    columns = (promotions.c.name, promotions.c.stage, promotions.c.phase, promotions.c.freight, promotions.c.collection)
    query = sa.select(*columns).where(promotions.c.project == project, promotions.c.phase.in_(OPEN))
    query = query.where(promotions.c.target == "")
    return [
        (name, f"Promotion {row.name!r} to Stage {row.stage!r} is {row.phase}")
        for row in await connection.execute(query)
        for name in {row.freight, *row.collection.values()}
    ]


async def _verified(connection: AsyncConnection, project: str, _: Sequence[str]) -> list[Use]:
    query = sa.select(verifications.c.stage, verifications.c.collection).where(
        verifications.c.project == project, verifications.c.phase.in_(UNDER_WAY)
    )
    return [
        (name, f"a verification of Stage {row.stage!r} is under way")
        for row in await connection.execute(query)
        for name in row.collection.values()
    ]
