"""All projects read at once decide what each Stage's own reading decides, in queries that do not grow."""

import contextlib
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.ledger import rows
from blocks.ledger.ledger import Ledger
from blocks.ledger.overview import NEWEST
from blocks.ledger.passings import Passing
from blocks.ledger.records import CONTROLLER, Definition, Freeze, FreightRecord, Hold, Phase, PromotionRecord
from blocks.ledger.tables import approvals, definitions, freezes, freight, holds, promotions, visits
from flows.advance import all_passed_through, find_ready
from flows.stage.outlook import Outlook, read_outlook
from flows.stage.outlooks import read_outlooks
from flows.stage.pipeline import build_pipeline, read_pipelines
from tests.blocks.ledger.conftest import count_statements, ledger, url
from tests.servers.postgres import postgres_ledger_url, postgres_server

__all__ = ["count_statements", "ledger", "postgres_ledger_url", "postgres_server", "url"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEPS = {"promotionTemplate": {"spec": {"steps": [{"uses": "fail"}]}}}
ORIGINS = ("w", "x")
TABLES = (definitions, freight, visits, approvals, holds, promotions, freezes)
MANY = 3 * NEWEST


def sources(random: Random, upstream: list[str]) -> dict[str, Any]:
    """From where a Stage takes Freight."""
    if not upstream or random.random() < 0.2:
        return {"direct": True}
    some = random.sample(upstream, random.randint(1, min(3, len(upstream))))
    found: dict[str, Any] = {"stages": some}
    if random.random() < 0.3:
        found["requiredSoakTime"] = "30m"
    if random.random() < 0.3:
        found["availabilityStrategy"] = "All"
    elif len(some) == 1 and random.random() < 0.4:
        found["autoPromotionOptions"] = {"selectionPolicy": "MatchUpstream"}
    return found


def defined(random: Random, project: str) -> list[Definition]:
    """A project with a few Stages below each other, some of them control-flow."""
    found = [Definition("Project", "", project, {"metadata": {"name": project}})]
    names: list[str] = []
    for number in range(random.randint(2, 6)):
        origins = random.sample(ORIGINS, random.randint(1, 2))
        requests = [{"origin": {"name": origin}, "sources": sources(random, names)} for origin in origins]
        spec = {"requestedFreight": requests} | ({} if random.random() < 0.25 else STEPS)
        found.append(Definition("Stage", project, f"s{number}", {"spec": spec}))
        names.append(f"s{number}")
    policy = {"stageSelector": {"name": random.choice(["regex:.", "regex:[0-3]", "s1"])}, "autoPromotionEnabled": True}
    window = {"name": "shut", "kind": "Deny", "dtstart": "20260301T000000Z", "dtend": "20260302T000000Z"}
    config: dict[str, Any] = {"promotionPolicies": [policy]}
    if random.random() < 0.1:
        config["promotionWindows"] = [window | {"stageSelector": {"name": "s2"}}]
    return [*found, Definition("ProjectConfig", project, project, {"spec": config})]


def moment(random: Random, number: int) -> datetime:
    """When the Freight of a number was found; some are found at the same time."""
    return NOON - timedelta(hours=2) + timedelta(minutes=number - random.random() * 0.4 // 0.2)


def past(random: Random, project: str, stages: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Freight and what became of it, as chance has it."""
    lines: dict[str, list[dict[str, Any]]] = {table.name: [] for table in TABLES}
    serial = 0
    for origin in ORIGINS:
        known = [
            FreightRecord(project, f"{project}{origin}{n:03}", f"{origin}-{n}", origin, {"images": [n]}, at, at)
            for n in range(random.randint(0, MANY))
            for at in [moment(random, n)]
        ]
        lines["freight"] += [rows.values(each) for each in known]
        for stage in stages:
            there = random.choice(known).name if known and random.random() < 0.7 else ""
            for each in random.sample(known, random.randint(0, len(known))):
                serial += 1
                lines["visits"] += stays(random, each, stage, there == each.name, serial)
                lines["promotions"] += promoted(random, each, stage, serial)
            for each in random.sample(known, min(len(known), random.choice([0, 0, 1]))):
                approved = {"project": project, "freight": each.name, "stage": stage, "actor": "user:ann"}
                lines["approvals"].append(approved | {"approved_at": NOON})
            if known and random.random() < 0.1:
                held = Hold(project, stage, origin, random.choice(known).name, "", "user:ann", NOON)
                lines["holds"].append(rows.values(held))
    if random.random() < 0.1:
        lines["freezes"].append(rows.values(Freeze(project, "audit", "user:ann", NOON, None)))
    return lines


def stays(random: Random, each: FreightRecord, stage: str, there: bool, serial: int) -> list[dict[str, Any]]:
    """One stay, of what is there now or has left, verified or not, long or short."""
    entered = NOON - timedelta(minutes=random.choice([5, 50]))
    left = None if there else entered + timedelta(minutes=random.choice([1, 40]))
    verified = entered if random.random() < 0.6 else None
    line = {"project": each.project, "stage": stage, "origin": each.origin, "freight": each.name}
    return [
        line
        | {
            "promotion": f"{stage}.{serial:06}",
            "entered_at": entered,
            "verified_at": verified,
            "left_at": left,
            "soak": (left - entered).total_seconds() if left and verified else None,
            "removed_at": NOON if left and random.random() < 0.1 else None,
        }
    ]


def promoted(random: Random, each: FreightRecord, stage: str, serial: int) -> list[dict[str, Any]]:
    """What brought it, mostly a success; at most one of a Stage may run, so none does."""
    if random.random() < 0.2:
        return []
    phases = [Phase.SUCCEEDED] * 4 + [Phase.FAILED, Phase.ABORTED, Phase.PENDING]
    actor, intent = random.choice([(CONTROLLER, ""), ("user:ann", "hold"), ("user:ann", "resume")])
    record = PromotionRecord(
        each.project,
        f"{stage}.{serial:06}",
        stage,
        each.name,
        each.origin,
        actor,
        NOON - timedelta(hours=9) + timedelta(minutes=serial),
        phase=random.choice(phases),
        steps=[{"uses": "fail"}],
        intent=intent,
    )
    return [rows.values(record)]


async def fill(ledger: Ledger, random: Random, projects: int) -> list[str]:
    """Make the ledger hold nothing but random projects."""
    names = [f"p{number}" for number in range(projects)]
    known = {name: defined(random, name) for name in names}
    async with ledger.database.write() as connection:
        for table in TABLES:
            await connection.execute(sa.delete(table))
        for name, manifests in known.items():
            stamp = {"created_at": NOON, "updated_at": NOON}
            lines = past(random, name, [each.name for each in manifests if each.kind == "Stage"])
            lines["definitions"] = [rows.values(each) | stamp for each in manifests]
            for table in TABLES:
                if lines[table.name]:
                    await connection.execute(rows.insert(connection, table), lines[table.name])
    return names


def decisions(outlook: Outlook) -> dict[str, list[Any]]:
    """What enters each Stage by itself, what holds it and what passes it, by names and sentences."""
    found: dict[str, list[Any]] = {}
    for name, stage in outlook.pipeline.stages.items():
        if stage.control_flow:
            found[name] = sorted(each.name for each in outlook.passable(stage, NOON))
            continue
        decided = outlook.auto_promotion(stage, NOON)
        verdicts = [(type(each).__name__, each.origin, *_said(each)) for each in decided.verdicts]
        found[name] = [decided.enabled, decided.held, *verdicts]
    return found


def _said(verdict: Any) -> list[str]:
    return [str(getattr(verdict, "sentence", "")), str(getattr(getattr(verdict, "freight", None), "name", ""))]


@pytest.fixture
async def sqlite_ledger(tmp_path: Path) -> Any:
    """A ledger for many examples."""
    opened = await Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield opened
    await opened.close()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(min_value=0, max_value=10**9))
async def test_all_at_once_decides_what_each_alone_decides(sqlite_ledger: Ledger, seed: int):
    """Whatever the pipelines and their past: no verdict, sentence, hold or passing differs."""
    names = await fill(sqlite_ledger, Random(seed), 3)
    together = await read_outlooks(sqlite_ledger, NOON)
    assert list(together) == names
    for name in names:
        apart = await read_outlook(sqlite_ledger, name)
        alone = await read_outlooks(sqlite_ledger, NOON, name)
        assert decisions(together[name]) == decisions(apart) == decisions(alone[name])


async def test_both_databases_decide_alike(ledger: Ledger):
    """Some of the same on PostgreSQL too."""
    for seed in range(8):
        for name in await fill(ledger, Random(seed), 3):
            outlooks = await read_outlooks(ledger, NOON)
            assert decisions(outlooks[name]) == decisions(await read_outlook(ledger, name))


async def test_an_outlook_misses_nothing_but_contents(ledger: Ledger):
    """Each field is filled as when a project is read alone: whoever adds one fills it in both places."""
    [name] = await fill(ledger, Random(7), 1)
    await ledger.freezes.freeze(Freeze(name, "audit", "user:ann", NOON, None))
    alone, together = await read_outlook(ledger, name), (await read_outlooks(ledger, NOON))[name]
    for each in fields(Outlook):
        filled = bool(getattr(alone, each.name)), bool(getattr(together, each.name))
        assert filled[0] == filled[1], f"{each.name} is filled in one reading only"
    assert await read_pipelines(ledger, [name, "none"]) == {name: alone.pipeline, "none": build_pipeline("none", [])}
    assert (alone.pipeline, alone.currents, alone.holds) == (together.pipeline, together.currents, together.holds)
    assert alone.freezes == together.freezes


Counting = Callable[[], contextlib.AbstractContextManager[list[str]]]


async def test_the_queries_do_not_grow(ledger: Ledger, count_statements: Counting):
    """Twenty projects take as many queries as two, and so does any number of Freight that passes or enters."""
    counts = []
    for projects in (2, 20):
        await fill(ledger, Random(3), projects)
        with count_statements() as seen:
            await read_outlooks(ledger, NOON)
        counts.append(len(seen))
    assert max(counts) <= 15, seen
    assert counts[1] <= counts[0] + 5


async def test_what_passes_everywhere_passes_in_few_statements(ledger: Ledger, count_statements: Counting):
    """Sixty projects with a control-flow Stage each: all Freight passes in one transaction, not one by one."""
    spec = {"requestedFreight": [{"origin": {"name": "w"}, "sources": {"direct": True}}]}
    names = [f"p{number:02}" for number in range(60)]
    manifests = [Definition("Project", "", name, {"metadata": {"name": name}}) for name in names]
    manifests += [Definition("Stage", name, "gate", {"spec": spec}) for name in names]
    await ledger.definitions.apply(manifests, [], "user:ann", NOON)
    found = [FreightRecord(name, f"{name}-f{n}", f"a{n}", "w", {}, NOON, NOON) for name in names for n in range(3)]
    async with ledger.database.write() as connection:
        await connection.execute(rows.insert(connection, freight), [rows.values(each) for each in found])

    with count_statements() as seen:
        outlooks = await all_passed_through(ledger, NOON)
    assert len(seen) <= 30, seen
    assert [ready for each in outlooks.values() for ready in find_ready(each, NOON)] == []
    for each in found:
        assert outlooks[each.project].standings[each.name].verified_in.keys() == {"gate"}
    assert await ledger.stages.pass_through([Passing("p00", "gate", "p00-f0", "w")], NOON) == []


async def test_a_candidate_far_behind_the_newest_is_found(ledger: Ledger):
    """Freight soaks a long time before prod; hundreds of newer ones do not hide it."""
    requests = {"test": {"direct": True}, "prod": {"stages": ["test"]}}
    manifests = [Definition("Project", "", "p", {"metadata": {"name": "p"}})]
    for stage, wanted in requests.items():
        spec = {"requestedFreight": [{"origin": {"name": "w"}, "sources": wanted}]} | STEPS
        manifests.append(Definition("Stage", "p", stage, {"spec": spec}))
    policy = {"stageSelector": {"name": "prod"}, "autoPromotionEnabled": True}
    manifests.append(Definition("ProjectConfig", "p", "p", {"spec": {"promotionPolicies": [policy]}}))
    await ledger.definitions.apply(manifests, [], "user:ann", NOON)
    found = [
        FreightRecord("p", f"f{n:04}", f"a{n}", "w", {}, at, at)
        for n in range(700)
        for at in [NOON + timedelta(minutes=n)]
    ]
    stay = {"project": "p", "stage": "test", "origin": "w", "promotion": "test.1", "entered_at": NOON}
    verified = [stay | {"freight": name, "verified_at": NOON, "left_at": NOON} for name in ("f0007", "f0003")]
    async with ledger.database.write() as connection:
        await connection.execute(rows.insert(connection, freight), [rows.values(each) for each in found])
        await connection.execute(rows.insert(connection, visits), verified)

    outlooks = await all_passed_through(ledger, NOON, "p")

    assert [(ready.stage, ready.freight.alias) for ready in find_ready(outlooks["p"], NOON)] == [("prod", "a7")]
