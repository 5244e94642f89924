"""Allow and Deny windows together: open or closed, why, until when, and when it closes."""

from datetime import UTC, datetime

import pytest

from blocks.ledger.records import Definition
from flows.stage.pipeline import build_pipeline
from flows.stage.project_config import PromotionWindow
from flows.stage.windows import WindowStatus, window_status

WEEKEND = {
    "name": "no-weekend",
    "kind": "Deny",
    "rrule": "FREQ=WEEKLY;BYDAY=FR",
    "dtstart": "TZID=Europe/Berlin:20260102T180000",
    "dtend": "TZID=Europe/Berlin:20260105T080000",
}
OFFICE = {
    "name": "office",
    "kind": "Allow",
    "rrule": "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
    "dtstart": "TZID=Europe/Berlin:20260101T090000",
    "dtend": "TZID=Europe/Berlin:20260101T170000",
}
NIGHT = {**OFFICE, "name": "night", "dtstart": "20260101T160000Z", "dtend": "20260101T180000Z"}
MOVED = {"name": "move", "kind": "Deny", "dtstart": "20260601T000000Z", "dtend": "20260620T000000Z"}
PAST = {"name": "once", "kind": "Allow", "dtstart": "20250601T000000Z", "dtend": "20250620T000000Z"}


def at(text):
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def windows(*given):
    """Windows as the rules take them."""
    return [PromotionWindow.model_validate(each) for each in given]


@pytest.mark.parametrize(
    ("given", "now", "expected"),
    [
        pytest.param(
            [WEEKEND],
            "2026-03-07T12:00",
            WindowStatus(True, "blocked by window 'no-weekend' until Mon 08:00 Europe/Berlin", at("2026-03-09T07:00")),
            id="denied",
        ),
        pytest.param(
            [WEEKEND],
            "2026-03-04T12:00",
            WindowStatus(False, "", None, at("2026-03-06T17:00"), "window 'no-weekend' begins"),
            id="not-denied",
        ),
        pytest.param(
            [OFFICE],
            "2026-03-04T04:00",
            WindowStatus(True, "outside window 'office' until Wed 09:00 Europe/Berlin", at("2026-03-04T08:00")),
            id="not-allowed",
        ),
        pytest.param(
            [OFFICE],
            "2026-03-04T12:00",
            WindowStatus(False, "", None, at("2026-03-04T16:00"), "window 'office' ends"),
            id="allowed",
        ),
        pytest.param(
            [OFFICE, NIGHT],
            "2026-03-04T12:00",
            WindowStatus(False, "", None, at("2026-03-04T18:00"), "window 'night' ends"),
            id="one-allows-after-the-other",
        ),
        pytest.param(
            [WEEKEND, OFFICE],
            "2026-03-07T12:00",
            WindowStatus(
                True,
                "blocked by windows 'no-weekend' and 'office' until Mon 09:00 Europe/Berlin",
                at("2026-03-09T08:00"),
            ),
            id="denied-and-not-allowed",
        ),
        pytest.param(
            [MOVED, OFFICE],
            "2026-06-02T12:00",
            WindowStatus(True, "blocked by window 'move' until 2026-06-22 07:00 UTC", at("2026-06-22T07:00")),
            id="denied-for-long",
        ),
        pytest.param(
            [PAST],
            "2026-06-02T12:00",
            WindowStatus(True, "outside window 'once', and no opening is known"),
            id="never-again",
        ),
        pytest.param([MOVED], "2026-07-02T12:00", WindowStatus(False), id="never-closed-again"),
    ],
)
def test_status(given, now, expected):
    """One Deny closes; where there are Allow windows, one of them must be active."""
    assert window_status(windows(*given), at(now)) == expected


def test_without_windows_there_is_nothing_to_say():
    """No window, no status."""
    assert window_status([], at("2026-03-04T12:00")) is None


def _definition(kind, project, name, spec, labels=None):
    manifest = {"metadata": {"labels": labels or {}}, "spec": spec}
    return Definition(kind, project, name, manifest)


@pytest.mark.parametrize(
    ("stage", "project", "selector", "closed"),
    [
        pytest.param("prod", "shop", {}, True, id="all"),
        pytest.param("prod", "shop", {"stageSelector": {"name": "glob:pr*"}}, True, id="stage-by-name"),
        pytest.param("test", "shop", {"stageSelector": {"name": "prod"}}, None, id="other-stage"),
        pytest.param("prod", "shop", {"stageSelector": {"matchLabels": {"tier": "1"}}}, True, id="stage-by-label"),
        pytest.param("prod", "shop", {"projectSelector": {"name": "shop"}}, True, id="project-by-name"),
        pytest.param("prod", "shop", {"projectSelector": {"name": "bank"}}, None, id="other-project"),
        pytest.param("prod", "shop", {"projectSelector": {"matchLabels": {"team": "a"}}}, True, id="project-by-label"),
        pytest.param("prod", "shop", {"projectSelector": {"matchLabels": {"team": "b"}}}, None, id="other-label"),
    ],
)
def test_windows_of_the_installation(stage, project, selector, closed):
    """The ClusterConfig's windows are about the projects and Stages they select, beside the project's own."""
    spec = {"requestedFreight": [{"origin": {"name": "w"}, "sources": {"direct": True}}]}
    pipeline = build_pipeline(
        project,
        [
            *(_definition("Stage", project, name, spec, {"tier": "1"}) for name in ("prod", "test")),
            _definition("Project", "", project, {}, {"team": "a"}),
            _definition("ClusterConfig", "", "cluster", {"promotionWindows": [{**MOVED, **selector}]}),
        ],
    )
    status = pipeline.window_status(stage, at("2026-06-02T12:00"))
    assert (status and status.closed) is closed
