"""A Promotion that comes to its Stage is asked all gates again, also when it had begun."""

from datetime import UTC, datetime, timedelta

import pytest

from blocks.ledger.ledger import Ledger
from blocks.ledger.records import Definition, FreightRecord, Phase
from flows.promotion.admission import Wish, admit
from flows.promotion.turn import ask_for_turn

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = timedelta(minutes=1)
STEPS = {"promotionTemplate": {"spec": {"steps": [{"uses": "fail"}]}}}


def stage(name, sources):
    """A Stage that takes Freight of one Warehouse."""
    return Definition(
        "Stage", "p", name, {"spec": {"requestedFreight": [{"origin": {"name": "w"}, "sources": sources}]} | STEPS}
    )


@pytest.mark.parametrize("begun", [False, True], ids=["before-it-began", "taken-over"])
async def test_freight_that_may_no_longer_enter(sqlite_ledger_url, begun):
    """It ends Errored and says why; the Stage stays as it was."""
    ledger = await Ledger.open(sqlite_ledger_url)
    try:
        await ledger.definitions.apply(
            [stage("test", {"direct": True}), stage("prod", {"direct": True})], [], "a", NOON
        )
        await ledger.freight.record(FreightRecord("p", "f1", "old-kiwi", "w", {}, NOON, NOON), [], NOON)
        record = await admit(ledger, Wish("p", "prod", "user:ann", "f1"), NOON, "01")
        if begun:
            record = await ask_for_turn(ledger, record, ("one", LEASE), NOON)
            assert record.phase is Phase.RUNNING
        await ledger.definitions.apply([stage("prod", {"stages": ["test"]})], [], "a", NOON)

        ended = await ask_for_turn(ledger, record, ("two", LEASE), NOON + 2 * LEASE)

        said = "old-kiwi may no longer enter: old-kiwi is not yet verified in 'test'"
        assert (ended.phase, ended.message) == (Phase.ERRORED, said)
        assert await ledger.stages.current("p", "prod") == {}
    finally:
        await ledger.close()
