"""Promotions: who works on one, so that one run at a time does, and a dead run's work goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from blocks.errors import Conflict
from blocks.ledger import rows
from blocks.ledger.freezes import LOCK, frozen
from blocks.ledger.freight_rows import pinned
from blocks.ledger.part import Part
from blocks.ledger.promotion_rows import locked, named
from blocks.ledger.records import Freeze, Json, Phase, PromotionRecord
from blocks.ledger.tables import promotions
from blocks.ledger.visits import open_visits

START_TRIES = 5
_CLAIM = ("phase", "owner", "lease_until", "collection", "started_at", "waiting_for")


@dataclass(frozen=True)
class Started:
    """The promotion is this owner's to work on; `record.collection` is what the Stage holds on success."""

    record: PromotionRecord


@dataclass(frozen=True)
class Busy:
    """Another promotion of the Stage runs, or another owner works on this very one (`by` is its own name)."""

    by: str


@dataclass(frozen=True)
class Over:
    """The promotion has ended."""

    phase: Phase


@dataclass(frozen=True)
class Outdated:
    """Freezes are others by now than the caller decided by: decide again."""


Claim = Started | Busy | Over | Outdated


class PromotionClaims(Part):
    """Starting, taking over, renewing and handing over."""

    async def start(
        self,
        project: str,
        name: str,
        owner: str,
        lease_until: datetime,
        collection: Mapping[str, str],
        now: datetime,
        freezes: Sequence[Freeze] | None = None,
    ) -> Claim:
        """Begin to work on a promotion, or take it over when nobody works on it any more.

        `collection` (origin → Freight) is frozen at the first start. Origins other than the promoted one are
        read again in that transaction: a promotion that ended meanwhile must not be undone. `freezes` are those of
        the project, and of all, that the caller decided by: a pending promotion begins only while they are the same.
        Raises NotFound without such a promotion.
        """
        for _ in range(START_TRIES):
            try:
                async with self._database.write(lock=LOCK, shared=True) as connection:
                    if await _outdated(connection, (project, name), freezes):
                        return Outdated()
                    return await _start(connection, (project, name), (owner, lease_until), collection, now)
            except Conflict:  # the constraint on running promotions; the next look sees which one
                continue
        raise Conflict(
            f"could not start Promotion {name!r}: its Stage changed {START_TRIES} times meanwhile; try again"
        )

    async def renew(self, project: str, name: str, owner: str, lease_until: datetime) -> bool:
        """Say that the owner still works on it; False when the promotion is another's by now, or over."""
        async with self._database.write() as connection:
            mine = sa.update(promotions).where(_run_by(project, name, owner))
            return await rows.changed(connection, mine.values(lease_until=lease_until))

    async def leave(self, project: str, name: str, owner: str, lease_until: datetime, waiting_for: Json) -> bool:
        """Leave a running promotion until a time, or until what it waits for has come. False when it is not ours."""
        async with self._database.write() as connection:
            mine = sa.update(promotions).where(_run_by(project, name, owner))
            left = {"owner": "", "lease_until": lease_until, "waiting_for": waiting_for}
            return await rows.changed(connection, mine.values(left))

    async def release(self, project: str, name: str, owner: str) -> None:
        """Hand a running promotion over: whoever starts it next takes it without waiting for the lease."""
        async with self._database.write() as connection:
            mine = sa.update(promotions).where(_run_by(project, name, owner))
            await connection.execute(mine.values(owner="", lease_until=None))


def _run_by(project: str, name: str, owner: str) -> sa.ColumnElement[bool]:
    return sa.and_(named(project, name), promotions.c.phase == Phase.RUNNING, promotions.c.owner == owner)


async def _outdated(connection: AsyncConnection, key: tuple[str, str], freezes: Sequence[Freeze] | None) -> bool:
    """Whether what stops a promotion that has not begun is not what its gates were asked with."""
    if freezes is None or (await locked(connection, *key)).phase is not Phase.PENDING:
        return False
    return await rows.every(connection, Freeze, frozen(key[0])) != [*freezes]


async def _start(
    connection: AsyncConnection,
    key: tuple[str, str],
    claim: tuple[str, datetime],
    collection: Mapping[str, str],
    now: datetime,
) -> Claim:
    record = await locked(connection, *key)
    if record.phase.terminal:
        return Over(record.phase)
    if record.phase is Phase.PENDING and (running := await _running(connection, record)):
        return Busy(running)
    owner, lease_until = claim
    if record.phase is Phase.RUNNING and not _claimable(record, owner, now):
        return Busy(record.name)
    claimed = replace(record, phase=Phase.RUNNING, owner=owner, lease_until=lease_until, waiting_for={})
    await _save(connection, claimed)
    if record.phase is Phase.PENDING:
        # Only after the claim holds the Stage: what the Stage holds cannot change any more.
        carried = await _carry_forward(connection, record, collection)
        claimed = replace(claimed, collection=carried, started_at=now)
        await _save(connection, claimed)
    return Started(claimed)


def _claimable(record: PromotionRecord, owner: str, now: datetime) -> bool:
    return record.owner in ("", owner) or record.lease_until is None or record.lease_until <= now


async def _running(connection: AsyncConnection, record: PromotionRecord) -> str | None:
    running = sa.select(promotions.c.name).where(
        promotions.c.project == record.project,
        promotions.c.stage == record.stage,
        promotions.c.target == record.target,
        promotions.c.phase == Phase.RUNNING,
    )
    found: str | None = (await connection.execute(running)).scalar()
    return found


async def _carry_forward(
    connection: AsyncConnection, record: PromotionRecord, collection: Mapping[str, str]
) -> dict[str, str]:
    there = await open_visits(connection, record.project, record.stage)
    carried = {origin: there[origin].freight if origin in there else name for origin, name in collection.items()}
    # What left the Stage since the caller looked may have been deleted.
    known = await pinned(connection, record.project, carried.values())
    return {origin: name for origin, name in carried.items() if name in known} | {record.origin: record.freight}


async def _save(connection: AsyncConnection, record: PromotionRecord) -> None:
    claim = rows.values(record)
    kept = {column: claim[column] for column in _CLAIM}
    await connection.execute(sa.update(promotions).where(named(record.project, record.name)).values(kept))
