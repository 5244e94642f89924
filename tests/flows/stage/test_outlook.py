"""What is gathered about a project with a long past."""

from datetime import UTC, datetime, timedelta

import pytest

from blocks.ledger import rows
from blocks.ledger.ledger import Ledger
from blocks.ledger.passings import Passing
from blocks.ledger.records import EVERYWHERE, Definition, Freeze, FreightRecord, Phase, PromotionRecord
from blocks.ledger.tables import freight, promotions
from flows.stage.availability import Available, Unavailable, available
from flows.stage.candidate import Promote, Skip
from flows.stage.outlook import FREIGHT, read_outlook
from flows.stage.outlooks import read_outlooks

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
async def ledger(sqlite_ledger_url):
    """A project with more Freight than is looked at."""
    opened = await Ledger.open(sqlite_ledger_url)
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
    assert outlook.freight.keys() - {found(n).name for n in range(MANY - FREIGHT, MANY)} == {old.name, running.name}
    assert outlook.standings[old.name].verified_in.keys() == {"test"}
    outlook = await read_outlook(ledger, "p", also=[found(5).name])
    assert outlook.freight[found(5).name] == found(5)


async def test_old_freight_that_was_approved_is_a_candidate(ledger):
    """However much newer Freight there is that may not enter."""
    below = {"requestedFreight": [{"origin": {"name": "w"}, "sources": {"stages": ["test"]}}]}
    own = {"promotionPolicies": [{"stageSelector": {"name": "prod"}, "autoPromotionEnabled": True}]}
    defined = [
        Definition("Stage", "p", "prod", {"spec": below | STEPS}),
        Definition("ProjectConfig", "p", "p", {"spec": own}),
    ]
    await ledger.definitions.apply(defined, [], "user:ann", NOON)
    await ledger.stages.approve("p", "prod", found(3).name, "user:ann", NOON)

    outlook = await read_outlook(ledger, "p")
    (verdict,) = outlook.auto_promotion(outlook.pipeline.stage("prod"), NOON + timedelta(days=9)).verdicts

    assert isinstance(verdict, Promote)
    assert verdict.freight == found(3)


async def test_freight_soaks_in_a_control_flow_stage_from_when_it_passed(ledger):
    """It never is in such a Stage, and never leaves it."""
    soaking = {"stages": ["gate"], "requiredSoakTime": "1h"}
    below = {"requestedFreight": [{"origin": {"name": "w"}, "sources": soaking}]}
    defined = [
        Definition("Stage", "p", "gate", {"spec": DIRECT}),
        Definition("Stage", "p", "prod", {"spec": below | STEPS}),
    ]
    await ledger.definitions.apply(defined, [], "user:ann", NOON)
    newest = found(MANY - 1)
    at = newest.discovered_at + timedelta(minutes=1)
    await ledger.stages.pass_through([Passing("p", "gate", newest.name, "w")], at)

    outlook = await read_outlook(ledger, "p")
    prod, standing = outlook.pipeline.stage("prod").spec, outlook.standings[newest.name]
    early = available("p", "prod", prod, newest, standing, at + timedelta(minutes=59))
    later = available("p", "prod", prod, newest, standing, at + timedelta(hours=1))

    assert isinstance(early, Unavailable)
    assert early.until == at + timedelta(hours=1)
    assert isinstance(later, Available)


@pytest.mark.parametrize("project", ["p", EVERYWHERE])
async def test_nothing_enters_by_itself_while_a_freeze_lasts(ledger, project):
    """Neither as one project is read nor as all are; when its time is over, what was held may enter."""
    until = NOON + timedelta(days=10)
    await ledger.freezes.freeze(Freeze(project, "audit", "user:bob", NOON, until))
    each = await read_outlook(ledger, "p")
    await ledger.definitions.apply([Definition("Project", "", "p", {})], [], "user:ann", NOON)
    every = (await read_outlooks(ledger, NOON))["p"]

    for outlook in (each, every):
        stage = outlook.pipeline.stage("test")
        (held,) = outlook.auto_promotion(stage, until - timedelta(seconds=1)).verdicts
        (free,) = outlook.auto_promotion(stage, until).verdicts
        assert isinstance(held, Skip)
        assert "frozen by user:bob" in held.sentence
        assert isinstance(free, Promote)
