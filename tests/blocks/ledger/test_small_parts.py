"""Warehouse statuses, the trail, the cache and leases."""

from dataclasses import replace
from datetime import datetime

import pytest
import sqlalchemy as sa

from blocks.ledger import cache as cache_module
from blocks.ledger.records import AuditEvent, WarehouseStatus
from blocks.ledger.tables import audit
from tests.blocks.ledger.samples import at


async def test_a_refresh_asked_for_meanwhile_is_not_lost(ledger):
    """Discovery writes what it saw and leaves the latest wish alone."""
    assert await ledger.warehouses.status("p", "w") == WarehouseStatus("p", "w")
    one = await ledger.warehouses.request_refresh([("p", "w")], {"tag": "1"}, at(0))
    seen = await ledger.warehouses.status("p", "w")
    two = await ledger.warehouses.request_refresh([("p", "w")], {"tag": "2"}, at(1))
    found = {"images": [{"repoURL": "x"}]}

    await ledger.warehouses.record(
        replace(seen, observed_generation=3, discovered_at=at(2), discovered=found, refresh_handled=one), at(2)
    )

    stored = await ledger.warehouses.status("p", "w")
    assert (stored.refresh_requested, stored.refresh_handled) == (two, one)
    assert stored.refreshes == [{"token": two, "hint": {"tag": "2"}}]
    assert (stored.observed_generation, stored.discovered_at, stored.discovered) == (3, at(2), found)


async def test_a_status_recorded_first_has_no_refresh(ledger):
    """Discovery may come before any wish."""
    await ledger.warehouses.record(WarehouseStatus("p", "w", refresh_requested="not mine"), at(0))
    await ledger.warehouses.record(WarehouseStatus("q", "w"), at(0))

    assert (await ledger.warehouses.status("p", "w")).refresh_requested == ""
    assert set(await ledger.warehouses.statuses()) == {("p", "w"), ("q", "w")}
    assert set(await ledger.warehouses.statuses("q")) == {("q", "w")}


async def test_one_sensor_discovers_a_warehouse(ledger):
    """Until it releases, or its claim lapses."""
    warehouses = ledger.warehouses
    assert await warehouses.claim("p", "w", "one", at(5), at(0))
    assert not await warehouses.claim("p", "w", "two", at(5), at(1))
    assert await warehouses.claim("p", "v", "two", at(5), at(1))
    await warehouses.release("p", "w", "one")

    assert await warehouses.claim("p", "w", "two", at(5), at(1))
    assert await warehouses.claim("p", "w", "three", at(9), at(5))


async def test_living_leases(ledger):
    """Only those asked for, claimed and not lapsed are named."""
    leases = ledger.leases
    await leases.take("one", "me", at(2), at(0))
    await leases.take("two", "me", at(1), at(0))
    await leases.take("three", "me", at(2), at(0))

    assert await leases.living(["one", "two", "four"], at(1)) == {"one"}
    assert await leases.living([], at(0)) == set()


async def test_leases(ledger):
    """The owner renews, another waits, and dropping what is another's does nothing."""
    leases = ledger.leases
    assert await leases.take("sweep", "one", at(1), at(0))
    assert await leases.take("sweep", "one", at(2), at(0.5))
    assert not await leases.take("sweep", "two", at(3), at(1.5))
    await leases.drop("sweep", "two")
    assert not await leases.take("sweep", "two", at(3), at(1.5))
    await leases.drop("sweep", "one")

    assert await leases.take("sweep", "two", at(3), at(1.5))


async def test_the_trail_is_read_newest_first(ledger):
    """By project, type or subject, with a limit; an event keeps its data."""
    for number, (project, type, subject) in enumerate([("p", "A", "x"), ("q", "A", "x"), ("p", "B", "y")]):
        await ledger.audit.record(AuditEvent(project, type, subject, "ann", "m", at(number), {"n": number}))

    assert [e.data["n"] for e in await ledger.audit.list()] == [2, 1, 0]
    assert [e.data["n"] for e in await ledger.audit.list("p")] == [2, 0]
    assert [e.data["n"] for e in await ledger.audit.list("p", type="A")] == [0]
    assert [e.data["n"] for e in await ledger.audit.list(subject="x", limit=1)] == [1]


async def test_what_was_said_last_is_no_news(ledger):
    """An event counts as said only by the same actor, of the same type and about the same subject."""
    first = AuditEvent("p", "Refused", "Stage/test", "me", "closed", at(0))
    others = [replace(first, **{name: "other"}) for name in ("project", "type", "subject", "actor")]
    said = [first, replace(first, at=at(1)), *others, first, replace(first, message="frozen"), first]
    assert [await ledger.audit.record_news(each) for each in said] == [True, False, *[True] * 4, False, True, True]
    assert len(await ledger.audit.list()) == 7


@pytest.mark.parametrize(
    "change", [sa.update(audit).values(actor="nobody"), sa.delete(audit)], ids=["update", "delete"]
)
async def test_the_trail_cannot_be_rewritten(ledger, change):
    """The database itself forbids it."""
    await ledger.audit.record(AuditEvent("p", "A", "x", "ann", "m", at(0)))

    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        async with ledger.database.write() as connection:
            await connection.execute(change)

    assert [e.actor for e in await ledger.audit.list()] == ["ann"]


async def test_the_cache_keeps_what_was_put(ledger):
    """By scope and key; what is unknown is left out; a later value replaces."""
    await ledger.cache.put("repo", {"v1": {"a": 1}, "v2": None}, at(0))
    await ledger.cache.put("repo", {"v1": [2]}, at(1))
    await ledger.cache.put("repo", {})

    assert await ledger.cache.get("repo", ["v1", "v2", "v3"]) == {"v1": [2], "v2": None}
    assert await ledger.cache.get("other", ["v1"]) == {}


async def test_the_cache_lets_the_oldest_go(ledger, monkeypatch):
    """Beyond its limit, in this scope only."""
    monkeypatch.setattr(cache_module, "SCOPE_LIMIT", 3)
    await ledger.cache.put("other", {"k": 1}, at(0))
    for number in range(5):
        await ledger.cache.put("repo", {f"v{number}": number}, at(number))

    assert sorted(await ledger.cache.get("repo", [f"v{n}" for n in range(5)])) == ["v2", "v3", "v4"]
    assert await ledger.cache.get("other", ["k"]) == {"k": 1}


async def test_ten_thousand_keys_at_once(ledger):
    """Longer lists than a statement takes are cut."""
    keys = [f"v{number}" for number in range(12_000)]
    await ledger.cache.put("repo", dict.fromkeys(keys, 1), at(0))

    assert len(await ledger.cache.get("repo", keys)) == 12_000


async def test_a_naive_time_is_refused(ledger):
    """Nobody knows what it means."""
    with pytest.raises(sa.exc.StatementError, match="aware times only"):
        await ledger.leases.take("a", "o", datetime(2026, 1, 1), at(0))
