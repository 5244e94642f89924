"""A large installation for `benchmarks.sweep`: pipelines as people have them, with months of history, and at rest.

Each project has two Warehouses and below each ten Stages: upstream one of and all, soak times, a control-flow Stage,
MatchUpstream, approvals, windows, a hold, failures, promotions that wait, verifications under way. At rest means that
auto-promotion wants nothing: a sweep has only to find that out.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from blocks.ledger import rows
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import (
    CONTROLLER,
    Definition,
    FreightRecord,
    Hold,
    Phase,
    PromotionRecord,
    VerificationPhase,
    VerificationRecord,
)
from blocks.ledger.tables import freight, holds, promotions, verifications, visits
from flows.at_work import sign

Json = dict[str, Any]
Row = dict[str, Any]

LANES = ("app", "base")
FREIGHT = 100
"""Freight of each Warehouse."""

KEPT = 20
"""Promotions and verifications of each Stage that retention has left."""

AHEAD = timedelta(hours=1)
"""How long workers still hold what they work on."""

BATCH = 2_000


@dataclass(frozen=True)
class Place:
    """One Stage of a lane. Freight counts from the newest, 0.

    The Stage runs number `runs`; what it took before is every `every`-th from there on. Those from `verified` on are
    verified there, those from `soaked` on stayed for hours.
    """

    name: str
    upstream: tuple[str, ...] = ()
    runs: int = 0
    verified: int = 0
    soaked: int = 0
    every: int = 1
    sources: Json = field(default_factory=dict)
    steps: bool = True
    checks: bool = True


MATCHING = {"autoPromotionOptions": {"selectionPolicy": "MatchUpstream"}}
PLACES = (
    Place("test", runs=0, verified=1, soaked=2),
    Place("uat", ("test",), runs=1, verified=2),
    Place("perf", ("uat",), runs=2, verified=2, sources=MATCHING),
    Place("qa", ("test",), runs=2, verified=3, sources={"requiredSoakTime": "30m"}),
    Place("gate", ("uat", "qa"), runs=3, verified=3, sources={"availabilityStrategy": "All"}, steps=False),
    Place("canary", ("gate",), runs=4, verified=4, soaked=6),
    Place("prod-1", ("canary",), runs=6, verified=6, soaked=12, every=3, sources={"requiredSoakTime": "1h"}),
    Place("prod-2", ("prod-1",), runs=12, verified=12, every=3, sources={"requiredSoakTime": "6h"}),
    Place("prod-3", ("prod-1", "prod-2"), runs=24, verified=24, every=6),
    Place("dr", ("prod-1",), runs=9, verified=9, every=3, checks=False),
)
AUTOMATIC = "regex:-(test|uat|perf|qa|canary|prod-1|prod-2|dr)$"
WAITING, QUEUED, WORKING, FAILED = "canary", "prod-3", "perf", "dr"
"""The Stages in which a promotion waits for people, two wait in the queue, one runs, and the candidate failed."""


@dataclass(frozen=True)
class Installation:
    """How large, as of when, and which Prefect runs its open promotions have."""

    projects: int
    now: datetime
    runs: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The projects."""
        return [f"team-{number:03}" for number in range(self.projects)]

    @property
    def stages(self) -> int:
        """How many Stages there are."""
        return self.projects * len(LANES) * len(PLACES)

    def open_promotions(self) -> Iterator[PromotionRecord]:
        """What waits for people, waits in the queue, or runs, as it is before it has a run."""
        for project in self.names:
            for lane in LANES:
                yield self._open(project, lane, WAITING, 3, Phase.RUNNING, CONTROLLER)
                for number in (18, 12):
                    yield self._open(project, lane, QUEUED, number, Phase.PENDING, "user:ann")
            yield self._open(project, LANES[0], WORKING, 5, Phase.RUNNING, "user:ann")

    def found(self, project: str, lane: str, number: int) -> FreightRecord:
        """One Freight; number 0 is the newest of the past, negative ones are newer."""
        name = hashlib.sha1(f"{project}/{lane}/{number}".encode()).hexdigest()
        at = self.now - timedelta(hours=3, minutes=40 * number)
        image = {"repoURL": f"registry.example.com/{project}/{lane}", "tag": f"1.{1000 - number}.0", "digest": name}
        commit = {"repoURL": f"https://git.example.com/{project}.git", "branch": "main", "id": name}
        content = {"commits": [commit], "images": [image], "charts": []}
        return FreightRecord(project, name, f"{lane}-{number}", lane, content, at, at)

    def _open(self, project: str, lane: str, place: str, number: int, phase: Phase, actor: str) -> PromotionRecord:
        stage, brought = f"{lane}-{place}", self.found(project, lane, number)
        name = f"{stage}.zz{900 - number:06}.{brought.name[:7]}"
        works = phase is Phase.RUNNING
        waiting: Json = {}
        if place == WAITING:
            until = (self.now + timedelta(days=7)).isoformat()
            waiting = {"message": "people decide", "until": until, "wake_when": {"kind": "answer", "until": until}}
        return PromotionRecord(
            project,
            name,
            stage,
            brought.name,
            lane,
            actor,
            self.now - timedelta(minutes=30),
            phase=phase,
            steps=steps(),
            intent="hold" if actor != CONTROLLER else "",
            flow_run_id=self.runs.get(f"{project}/{name}"),
            owner="a worker" if works and not waiting else "",
            lease_until=self.now + AHEAD if works else None,
            started_at=self.now - timedelta(minutes=29) if works else None,
            waiting_for=waiting,
        )


