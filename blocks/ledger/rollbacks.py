"""What rollbacks are decided from: who stayed in a Stage, what was verified there last, and where something failed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from blocks.ledger import rows
from blocks.ledger.part import Part
from blocks.ledger.records import Phase, VerificationPhase
from blocks.ledger.tables import freight, promotions, verifications, visits
from blocks.ledger.visits import in_stage

MOST_STAYS = 200
"""Stays in a Stage that a rollback looks back at."""

MOST_STAGES = 500
"""Stages in which something failed lately that one sweep looks at."""

MOST_STABLE = 100_000


@dataclass(frozen=True)
class Stay:
    """One stay in a Stage of Freight that is there still. `verified` tells whether it was verified in this stay.

    `by_rollback` tells whether a rollback brought it, as long as that Promotion is kept.
    """

    origin: str
    freight: str
    alias: str
    promotion: str
    entered_at: datetime
    verified: bool
    current: bool
    by_rollback: bool


class Rollbacks(Part):
    """Read only: rollbacks are Promotions."""

    async def stays(self, project: str, stage: str, limit: int = MOST_STAYS) -> list[Stay]:
        """Return the stays in a Stage, newest first, of Freight that was not deleted."""
        brought = sa.and_(promotions.c.project == visits.c.project, promotions.c.name == visits.c.promotion)
        query = (
            sa.select(visits, freight.c.alias, promotions.c.rollback)
            .join(freight, sa.and_(freight.c.project == visits.c.project, freight.c.name == visits.c.freight))
            .outerjoin(promotions, brought)
            .where(in_stage(project, stage), visits.c.promotion != "", visits.c.removed_at.is_(None))
        )
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(visits.c.id.desc()).limit(limit))
            return [_stay(row) for row in found]

    async def stable(self, project: str) -> dict[str, dict[str, str]]:
        """Return by Stage and origin the Freight that was verified there last (Kargo: stableFreight)."""
        place = (visits.c.stage, visits.c.origin)
        last = (
            sa.select(sa.func.max(visits.c.id))
            .where(
                visits.c.project == project,
                visits.c.promotion != "",
                visits.c.verified_at.is_not(None),
                visits.c.removed_at.is_(None),
            )
            .group_by(*place)
        )
        query = sa.select(*place, visits.c.freight).where(visits.c.id.in_(last)).limit(MOST_STABLE)
        found: dict[str, dict[str, str]] = {}
        async with self._database.read() as connection:
            for row in await connection.execute(query):
                found.setdefault(row.stage, {})[row.origin] = row.freight
        return found

    async def failing(self, since: datetime, limit: int = MOST_STAGES) -> list[tuple[str, str]]:
        """Return (project, Stage) wherever a Promotion or a verification has failed since then."""
        bad_promotions = sa.select(promotions.c.project, promotions.c.stage).where(
            rows.word(promotions.c.phase, Phase.FAILED, Phase.ERRORED),
            promotions.c.finished_at >= since,
            promotions.c.target == "",
        )
        bad_verifications = sa.select(verifications.c.project, verifications.c.stage).where(
            rows.word(verifications.c.phase, VerificationPhase.FAILED, VerificationPhase.ERROR),
            verifications.c.finished_at >= since,
        )
        both = sa.union(bad_promotions, bad_verifications).order_by("project", "stage").limit(limit)
        async with self._database.read() as connection:
            return [(row[0], row[1]) for row in await connection.execute(both)]


def _stay(row: sa.Row[Any]) -> Stay:
    return Stay(
        origin=row.origin,
        freight=row.freight,
        alias=row.alias,
        promotion=row.promotion,
        entered_at=row.entered_at,
        verified=row.verified_at is not None,
        current=row.left_at is None,
        by_rollback=bool(row.rollback),
    )
