"""Freight: recorded once, found by name, alias or abbreviation."""

from dataclasses import replace

import pytest

from blocks.errors import Conflict, NotFound, Refused
from blocks.ledger.passings import Passing
from blocks.ledger.records import Standing
from tests.blocks.ledger.samples import ORIGIN, OTHER, at, freight, promote, promotion

A, B = "aaaa1111" + "0" * 32, "aaaa2222" + "0" * 32


async def record(ledger, name, *aliases, **other):
    return await ledger.freight.record(freight(name, **other), aliases, at(0))


async def test_recording_twice_changes_nothing(ledger):
    """The first record stays, with its alias and its time."""
    first, new = await record(ledger, A, "merry-otter")
    again, newer = await record(ledger, A, "brave-hare", minutes=5)

    assert (new, newer) == (True, False)
    assert again == first == await ledger.freight.get("p", A)
    assert [e.type for e in await ledger.audit.list("p")] == ["FreightCreated"]


async def test_the_first_free_alias_is_taken(ledger):
    """Aliases are unique in a project, and only there."""
    await record(ledger, A, "merry-otter")

    assert (await record(ledger, B, "merry-otter", "brave-hare"))[0].alias == "brave-hare"
    other = replace(freight(A), project="q")
    assert (await ledger.freight.record(other, ["merry-otter"], at(0)))[0].alias == "merry-otter"


async def test_when_every_alias_is_taken_the_name_makes_one(ledger):
    """Freight is never lost for want of an alias."""
    await record(ledger, A, "merry-otter")

    assert (await record(ledger, B, "merry-otter"))[0].alias == f"merry-otter-{B}"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(A, A, id="name"),
        pytest.param("merry-otter", A, id="alias"),
        pytest.param("aaaa1", A, id="abbreviation"),
        pytest.param("aaaa", None, id="ambiguous"),
        pytest.param("aaa", None, id="too-short"),
        pytest.param("aaaa%", None, id="no-wildcard"),
        pytest.param("AAAA1", None, id="case-matters"),
        pytest.param("", None, id="nothing"),
    ],
)
async def test_finding_by_name_alias_or_abbreviation(ledger, asked, expected):
    """An abbreviation has four characters at least and must mean one Freight only."""
    await record(ledger, A, "merry-otter")
    await record(ledger, B, "brave-hare")

    found = await ledger.freight.get("p", asked)

    assert (found and found.name) == expected


async def test_a_name_goes_before_an_alias(ledger):
    """When one Freight's alias is another's name, the name wins."""
    await record(ledger, A, B)
    await record(ledger, B, "brave-hare")

    assert (await ledger.freight.get("p", B)).name == B


async def test_lists_are_newest_discovered_first(ledger):
    """By time of discovery, then by name, both descending; of one origin where asked."""
    for name, minutes, origin in (("f1", 1, ORIGIN), ("f3", 2, ORIGIN), ("f2", 2, ORIGIN), ("c1", 9, OTHER)):
        await record(ledger, name, f"alias-{name}", minutes=minutes, origin=origin)

    assert [f.name for f in await ledger.freight.list("p")] == ["c1", "f3", "f2", "f1"]
    assert [f.name for f in await ledger.freight.list("p", origin=ORIGIN, limit=2)] == ["f3", "f2"]
    assert set(await ledger.freight.many("p", ["f1", "c1", "nope"])) == {"f1", "c1"}


async def test_an_alias_can_be_changed(ledger):
    """To a free one only; the change is told once."""
    await record(ledger, A, "merry-otter")
    await record(ledger, B, "brave-hare")

    await ledger.freight.set_alias("p", A, "calm-wren", "ann", at(1))
    await ledger.freight.set_alias("p", A, "calm-wren", "ann", at(2))

    assert (await ledger.freight.get("p", "calm-wren")).name == A
    assert [e.at for e in await ledger.audit.list("p", type="FreightAliasChanged")] == [at(1)]
    with pytest.raises(Conflict, match="brave-hare"):
        await ledger.freight.set_alias("p", A, "brave-hare", "ann", at(3))
    with pytest.raises(NotFound, match="nope"):
        await ledger.freight.set_alias("p", "nope", "x", "ann", at(3))


async def test_deleting_takes_approvals_and_stays_along(ledger):
    """The same content found again is new: nothing is known of it. The trail keeps what it was."""
    await record(ledger, A, "merry-otter")
    await ledger.stages.approve("p", "prod", A, "ann", at(1))
    await ledger.stages.pass_through([Passing("p", "gate", A, ORIGIN)], at(1))

    assert (await ledger.freight.delete("p", A, "ann", at(2))).alias == "merry-otter"

    assert await ledger.freight.get("p", "merry-otter") is None
    told = (await ledger.audit.list("p"))[0]
    assert (told.type, told.actor, told.data["content"]) == ("FreightDeleted", "ann", freight(A).content)
    assert (await record(ledger, A, "merry-otter", minutes=3))[1]
    assert (await ledger.stages.standings("p", [A]))[A] == Standing()
    with pytest.raises(NotFound, match="nope"):
        await ledger.freight.delete("p", "nope", "ann", at(2))


async def test_what_is_in_use_cannot_be_deleted(ledger):
    """Neither what a Stage runs, alone or with others, nor what is on its way; the sentence says all of it."""
    await record(ledger, A, "merry-otter")
    await record(ledger, B, "brave-hare", origin=OTHER)
    await promote(ledger, "a", A)
    await promote(ledger, "b", B, minutes=1, origin=OTHER)
    await ledger.promotions.create(promotion("c", A, stage="prod", minutes=2))

    with pytest.raises(Refused, match=r"in use .*: Stage 'test' runs it, Promotion 'c' to Stage 'prod'"):
        await ledger.freight.delete("p", A, "ann", at(2))
    with pytest.raises(Refused, match="Stage 'test' runs it"):
        await ledger.freight.delete("p", B, "ann", at(2))
    assert set(await ledger.freight.many("p", [A, B])) == {A, B}


async def test_freight_that_was_replaced_can_be_deleted(ledger):
    """Though a Stage could go back to it: people may know better."""
    await record(ledger, A, "merry-otter")
    await record(ledger, B, "brave-hare")
    await promote(ledger, "a", A)
    await promote(ledger, "b", B, minutes=1)

    await ledger.freight.delete("p", A, "ann", at(2))

    assert [visit.freight for visit in await ledger.stages.visits("p", "test")] == [B]


async def test_an_alias_that_was_asked_for_is_given_or_refused(ledger):
    """A person's word is not changed silently."""
    await record(ledger, A, alias="merry-otter")

    with pytest.raises(Conflict, match=f"alias 'merry-otter' belongs to Freight '{A}'"):
        await record(ledger, B, "brave-hare", alias="merry-otter")
    assert (await record(ledger, B, "brave-hare", alias="calm-wren"))[0].alias == "calm-wren"


async def test_nothing_is_promoted_or_approved_that_was_deleted(ledger):
    """Who asks at that moment is told."""
    with pytest.raises(NotFound, match="deleted meanwhile"):
        await ledger.promotions.create(promotion("a", A))
    with pytest.raises(NotFound, match="deleted meanwhile"):
        await ledger.stages.approve("p", "prod", A, "ann", at(1))
    assert not await ledger.stages.pass_through([Passing("p", "gate", A, ORIGIN)], at(1))
    assert await ledger.audit.list("p") == []
