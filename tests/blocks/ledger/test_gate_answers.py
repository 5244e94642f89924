"""What gates answered: a line in the trail for each change, none for the same again."""

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa

from blocks.ledger.audit import PLACES
from blocks.ledger.gate_answers import Decided, gate_answers
from blocks.ledger.records import AuditEvent
from tests.blocks.ledger.samples import at, promotion

SKIP = Decided("p", "test", "Warehouse/app", "skip", "nothing is a candidate", inputs={"rule": "auto-promotion"})
GO = replace(SKIP, answer="promote", sentence="f1 is the candidate", freight="f1")


async def test_only_changes_are_written(ledger, count_statements):
    """However often it is decided; other inputs alone are no other decision."""
    assert await ledger.gates.note([SKIP, GO], at(0)) == [GO]
    with count_statements() as statements:
        assert await ledger.gates.note([GO, replace(GO, stage="prod", answer="promote")], at(1)) != []
    with count_statements() as statements:
        assert await ledger.gates.note([GO, replace(GO, inputs={"rule": "other"})], at(2)) == []
    assert len(statements) == 1
    assert await ledger.gates.note([], at(3)) == []
    assert await ledger.gates.note([SKIP], at(4)) == [SKIP]

    trail = await ledger.audit.list("p", stage="test")
    assert [each.message for each in trail] == ["skip: nothing is a candidate", "promote: f1 is the candidate"]
    assert trail[0].data == {
        "stage": "test",
        "freight": "",
        "answer": "skip",
        "rule": "auto-promotion",
        "origin": "app",
    }
    assert [each.subject for each in trail] == ["Stage/test", "Stage/test"]


async def test_two_sweeps_at_once_write_one_line(ledger):
    """Each change is told once."""
    told = await asyncio.gather(*(ledger.gates.note([GO], at(0)) for _ in range(5)))
    assert sorted(map(len, told)) == [0, 0, 0, 0, 1]
    assert len(await ledger.audit.list("p")) == 1


async def test_pages_show_each_answer_once(ledger):
    """A Stage is to be shown until its page shows its last answer, the longest waiting first; nothing is lost."""
    here, there = GO, replace(GO, stage="prod")
    await ledger.gates.note([there], at(0))
    await ledger.gates.note([here], at(1))
    assert await ledger.gates.fresh(1) == [("p", "prod", at(0))]
    assert await ledger.gates.fresh(9) == [("p", "prod", at(0)), ("p", "test", at(1))]

    await ledger.gates.note([replace(here, answer="skip")], at(2))
    await ledger.gates.shown([("p", "prod", at(0)), ("p", "test", at(1))])
    assert await ledger.gates.fresh(9) == [("p", "test", at(2))], "what was answered while it was shown is not shown"
    await ledger.gates.shown([("p", "test", at(2))])
    await ledger.gates.shown([])
    assert await ledger.gates.fresh(9) == []
    await ledger.gates.note([replace(there, sentence="another")], at(3))
    assert await ledger.gates.fresh(9) == [("p", "prod", at(3))]


async def test_ended_promotions_are_forgotten(ledger, stocked):
    """What was said of one that is over is no answer any more; the trail keeps it."""
    await ledger.promotions.create(promotion("open"))
    about = [replace(GO, about=f"Promotion/{name}", answer="wait") for name in ("open", "gone")]
    await ledger.gates.note(about, at(0))
    await ledger.gates.note([SKIP], at(1))
    async with ledger.database.read() as connection:
        left = (await connection.execute(sa.select(gate_answers.c.about).order_by("about"))).scalars().all()
    assert left == ["Promotion/open", "Warehouse/app"]
    assert len(await ledger.audit.list("p", promotion="gone")) == 1


@pytest.mark.parametrize(
    ("subject", "data", "places"),
    [
        pytest.param("Promotion/a", {"stage": "test", "freight": "f1"}, ("test", "f1", "a"), id="promotion"),
        pytest.param("PromotionRequest/a", {"stage": "test"}, ("test", "", "a"), id="request"),
        pytest.param("Freight/f1", {"stage": "test", "promotion": "a"}, ("test", "f1", "a"), id="verification"),
        pytest.param("Stage/test", {"origin": "x"}, ("test", "", ""), id="stage"),
        pytest.param("Project/p", {"stage": ["no", "text"]}, ("", "", ""), id="odd"),
    ],
)
async def test_what_an_event_is_about(ledger, subject, data, places):
    """Is taken from its subject and its data, and found by that."""
    await ledger.audit.record(AuditEvent("p", "Odd", subject, "ann", "m", at(0), data))
    for place, value in zip(PLACES, places, strict=True):
        assert len(await ledger.audit.list("p", **{place: value})) == 1
        assert await ledger.audit.list("p", **{place: "other"}) == []
    assert await ledger.audit.list("p", since=at(1)) == []
    assert len(await ledger.audit.list("p", since=at(0))) == 1
