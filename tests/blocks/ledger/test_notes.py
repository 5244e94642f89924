"""Metadata of Freight and Stages, and what steps record."""

from dataclasses import replace

import pytest

from blocks.errors import Invalid, NotFound
from blocks.ledger.notes import LARGEST
from blocks.ledger.records import AuditEvent
from tests.blocks.ledger.samples import at, freight


async def test_freight_by_key(ledger):
    """Keys are merged one by one, the others and the content stay; the same again changes nothing."""
    stored, _ = await ledger.freight.record(freight("a", "merry-otter"), [], at(0))
    changed = [
        await ledger.notes.put_on_freight("p", "a", values, "ann", at(1))
        for values in ({"ticket": "X-1", "risk": {"score": 3}}, {"ticket": "X-2", "none": None}, {"ticket": "X-2"})
    ]

    assert changed == [True, True, False]
    expected = {"ticket": "X-2", "risk": {"score": 3}, "none": None}
    assert await ledger.freight.get("p", "a") == replace(stored, metadata=expected)
    told = await ledger.audit.list("p", type="FreightMetadataChanged")
    assert [(each.subject, each.data["keys"]) for each in told] == [
        ("Freight/a", ["none", "ticket"]),
        ("Freight/a", ["risk", "ticket"]),
    ]
    with pytest.raises(NotFound):
        await ledger.notes.put_on_freight("p", "nope", {"k": 1}, "ann", at(1))


async def test_stages_by_key(ledger):
    """Each Stage of each project has its own; a deleted Stage leaves none."""
    for project, stage, values in (("p", "test", {"a": 1}), ("p", "test", {"b": [2]}), ("q", "test", {"a": 3})):
        assert await ledger.notes.put_on_stage(project, stage, values, "ann", at(0))
    assert not await ledger.notes.put_on_stage("p", "test", {"a": 1}, "ann", at(1))

    assert await ledger.notes.of_stages("p") == {"test": {"a": 1, "b": [2]}}
    await ledger.stages.remove("p", "test", at(2))
    assert await ledger.notes.of_stages("p") == {}
    assert await ledger.notes.of_stages("q") == {"test": {"a": 3}}
    assert len(await ledger.audit.list("p", type="StageMetadataChanged")) == 2


@pytest.mark.parametrize("value", [float("nan"), "x" * LARGEST, object()], ids=["NaN", "too much", "no JSON"])
async def test_what_cannot_be_kept(ledger, value):
    """It is refused, and what was there stays."""
    await ledger.notes.put_on_stage("p", "test", {"a": 1}, "ann", at(0))
    with pytest.raises(Invalid):
        await ledger.notes.put_on_stage("p", "test", {"b": value}, "ann", at(1))
    assert await ledger.notes.of_stages("p") == {"test": {"a": 1}}


async def test_a_step_records_once(ledger):
    """The same step records a type once; another step, type or Promotion is another record."""
    event = AuditEvent("p", "recorded", "Promotion/x", "ann", "checked", at(0), {"step": "step-1"})
    others = [
        replace(event, data={"step": "step-2"}),
        replace(event, type="signed"),
        replace(event, subject="Promotion/y"),
    ]
    recorded = [await ledger.audit.record_once(each) for each in (event, replace(event, at=at(1)), *others)]

    assert recorded == [True, False, True, True, True]
    assert len(await ledger.audit.list("p")) == 4
