"""What the trail tells of changes, whatever else was collected."""

from blocks.ledger.records import AuditEvent
from tests.blocks.ledger.samples import at


async def put(ledger, minute, type, stage="prod", freight="f1", promotion="a", **more):
    """Write one event."""
    data = {"stage": stage, "freight": freight, "promotion": promotion, **more}
    await ledger.audit.record(AuditEvent("p", type, f"Promotion/{promotion}", "ann", "m", at(minute), data))


async def test_changes(ledger):
    """Only what ended, of one Stage where given, in the order of time, without single targets; the newest of many."""
    for minute, type, stage in [(1, "PromotionSucceeded", "test"), (2, "PromotionCreated", "prod")]:
        await put(ledger, minute, type, stage)
    await put(ledger, 3, "PromotionFailed")
    await put(ledger, 4, "PromotionSucceeded", promotion="child", target="eu")
    await put(ledger, 5, "FreightVerificationSucceeded", promotion="a")
    await put(ledger, 6, "PromotionSucceeded", freight="f2", promotion="b")

    def told(found):
        return [(each.stage, each.type, each.freight, each.promotion) for each in found]

    every = await ledger.changes.list("p", at(0))
    assert told(every) == [
        ("test", "PromotionSucceeded", "f1", "a"),
        ("prod", "PromotionFailed", "f1", "a"),
        ("prod", "FreightVerificationSucceeded", "f1", "a"),
        ("prod", "PromotionSucceeded", "f2", "b"),
    ]
    assert await ledger.changes.list("p", at(5), "prod") == every[2:]
    assert await ledger.changes.list("p", at(0), limit=1) == every[-1:]
    assert await ledger.changes.list("q", at(0)) == []
    assert await ledger.changes.first_deployed("p", ["f1", "f2"]) == {("test", "f1"): at(1), ("prod", "f2"): at(6)}
    assert await ledger.changes.found("p", ["f1"]) == {}
    await ledger.audit.record(AuditEvent("p", "FreightCreated", "Freight/f1", "ann", "m", at(0)))
    assert await ledger.changes.found("p", ["f1", "f2"]) == {"f1": at(0)}
