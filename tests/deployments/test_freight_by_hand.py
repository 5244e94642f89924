"""Freight by hand on the command line: put together, cloned, renamed, deleted, and taken away when it is old."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from deployments.machine import Machine
from flows.collect import collect
from flows.discover import discover
from tests.servers.guestbook import Guestbook, only_test, opened_guestbook
from tests.servers.small import MANUAL, Small, stage
from tests.servers.terminal import done, drayage


def manual(text: str) -> str:
    """Let the example make no Freight by itself, know one tag only, and have the one Stage `test`."""
    subscription = "  freightCreationPolicy: Manual\n  subscriptions:\n  - image:\n      discoveryLimit: 1\n"
    return only_test(text).replace("  subscriptions:\n  - image:\n", subscription)


@pytest.fixture
async def by_hand(machine: Machine, tmp_path: Path) -> AsyncIterator[Guestbook]:
    """The example where people make Freight."""
    async with opened_guestbook(tmp_path, f"byhand-{uuid4().hex[:8]}", manual) as opened:
        yield opened


async def test_freight_from_a_person_to_a_stage(by_hand: Guestbook):
    """It goes on downstream as if it had been discovered; what is in use stays, what is replaced can go."""
    p, repo = ("-p", by_hand.project), f"{by_hand.sandbox.host}/guestbook"
    for tag in ("1.0.0", "1.1.0"):
        await by_hand.push_image(tag)
    await discover(by_hand.project, "guestbook")
    assert await by_hand.here.ledger.freight.list(by_hand.project) == [], "Manual makes nothing by itself"

    create = ("create", "freight", *p, "--warehouse", "guestbook")
    wrong = await drayage(*create, "--image", f"{repo}=1.7.7", "--image", "elsewhere/web=1", "--chart", "x")
    assert (wrong.code, wrong.out) == (1, "")
    assert wrong.err.startswith("Error: 3 problems, no Freight was made:\n")
    assert "has no '1.7.7'; discovered are 1.1.0" in wrong.err

    made = await done(*create, "--image", f"{repo}=1.0.0", "--alias", "first-try", "-o", "json")
    assert (made.json["kind"], made.json["alias"]) == ("Freight", "first-try")
    assert made.json["images"][0]["tag"] == "1.0.0"
    freight = await by_hand.freight("1.0.0")
    assert freight is not None
    await by_hand.verified(freight, "test")
    events = await by_hand.here.ledger.audit.list(by_hand.project, type="FreightCreated")
    assert [(each.actor.partition(":")[0], each.data["alias"]) for each in events] == [("user", "first-try")]

    again = await done(*create, "--image", f"{repo}=1.0.0")
    assert again.out == f"freight/{freight.name} exists already as first-try\n"
    renamed = await done("update", "freight", *p, "--old-alias", "first-try", "--new-alias", "calm-wren")
    assert renamed.out == f"freight/{freight.name} is calm-wren\n"
    assert (await drayage("get", "freight", "first-try", *p)).code == 1
    assert "calm-wren" in (await done("get", "stages", *p)).out

    refused = await drayage("delete", "freight", "calm-wren", *p)
    assert refused.code == 1 and "'calm-wren' is in use and cannot be deleted: Stage 'test' runs it" in refused.err
    cloned = await done("create", "freight", *p, "--from", "calm-wren", "--image", f"{repo}=1.1.0", "-o", "yaml")
    assert "tag: 1.1.0" in cloned.out
    newer = await by_hand.freight("1.1.0")
    assert newer is not None
    await by_hand.verified(newer, "test")
    assert (await done("delete", "freight", "calm-wren", *p)).out == f"freight/{freight.name} (calm-wren) deleted\n"
    assert {each["reason"] for each in (await done("get", "events", *p, "-o", "json")).json["items"]} >= {
        "FreightAliasChanged",
        "FreightDeleted",
    }


async def test_what_is_wrong_is_said_in_a_line(small: Small):
    """Unknown things, aliases that cannot be or are taken, Freight of another Warehouse; and what comes back."""
    small.write(stage("test"), base=MANUAL)
    await small.apply()
    one, two = await small.freight("1.0.0"), await small.freight("1.1.0")
    p = ("-p", small.project)
    for arguments, sentence in (
        (("create", "freight", *p, "--warehouse", "nobody"), "has no Warehouse 'nobody'; it has: configs, images"),
        (("create", "freight", *p, "--from", "nobody"), "has no Freight with the alias or name 'nobody'"),
        (("create", "freight", *p, "--from", one.alias, "--warehouse", "configs"), "cannot be cloned for another"),
        (("create", "freight", *p, "--from", one.alias, "--alias", "no/alias"), "'no/alias' cannot be an alias"),
        (("update", "freight", *p, "--name", one.name, "--new-alias", two.alias), f"belongs to Freight '{two.name}'"),
        (("update", "freight", *p, "--name", "nobody", "--new-alias", "a"), "has no Freight"),
        (("delete", "freight", "nobody", *p), "has no Freight"),
    ):
        ended = await drayage(*arguments)
        assert (ended.code, ended.out) == (1, ""), arguments
        assert ended.err.startswith("Error: ") and sentence in ended.err, (arguments, ended.err)

    warehouses = small.here.ledger.warehouses
    seen = await warehouses.status(small.project, "images")
    await warehouses.record(replace(seen, last_freight=one.name), datetime.now(UTC))
    gone = await done("delete", "freight", one.name[:8], *p)
    assert gone.out.splitlines()[1] == "Warehouse 'images' finds the same still: it comes back with its next discovery"


async def test_old_freight_is_collected(small: Small):
    """Told by a dry run, done by the command and by the flow, which is registered to run every hour."""
    small.write(stage("test"), base=MANUAL)
    await small.apply()
    first = await small.freight("1.0.0")
    past = [replace(first, name=f"{number:040}", alias=f"old-{number}") for number in range(1, 24)]
    for number, each in enumerate(past):
        long_ago = datetime.now(UTC) - timedelta(days=100 + number)
        await small.here.ledger.freight.record(replace(each, discovered_at=long_ago), [], long_ago)

    dry = await done("collect", "-p", small.project, "--dry-run")
    assert dry.out.startswith("DRY RUN, nothing is taken away\n")
    assert [line.split()[3] for line in dry.out.splitlines() if " goes: " in line] == [
        "old-20",
        "old-21",
        "old-22",
        "old-23",
    ]
    assert len(await small.here.ledger.freight.list(small.project)) == 24
    assert len((await done("collect", "-p", small.project)).out.splitlines()) == 5
    assert (await done("collect", "-p", small.project)).err == "nothing is old enough to go\n"

    await small.here.ledger.freight.record(replace(past[-1], discovered_at=long_ago), [], long_ago)
    assert await collect(small.project) == {"Freight": 1}
    deployment = await small.client.read_deployment_by_name("collect/collect")
    assert [each.schedule.interval for each in deployment.schedules] == [timedelta(hours=1)]