def steps() -> list[Json]:
    """The steps of a usual promotion, as they are kept."""
    kinds = ("git-clone", "git-clear", "kustomize-set-image", "kustomize-build", "git-commit", "git-push")
    config = {"repoURL": "https://git.example.com/config.git", "path": "./src/${{ ctx.stage }}", "images": ["x"] * 5}
    return [{"uses": kind, "as": kind, "config": config | {"kind": kind}} for kind in kinds]


def manifests(world: Installation) -> list[Definition]:
    """Everything that is applied."""
    return [each for project in world.names for each in _project(project)]


def _project(project: str) -> Iterator[Definition]:
    yield Definition("Project", "", project, {"metadata": {"name": project}})
    windows = [
        {
            "name": "no-weekend",
            "kind": "Deny",
            "stageSelector": {"name": "glob:*-prod-3"},
            "rrule": "FREQ=WEEKLY;BYDAY=SA",
            "dtstart": "20250104T000000Z",
            "dtend": "20250106T000000Z",
        }
    ]
    policies = [{"stageSelector": {"name": AUTOMATIC}, "autoPromotionEnabled": True}]
    yield _defined("ProjectConfig", project, project, {"promotionPolicies": policies, "promotionWindows": windows})
    asking = {"stageSelector": {"name": "glob:*-canary"}, "approval": {"minApprovals": 2}}
    yield _defined("StagePolicy", project, "people", asking)
    for lane in LANES:
        image = {"image": {"repoURL": f"registry.example.com/{project}/{lane}", "semverConstraint": "^1.0.0"}}
        yield _defined("Warehouse", project, lane, {"interval": "5m", "subscriptions": [image]})
        for place in PLACES:
            yield _defined("Stage", project, f"{lane}-{place.name}", _spec(lane, place))


def _spec(lane: str, place: Place) -> Json:
    named = {"stages": [f"{lane}-{each}" for each in place.upstream]} if place.upstream else {"direct": True}
    spec: Json = {"requestedFreight": [{"origin": {"name": lane}, "sources": named | place.sources}]}
    if place.steps:
        spec["promotionTemplate"] = {"spec": {"steps": steps()}}
        spec["vars"] = [{"name": "repo", "value": "https://git.example.com/config.git"}]
    if place.steps and place.checks:
        spec["verification"] = {"analysisTemplates": [{"name": "error-rate"}]}
    return spec


def _defined(kind: str, project: str, name: str, spec: Json) -> Definition:
    return Definition(kind, project, name, {"metadata": {"name": name, "namespace": project}, "spec": spec})


async def fill(ledger: Ledger, world: Installation) -> dict[str, int]:
    """Put the installation into an empty ledger; returns how much of what there is."""
    await ledger.definitions.apply(manifests(world), [], "user:benchmark", world.now - timedelta(days=90))
    tables = (freight, visits, promotions, verifications, holds)
    for project in world.names:
        lines: dict[str, list[Row]] = {table.name: [] for table in tables}
        for lane in LANES:
            _lane(world, project, lane, lines)
        await _insert(ledger, tables, lines)
    # Kept through the front door: these have rules of their own.
    for record in world.open_promotions():
        await ledger.promotions.create(record)
        if record.flow_run_id and record.owner:
            await ledger.leases.take(sign(record.flow_run_id), record.owner, world.now + AHEAD, world.now)
    return await _count(ledger, tables)


