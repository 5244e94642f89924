"""Refreshes: whoever says what has changed gets just that looked at, at once, and nobody's word is lost."""

import asyncio
from uuid import uuid4

import pytest

from blocks.errors import NotFound, Refused, Unreachable
from blocks.ledger.warehouses import MOST_REFRESHES
from deployments.refreshes import ask_refresh, ask_refresh_of, wait_for_refresh
from deployments.sandbox.server import Sandbox
from flows.discover import discover
from flows.warehouse.asking import Hint
from flows.warehouse.hints import to_json
from flows.world import opened_world
from tests.flows.place import Place
from tests.servers.guestbook import until


@pytest.fixture
async def place(machine, tmp_path, monkeypatch):
    """A world on a ledger that only this test knows."""
    monkeypatch.setenv("DRAYAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DRAYAGE_LEDGER_URL", f"sqlite:///{tmp_path / 'ledger.db'}")
    async with opened_world() as here, Sandbox(tmp_path / "sandbox") as sandbox:
        yield Place(here, sandbox, f"refresh-{uuid4().hex[:8]}")


async def request(place, name, hint=None):
    """Ask for a look in the ledger, and start nothing."""
    kept = to_json(hint) if hint else None
    return await place.here.ledger.warehouses.request_refresh([(place.project, name)], kept, place.now())


async def status(place, name):
    """What is known of a Warehouse."""
    return await place.here.ledger.warehouses.status(place.project, name)


async def test_a_hinted_tag_costs_three_calls_and_no_time(guestbook):
    """A worker looks at it as soon as it is asked for, and at nothing else; the interval goes on as it was."""
    first, project = await guestbook.push("1.0.1"), guestbook.project
    await wait_for_refresh(
        guestbook.here, project, "guestbook", await ask_refresh(guestbook.here, project, "guestbook")
    )
    before = await guestbook.here.ledger.warehouses.status(project, "guestbook")
    await guestbook.push_image("1.0.2")
    guestbook.sandbox.faults.requests.clear()
    token = await ask_refresh(guestbook.here, project, "guestbook", Hint(tag="1.0.2"))
    async with asyncio.timeout(10):
        after = await wait_for_refresh(guestbook.here, project, "guestbook", token)
    registry = {path: n for path, n in guestbook.sandbox.faults.requests.items() if path.startswith("/v2/guestbook")}
    assert sum(registry.values()) <= 3
    assert "/v2/guestbook/tags/list" not in registry
    fresh = await guestbook.freight("1.0.2")
    assert fresh.name != first.name
    assert (after.discovered_at, after.discovered["discoveredAt"]) == (
        before.discovered_at, before.discovered["discoveredAt"],
    )  # fmt: skip


async def test_everybody_who_watches_a_repository_is_asked_at_once(guestbook):
    """However its URL is spelled; nobody else is."""
    await guestbook.push("1.0.3")
    await guestbook.push_image("1.0.4")
    url = f"{guestbook.sandbox.host}/guestbook".upper()
    (asked,) = await ask_refresh_of(guestbook.here, url, Hint(tag="1.0.4"))
    assert (asked.project, asked.warehouse) == (guestbook.project, "guestbook")
    async with asyncio.timeout(15):
        await wait_for_refresh(guestbook.here, asked.project, asked.warehouse, asked.token)
    assert await guestbook.freight("1.0.4")
    assert await ask_refresh_of(guestbook.here, url, Hint(branch="main")) == []
    assert await ask_refresh_of(guestbook.here, "ghcr.io/nobody/watches", Hint(tag="1.0.4")) == []


async def test_what_it_does_not_concern_is_not_asked(place):
    """A Warehouse whose hint is about nothing it watches has its refresh handled without a call."""
    await place.watch("app", imageSelectionStrategy="Digest", constraint="stable")
    await place.push("app", "stable")
    await discover(place.project)
    before = await status(place, "app")
    place.sandbox.faults.requests.clear()
    token = await request(place, "app", Hint(tag="nightly"))
    assert await discover(refresh=token) == []
    after = await status(place, "app")
    assert place.asked("/v2/") == 0
    assert (after.refresh_handled, after.discovered) == (token, before.discovered)


