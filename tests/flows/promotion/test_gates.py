"""Every gate before a Stage, with its sentence, at the same time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from blocks.ledger.records import (
    Freeze,
    FreightRecord,
    Hold,
    Phase,
    PromotionRecord,
    Standing,
    VerificationPhase,
    VerificationRecord,
    Visit,
)
from flows.promotion.gates import TURN, Entering, Gate, blocked
from flows.stage.model import PromotionPolicy, StagePolicySpec, StageSpec
from flows.stage.outlook import Outlook
from flows.stage.pipeline import Pipeline, StageDefinition
from flows.stage.project_config import PromotionWindow

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
NEW = FreightRecord("shop", "f2", "new-kiwi", "web", {}, NOW - timedelta(hours=1), NOW)
OLD = FreightRecord("shop", "f1", "old-kiwi", "web", {}, NOW - timedelta(hours=2), NOW)
STEPS = {"spec": {"steps": [{"uses": "compose-output", "config": {}}]}}


def spec(sources=None, steps=STEPS):
    """A Stage's spec."""
    request = {"origin": {"kind": "Warehouse", "name": "web"}, "sources": sources or {"direct": True}}
    return StageSpec.model_validate({"requestedFreight": [request], **({"promotionTemplate": steps} if steps else {})})


def entering(
    stage,
    *,
    freight=NEW,
    standing=None,
    auto=True,
    people=0,
    promotions=(),
    held=(),
    running="",
    latest=False,
    windows=(),
    freezes=(),
    **more,
):
    """A Freight before the Stage `test`."""
    definition = StageDefinition("test", stage)
    policies = [PromotionPolicy.model_validate({"stage": "test", "autoPromotionEnabled": auto})]
    asks = {"stageSelector": {"name": "test"}, "approval": {"minApprovals": people}}
    own = [StagePolicySpec.model_validate(asks)] if people else []
    own += [StagePolicySpec.model_validate({"stageSelector": {}, "queue": "Latest"})] if latest else []
    visit = {"test": {"web": Visit(1, "shop", "test", "web", running, "test.00z.f2", NOW)}} if running else {}
    outlook = Outlook(
        pipeline=Pipeline("shop", {"test": definition}, policies, own, list(windows)),
        freight={each.name: each for each in (NEW, OLD)},
        standings={freight.name: standing or Standing()},
        currents=visit,
        holds=list(held),
        promotions={"test": list(promotions)},
        freezes=list(freezes),
    )
    return Entering(outlook, definition, freight, standing or Standing(), **more)