async def _insert(ledger: Ledger, tables: tuple[sa.Table, ...], lines: dict[str, list[Row]]) -> None:
    async with ledger.database.write() as connection:
        for table in tables:
            for start in range(0, len(lines[table.name]), BATCH):
                await connection.execute(rows.insert(connection, table), lines[table.name][start : start + BATCH])


async def _count(ledger: Ledger, tables: tuple[sa.Table, ...]) -> dict[str, int]:
    async with ledger.database.read() as connection:
        return {
            table.name: (await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()
            for table in tables
        }


def _lane(world: Installation, project: str, lane: str, lines: dict[str, list[Row]]) -> None:
    known = [world.found(project, lane, number) for number in range(FREIGHT)]
    lines["freight"] += [rows.values(each) for each in known]
    for place in PLACES:
        took = range(place.runs, FREIGHT, place.every)
        for order, number in enumerate(took):
            _stay(world, known[number], place, number, order, lines)
        if place.name == FAILED:
            failed = _failed(known[place.runs - place.every], f"{lane}-{place.name}")
            lines["promotions"].append(rows.values(failed))
        if place.name == "prod-2" and lane == LANES[0]:
            _hold(world, known[place.runs], place, lines)


def _stay(
    world: Installation, brought: FreightRecord, place: Place, number: int, order: int, lines: dict[str, list[Row]]
) -> None:
    """One stay with its promotion and verification; `order` 0 is what the Stage runs now."""
    stage = f"{brought.origin}-{place.name}"
    entered = world.now - timedelta(minutes=10) if order == 0 else brought.discovered_at + timedelta(minutes=5)
    long = number >= place.soaked
    name = f"{stage}.{1_000_000 - number:08}.{brought.name[:7]}" if place.steps else ""
    left = None if order == 0 and place.steps else entered + timedelta(hours=8 if long else 0, minutes=2)
    verified = entered + timedelta(minutes=1) if number >= place.verified else None
    lines["visits"].append(
        {
            "project": brought.project,
            "stage": stage,
            "origin": brought.origin,
            "freight": brought.name,
            "promotion": name,
            "entered_at": entered,
            "verified_at": verified,
            "left_at": left,
            "soak": (left - entered).total_seconds() if left and verified else None,
        }
    )
    if place.steps and order < KEPT:
        lines["promotions"].append(rows.values(_succeeded(brought, stage, name, entered)))
    if place.steps and place.checks and order < KEPT:
        lines["verifications"].append(rows.values(_verification(world, brought, stage, name, entered, verified)))


def _succeeded(brought: FreightRecord, stage: str, name: str, at: datetime) -> PromotionRecord:
    return PromotionRecord(
        brought.project,
        name,
        stage,
        brought.name,
        brought.origin,
        CONTROLLER,
        at - timedelta(minutes=1),
        phase=Phase.SUCCEEDED,
        steps=steps(),
        collection={brought.origin: brought.name},
        health_checks=[{"name": stage, "namespace": "argocd", "desiredRevisions": [brought.name]}],
        started_at=at - timedelta(seconds=50),
        finished_at=at,
    )


def _failed(brought: FreightRecord, stage: str) -> PromotionRecord:
    """The promotion of a candidate that was not tried again."""
    name, at = f"{stage}.{2_000_000:08}.{brought.name[:7]}", brought.discovered_at + timedelta(hours=1)
    made = _succeeded(brought, stage, name, at)
    return replace(made, phase=Phase.FAILED, message="step 'git-push' failed: the branch is protected")


def _verification(
    world: Installation, brought: FreightRecord, stage: str, promotion: str, at: datetime, verified: datetime | None
) -> VerificationRecord:
    """One that succeeded, or is under way."""
    return VerificationRecord(
        brought.project,
        stage,
        f"{promotion}.verification",
        {brought.origin: brought.name},
        promotion,
        CONTROLLER,
        at,
        phase=VerificationPhase.SUCCESSFUL if verified else VerificationPhase.RUNNING,
        metrics=[{"name": "error-rate", "measurements": [{"value": "0.01", "phase": "Successful"}] * 3}],
        owner="" if verified else "a worker",
        lease_until=None if verified else world.now + AHEAD,
        finished_at=verified,
    )


def _hold(world: Installation, brought: FreightRecord, place: Place, lines: dict[str, list[Row]]) -> None:
    stage = f"{brought.origin}-{place.name}"
    name = f"{stage}.{1_000_000 - place.runs:08}.{brought.name[:7]}"
    held = Hold(brought.project, stage, brought.origin, brought.name, name, "user:ann", world.now - timedelta(days=1))
    lines["holds"].append(rows.values(held))