async def test_many_hints_before_one_look(place):
    """All of them are looked at, once, by whichever run comes first."""
    await place.watch("app", "other")
    for name in ("app", "other"):
        await place.push(name)
    await discover(place.project)
    await place.push("app", "1.1.0")
    await place.push("app", "1.2.0")
    tokens = [await request(place, "app", Hint(tag=tag)) for tag in ("1.2.0", "1.1.0", "1.2.0")]
    assert tokens == sorted(set(tokens))
    place.sandbox.faults.requests.clear()
    await discover(place.project)
    found = await status(place, "app")
    assert found.refresh_handled == tokens[-1]
    assert found.refreshes == []
    assert [each["tag"] for each in found.discovered["images"][0]["references"]] == ["1.2.0", "1.1.0", "1.0.0"]
    assert place.asked("/v2/other") == 0
    assert place.asked("/v2/app/tags") == 0
    asked = place.asked("/v2/app")
    assert await discover(refresh=tokens[0]) == []
    assert place.asked("/v2/app") == asked


async def test_hints_without_end_are_one_look_at_everything(place):
    """The ledger keeps no more than it may; what was pushed is found all the same."""
    await place.watch("app")
    await place.push("app")
    await discover(place.project)
    for number in range(MOST_REFRESHES + 5):
        await request(place, "app", Hint(tag=f"0.0.{number}"))
    assert len((await status(place, "app")).refreshes) < MOST_REFRESHES
    await place.push("app", "1.5.0")
    assert len(await discover(place.project)) == 1


async def test_a_refresh_during_a_look_is_handled_after_it(place):
    """Nobody waits for the next run: who is looking looks again."""
    await place.watch("app")
    await place.push("app")
    place.disturb("/v2/app/tags", kind="delay", seconds=2, times=1)
    running = asyncio.create_task(discover(place.project))

    async def asking():
        return place.asked("/v2/app/tags") == 1

    await until(asking, "the look", 20)
    await place.push("app", "1.1.0")
    token = await request(place, "app", Hint(tag="1.1.0"))
    await running
    found = await status(place, "app")
    assert found.refresh_handled == token
    assert found.discovered["images"][0]["references"][0]["tag"] == "1.1.0"


async def test_a_definition_that_changes_during_a_look(place):
    """What was found by the old one is nobody's; the new one is looked at in its place."""
    await place.watch("app")
    await place.push("app", "1.0.0")
    await place.push("app", "2.0.0")
    place.disturb("/v2/app/tags", kind="delay", seconds=2, times=1)
    running = asyncio.create_task(discover(place.project))

    async def asking():
        return place.asked("/v2/app/tags") == 1

    await until(asking, "the look", 20)
    await place.watch("app", constraint="^2.0.0")
    assert len(await running) == 1
    (freight,) = await place.here.ledger.freight.list(place.project)
    assert freight.content["images"][0]["tag"] == "2.0.0"
    assert (await status(place, "app")).observed_generation == 2


async def test_a_warehouse_that_goes_during_a_look(place):
    """It leaves no Freight."""
    await place.watch("app")
    await place.push("app")
    place.disturb("/v2/app/tags", kind="delay", seconds=2, times=1)
    running = asyncio.create_task(discover(place.project))

    async def asking():
        return place.asked("/v2/app/tags") == 1

    await until(asking, "the look", 20)
    await place.here.ledger.definitions.apply([], [("Warehouse", place.project, "app")], "user:test", place.now())
    assert await running == []
    assert await place.freight() == []


async def test_what_waiting_in_vain_says(place):
    """Whether nobody looks, somebody looks without an end, or the Warehouse is gone."""
    await place.watch("app")
    token = await request(place, "app")

    async def waited(error, words):
        with pytest.raises(error, match=words):
            await wait_for_refresh(place.here, place.project, "app", token, seconds=0.1)

    await waited(Unreachable, "nobody looked at Warehouse 'app' within 0.1 s: check that a worker runs")
    await place.here.ledger.warehouses.claim(place.project, "app", "me", place.now(60), place.now())
    await waited(Unreachable, r"'app' has been looked at since \d\d:\d\d:\d\d UTC without an end after 0.1 s")
    await place.here.ledger.definitions.apply([], [("Warehouse", place.project, "app")], "user:test", place.now())
    await waited(NotFound, "'app' of project '.*' was deleted before anybody looked at it")


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        pytest.param(
            Hint(branch="main"), "no subscription of Warehouse 'app' can find anything new by that", id="kind"
        ),
        pytest.param(Hint(repo_url="ghcr.io/x/y"), "does not watch 'ghcr.io/x/y'; it watches 127.0.0.1:", id="url"),
    ],
)
async def test_a_hint_about_nothing_is_refused(place, hint, words):
    """With what the Warehouse watches, and nothing is asked for."""
    await place.watch("app")
    with pytest.raises(Refused, match=words):
        await ask_refresh(place.here, place.project, "app", hint)
    assert (await status(place, "app")).refreshes == []
