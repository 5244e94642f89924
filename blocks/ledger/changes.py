"""What became of promotions and verifications, from the trail, which is kept when Freight and promotions are not."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from blocks.ledger import rows
from blocks.ledger.part import Part
from blocks.ledger.tables import audit

SUCCEEDED = "PromotionSucceeded"
PROMOTED = (SUCCEEDED, "PromotionFailed", "PromotionErrored")
VERIFIED = ("FreightVerificationSucceeded", "FreightVerificationFailed", "FreightVerificationErrored")

MOST = 200_000
"""Changes of one project that are read at once, the newest."""


@dataclass(frozen=True)
class Change:
    """One end of a promotion or a verification, by the type of its event. Those of single targets are left out."""

    stage: str
    type: str
    freight: str
    promotion: str
    at: datetime


class Changes(Part):
    """Reading what happened in Stages, in a number of queries that depends on no number of Stages."""

    async def list(self, project: str, since: datetime, stage: str | None = None, limit: int = MOST) -> list[Change]:
        """Return what ended since a time, oldest first; when there is more than the limit, the newest of it."""
        target = audit.c.data["target"].as_string()
        chosen = [getattr(audit.c, name) for name in ("stage", "type", "freight", "promotion", "at")]
        query = sa.select(*chosen).where(
            audit.c.project == project,
            audit.c.at >= since,
            audit.c.type.in_(PROMOTED + VERIFIED),
            sa.func.coalesce(target, "") == "",
        )
        if stage is not None:
            query = query.where(audit.c.stage == stage)
        async with self._database.read() as connection:
            found = await rows.every(connection, Change, query.order_by(audit.c.id.desc()).limit(limit))
        return found[::-1]

    async def found(self, project: str, freight: Collection[str]) -> dict[str, datetime]:
        """Return by name when Freight was created, also of what was collected."""
        return {name: at for (_, name), at in (await self._first("FreightCreated", project, freight)).items()}

    async def first_deployed(self, project: str, freight: Collection[str]) -> dict[tuple[str, str], datetime]:
        """Return by Stage and Freight when it first arrived there."""
        return await self._first(SUCCEEDED, project, freight)

    async def _first(self, type: str, project: str, freight: Collection[str]) -> dict[tuple[str, str], datetime]:
        found: dict[tuple[str, str], datetime] = {}
        target = audit.c.data["target"].as_string()
        async with self._database.read() as connection:
            for batch in rows.batches(sorted(freight)):
                query = sa.select(audit.c.stage, audit.c.freight, sa.func.min(audit.c.at)).where(
                    audit.c.project == project,
                    audit.c.type == type,
                    audit.c.freight.in_(batch),
                    sa.func.coalesce(target, "") == "",
                )
                for row in await connection.execute(query.group_by(audit.c.stage, audit.c.freight)):
                    found[row[0], row[1]] = row[2]
        return found
