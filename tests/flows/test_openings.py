"""When somebody looks again: at a Stage that opens soon, and for a promotion that waits for its turn."""

from datetime import UTC, datetime, timedelta

import pytest

from blocks.ledger.records import Freeze, Phase, PromotionRecord
from flows.openings import openings
from flows.promotion.gates import Gate
from flows.promotion.turn import not_yet
from flows.stage.model import PromotionPolicy, StageSpec
from flows.stage.outlook import Outlook
from flows.stage.pipeline import Pipeline, StageDefinition
from flows.stage.project_config import PromotionWindow

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(seconds=60)
SPEC = StageSpec.model_validate({"requestedFreight": [{"origin": {"name": "w"}, "sources": {"direct": True}}]})


def outlook(*windows: PromotionWindow, freezes=(), auto=True) -> Outlook:
    """A project with one Stage."""
    policies = [PromotionPolicy(stage="test", auto_promotion_enabled=auto)]
    pipeline = Pipeline("shop", {"test": StageDefinition("test", SPEC)}, policies, [], list(windows))
    return Outlook(pipeline, {}, {}, {}, [], {}, list(freezes))


def closed(end: datetime) -> PromotionWindow:
    """A window that ends then."""
    return PromotionWindow(name="w", kind="Deny", dtstart="20260601T000000Z", dtend=f"{end:%Y%m%dT%H%M%SZ}")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(outlook(), {}, id="nothing-stops"),
        pytest.param(outlook(closed(SOON)), {"shop": SOON}, id="window-ends-soon"),
        pytest.param(outlook(closed(NOW + timedelta(hours=1))), {}, id="window-ends-later"),
        pytest.param(outlook(closed(SOON), auto=False), {}, id="nothing-enters-by-itself"),
        pytest.param(outlook(freezes=[Freeze("shop", "", "", NOW, SOON)]), {"shop": SOON}, id="freeze-ends-soon"),
        pytest.param(outlook(closed(SOON), freezes=[Freeze("shop", "", "", NOW)]), {}, id="frozen-beyond-that"),
        pytest.param(
            outlook(closed(SOON), freezes=[Freeze("", "", "", NOW, SOON + timedelta(seconds=9))]),
            {"shop": SOON + timedelta(seconds=9)},
            id="the-later-counts",
        ),
    ],
)
def test_openings(given, expected):
    """A look is due when the last of what stops a Stage ends, if that is soon and time alone does it."""
    assert openings({"shop": given}, NOW) == expected


RUNNING = PromotionRecord("shop", "test.01", "test", "f", "w", "user:ann", NOW, phase=Phase.RUNNING)
AWAY = PromotionRecord("shop", "test.01", "test", "f", "w", "a", NOW, phase=Phase.RUNNING, waiting_for={"message": "m"})
QUEUE = Gate("queue", "waits", "one is at work")


@pytest.mark.parametrize(
    ("waits", "others", "seconds", "state", "stopped"),
    [
        pytest.param([QUEUE], [RUNNING], 2, "AwaitingStage", False, id="one-at-work"),
        pytest.param([QUEUE], [AWAY], 30, "AwaitingStage", False, id="one-that-waits-long"),
        pytest.param([Gate("window", "waits", "w", SOON)], [], 60, "AwaitingWindow", True, id="window"),
        pytest.param([Gate("window", "waits", "w")], [], 600, "AwaitingWindow", True, id="no-opening-known"),
        pytest.param(
            [Gate("window", "waits", "w", NOW + timedelta(days=2)), QUEUE], [], 600, "AwaitingWindow", True, id="far"
        ),
        pytest.param(
            [Gate("freeze", "waits", "f"), Gate("window", "waits", "w", SOON)], [], 600, "Frozen", True, id="both"
        ),
    ],
)
def test_asking_again(waits, others, seconds, state, stopped):
    """At the moment a window opens, soon behind one at work, and from time to time otherwise."""
    answer = not_yet(waits, others, NOW)
    assert (answer.seconds, answer.state, answer.stopped) == (seconds, state, stopped)
    assert answer.sentence == "; ".join(gate.sentence for gate in waits)
