"""Records for tests, and times around a fixed noon."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from blocks.ledger import rows, tables
from blocks.ledger.ledger import Ledger
from blocks.ledger.promotion_claims import Started
from blocks.ledger.records import (
    FreightRecord,
    Phase,
    PromotionRecord,
    VerificationPhase,
    VerificationRecord,
)

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
ORIGIN = "Warehouse/guestbook"
OTHER = "Warehouse/config"


def at(minutes: float) -> datetime:
    """Minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def freight(name: str, alias: str = "", origin: str = ORIGIN, minutes: float = 0, **other) -> FreightRecord:
    """A Freight discovered some minutes after noon."""
    content = other.pop("content", {"images": [{"repoURL": "example/guestbook", "tag": name}]})
    return FreightRecord("p", name, alias, origin, content, at(minutes), at(minutes), **other)


def promotion(name: str, freight: str = "f1", stage: str = "test", minutes: float = 0, **other) -> PromotionRecord:
    """A pending promotion asked for some minutes after noon."""
    origin = other.pop("origin", ORIGIN)
    return PromotionRecord("p", name, stage, freight, origin, "email:ann@example.com", at(minutes), **other)


def verification(id: str, collection: dict[str, str], stage: str = "test", minutes: float = 0) -> VerificationRecord:
    """A pending verification."""
    return VerificationRecord("p", stage, id, collection, "", "controller:verify", at(minutes))


async def stock(ledger: Ledger) -> None:
    """Put Freight on the shelf as if it had always been there: promotions and approvals need Freight to be about."""
    names = {ORIGIN: [f"f{number}" for number in range(100)], OTHER: [f"c{number}" for number in range(100)]}
    lines = [rows.values(freight(name, name, origin)) for origin, some in names.items() for name in some]
    async with ledger.database.write() as connection:
        await connection.execute(sa.insert(tables.freight), lines)


async def promote(ledger: Ledger, name: str, freight: str, stage: str = "test", minutes: float = 0, **other) -> None:
    """Carry a promotion through to success at that minute."""
    record = await ledger.promotions.create(promotion(name, freight, stage, minutes, **other))
    started = await start(ledger, name, collection={record.origin: freight}, minutes=minutes)
    assert isinstance(started, Started), started
    await ledger.promotions.finish("p", name, "run", Phase.SUCCEEDED, "done", at(minutes))


async def start(ledger: Ledger, name: str, owner: str = "run", minutes: float = 0, **other):
    """Start a promotion with a lease of one minute."""
    collection = other.pop("collection", {ORIGIN: "f1"})
    return await ledger.promotions.start("p", name, owner, at(minutes + 1), collection, at(minutes), **other)


async def verify(ledger: Ledger, id: str, collection: dict[str, str], minutes: float, stage: str = "test", **other):
    """Carry a verification through to its end at that minute."""
    phase = other.pop("phase", VerificationPhase.SUCCESSFUL)
    await ledger.verifications.create(verification(id, collection, stage, minutes))
    assert await ledger.verifications.claim("p", id, "run", at(minutes + 1), at(minutes))
    return await ledger.verifications.finish("p", id, "run", phase, "measured", [{"name": "m"}], at(minutes))
