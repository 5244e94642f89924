"""What is gathered about a project with a long past."""

from datetime import UTC, datetime, timedelta

import pytest

from blocks.ledger import rows
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Definition, FreightRecord, Phase, PromotionRecord
from blocks.ledger.tables import freight, promotions
from flows.stage.candidate import Skip
from flows.stage.outlook import FREIGHT, read_outlook

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MANY = FREIGHT + 700
ENABLED = {"promotionPolicies": [{"stageSelector": {"name": "test"}, "autoPromotionEnabled": True}]}
DIRECT = {"requestedFreight": [{"origin": {"name": "w"}, "sources": {"direct": True}}]}
STEPS = {"promotionTemplate": {"spec": {"steps": [{"uses": "fail"}]}}}


def found(number: int) -> FreightRecord:
    """A Freight discovered that many minutes after noon."""
    at = NOON + timedelta(minutes=number)
    return FreightRecord("p", f"f{number:04}", f"alias-{number}", "w", {}, at, at)


def failed(number: int, freight: str) -> PromotionRecord:
    """A failed automatic promotion, asked for that many minutes after noon."""
    at, name = NOON + timedelta(minutes=number), f"test.{number:06}"
    return PromotionRecord("p", name, "test", freight, "w", "controller:drayage", at, phase=Phase.FAILED)


@pytest.fixture
async def ledger(tmp_path):
    """A project with more Freight than is looked at."""
    opened = await Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    defined = [
        Definition("Stage", "p", "test", {"spec": DIRECT | STEPS}),
        Definition("ProjectConfig", "p", "p", {"spec": ENABLED}),
    ]
    await opened.definitions.apply(defined, [], "user:ann", NOON)
    async with opened.database.write() as connection:
        await connection.execute(rows.insert(connection, freight), [rows.values(found(n)) for n in range(MANY)])
    yield opened
    await opened.close()


async def test_a_failure_of_long_ago_still_counts(ledger):
    """The newest Freight failed, then older ones were promoted a thousand times: it is not tried again by itself."""
    newest = found(MANY - 1)
    others = [failed(MANY + n, f"f{n % MANY:04}") for n in range(1, 1_100)]
    async with ledger.database.write() as connection:
        await connection.execute(
            rows.insert(connection, promotions), [rows.values(each) for each in [failed(MANY, newest.name), *others]]
        )

    outlook = await read_outlook(ledger, "p")
    verdicts = outlook.auto_promotion(outlook.pipeline.stage("test"), NOON + timedelta(days=9)).verdicts

    assert verdicts == [
        Skip("w", f"Promotion test.{MANY:06} of {newest.alias} ended Failed; it is not tried again until a person asks")
    ]


async def test_old_freight_is_looked_at_when_it_is_named_or_somewhere(ledger):
    """The newest, those that Stages run, and those asked for; a rollback to old Freight finds where it stands."""
    old, running = found(0), found(1)
    for each, name in ((old, "test.1"), (running, "test.2")):
        await ledger.promotions.create(PromotionRecord("p", name, "test", each.name, "w", "user:ann", NOON))
        await ledger.promotions.start("p", name, "me", NOON, {"w": each.name}, NOON)
        await ledger.promotions.finish("p", name, "me", Phase.SUCCEEDED, "", NOON)
        await ledger.stages.mark_verified("p", "test", {"w": each.name}, "user:ann", "", NOON)

    outlook = await read_outlook(ledger, "p")
    assert len(outlook.freight) == FREIGHT + 1
    assert (running.name in outlook.freight, old.name in outlook.freight) == (True, False)
    outlook = await read_outlook(ledger, "p", also=[old.name])
    assert outlook.freight[old.name] == old
    assert outlook.standings[old.name].verified_in.keys() == {"test"}