FREE = Gate("queue", "open", "nothing else is on its way to 'test'")
DIRECT = Gate("availability", "open", "'test' takes new-kiwi straight from Warehouse 'web'")
BROKEN = "passed over by breaking the glass:"
AHEAD = PromotionRecord("shop", "test.01a.f1", "test", "f1", "web", "user:ann", NOW, phase=Phase.RUNNING)
LATER = PromotionRecord("shop", "test.01c.f1", "test", "f1", "web", "user:ann", NOW)
UNDER_WAY = VerificationRecord("shop", "test", "test.00z.1", {"web": "f1"}, "test.00z.f1", "user:ann", NOW)
LINE = {"message": "outside window 'w'", "wake_when": {"kind": TURN}}
SUNDAY = PromotionWindow(name="no-sunday", kind="Deny", dtstart="20250601T000000Z", dtend="20250602T080000Z")
FROZEN = Freeze("shop", "audit", "user:bob", NOW - timedelta(hours=1), NOW + timedelta(hours=5))
EVERYWHERE = Freeze("", "outage", "user:eve", NOW - timedelta(hours=1))
WINDOW = "blocked by window 'no-sunday' until Mon 08:00 UTC"
FREEZE = (
    "project 'shop' is frozen by user:bob since 2025-06-01 11:00 UTC until Sun 17:00 UTC: audit "
    "('drayage unfreeze -p shop' ends it)"
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            entering(spec(), auto=False, windows=[SUNDAY], freezes=[FROZEN, EVERYWHERE], paused="it is paused"),
            [
                DIRECT,
                Gate("freeze", "waits", FREEZE, FROZEN.until),
                Gate(
                    "freeze",
                    "waits",
                    "all projects are frozen by user:eve since 2025-06-01 11:00 UTC: outage "
                    "('drayage unfreeze --all' ends it)",
                ),
                Gate("window", "waits", WINDOW, datetime(2025, 6, 2, 8, tzinfo=UTC)),
                Gate("paused", "waits", "it is paused"),
                FREE,
            ],
            id="stopped-by-all-at-once",
        ),
        pytest.param(
            entering(spec(), auto=False, freezes=[replace(FROZEN, until=NOW)]), [DIRECT, FREE], id="freeze-is-over"
        ),
        pytest.param(
            entering(
                spec({"stages": ["dev"]}),
                auto=False,
                windows=[SUNDAY],
                freezes=[FROZEN],
                promotions=[replace(AHEAD, phase=Phase.PENDING, waiting_for=LINE)],
                promotion="test.01b.f2",
                break_glass=True,
            ),
            [
                Gate("availability", "open", f"{BROKEN} new-kiwi is not yet verified in 'dev'"),
                Gate("freeze", "open", f"{BROKEN} {FREEZE}"),
                Gate("window", "open", f"{BROKEN} {WINDOW}"),
                FREE,
            ],
            id="broken-glass",
        ),
        pytest.param(
            entering(
                spec(), auto=False, freight=replace(NEW, origin="elsewhere"), promotions=[AHEAD], break_glass=True
            ),
            [
                Gate(
                    "availability",
                    "blocks",
                    "new-kiwi comes from Warehouse 'elsewhere'; Stage 'test' takes Freight from Warehouse 'web'",
                ),
                Gate("queue", "waits", "Promotion test.01a.f1 of this Stage is Running"),
            ],
            id="never-over-origin-nor-one-at-work",
        ),
        pytest.param(
            entering(spec(), auto=False, promotions=[replace(AHEAD, phase=Phase.PENDING)], promotion="test.01b.f2"),
            [DIRECT, Gate("queue", "waits", "Promotion test.01a.f1 of this Stage is Pending")],
            id="in-the-order-of-asking",
        ),
        pytest.param(
            entering(
                spec(), auto=False, people=1, promotions=[replace(AHEAD, phase=Phase.PENDING)], promotion="test.01b.f2"
            ),
            [DIRECT, FREE, Gate("approval", "waits", "one person must approve within 168h")],
            id="not-behind-one-that-waits-for-people",
        ),
        pytest.param(
            entering(
                spec(),
                auto=False,
                people=1,
                promotions=[replace(AHEAD, phase=Phase.PENDING, waiting_for=LINE)],
                promotion="test.01b.f2",
            ),
            [
                DIRECT,
                Gate("queue", "waits", "Promotion test.01a.f1 of this Stage is Pending: outside window 'w'"),
                Gate("approval", "waits", "one person must approve within 168h"),
            ],
            id="behind-one-that-was-approved",
        ),
        pytest.param(
            entering(
                spec(),
                auto=False,
                latest=True,
                promotions=[replace(AHEAD, phase=Phase.PENDING), LATER],
                promotion="test.01b.f2",
            ),
            [DIRECT, Gate("queue", "blocks", "superseded by Promotion test.01c.f1: only the latest counts here"), FREE],
            id="superseded-by-a-later-one",
        ),
        pytest.param(
            entering(spec(), auto=False, latest=True, promotions=[replace(LATER, origin="x")], promotion="test.01b.f2"),
            [DIRECT, FREE],
            id="not-superseded-by-another-warehouse",
        ),
        pytest.param(entering(spec()), [DIRECT, FREE], id="open"),
        pytest.param(
            entering(spec({"stages": ["dev"]}), people=2, promotions=[AHEAD]),
            [
                Gate("availability", "blocks", "new-kiwi is not yet verified in 'dev'"),
                Gate("queue", "waits", "Promotion test.01a.f1 of this Stage is Running"),
                Gate("approval", "waits", "2 people must approve within 168h"),
                # Nothing is a candidate, so what a person chooses stays.
                Gate(
                    "auto-promotion",
                    "open",
                    "a person's choice of new-kiwi holds 'test': nothing newer follows by itself",
                ),
            ],
            id="all-at-once",
        ),
        pytest.param(
            entering(spec(steps=None), auto=False),
            [
                Gate("steps", "blocks", "Stage 'test' has no promotion steps: it only passes Freight on downstream"),
                DIRECT,
                FREE,
            ],
            id="control-flow",
        ),
        pytest.param(
            entering(spec(), auto=False, promotions=[AHEAD], promotion="test.01b.f2"),
            [DIRECT, Gate("queue", "waits", "Promotion test.01a.f1 of this Stage is Running")],
            id="one-before-it",
        ),
        pytest.param(
            entering(spec(), auto=False, verification=UNDER_WAY, break_glass=True),
            [DIRECT, Gate("queue", "waits", "verification test.00z.1 of Stage 'test' is under way")],
            id="behind-a-verification",
        ),
        pytest.param(
            entering(spec(), auto=False, verification=replace(UNDER_WAY, phase=VerificationPhase.FAILED)),
            [DIRECT, FREE],
            id="not-behind-a-verification-that-is-over",
        ),
        pytest.param(
            entering(spec(), auto=False, promotions=[AHEAD], promotion="test.01a.f1"),
            [DIRECT, FREE],
            id="not-behind-itself",
        ),
        pytest.param(
            entering(spec(), auto=False, promotions=[replace(AHEAD, phase=Phase.SUCCEEDED)]),
            [DIRECT, FREE],
            id="what-is-over-is-not-waited-for",
        ),
        pytest.param(
            entering(spec(), auto=False, running="f2"),
            [DIRECT, FREE, Gate("current", "open", "new-kiwi is in 'test' already")],
            id="there-already",
        ),
        pytest.param(
            entering(spec(), held=[Hold("shop", "test", "web", "f1", "test.00z.f1", "user:ann", NOW)]),
            [DIRECT, FREE, Gate("auto-promotion", "open", "new-kiwi is the candidate: the hold ends")],
            id="ends-a-hold",
        ),
    ],
)
def test_gates(given, expected):
    """Each gate says in a sentence whether it is open, and all say it at once."""
    assert given.gates(NOW) == expected
    assert blocked(expected) == any(gate.answer == "blocks" for gate in expected)
