"""The table of a project and the page of a Stage."""

from dataclasses import replace

import pytest

from blocks.ledger.healths import StageHealth
from blocks.ledger.records import Phase
from flows.metrics.measures import Measures
from flows.promotion import pages
from flows.promotion.pages import project_rows, stage_page
from flows.stage.pipeline import StageDefinition
from tests.flows.promotion.test_gates import AHEAD, LATER, NOW, entering, spec

CHECKS = [{"namespace": "argocd", "name": "web", "desiredRevisions": ["0123456789abcdef"]}]
NONE = Measures("shop", "test", 30.0)


def test_one_row_per_stage():
    """What runs there, its versions, commit, health, since when, and how many wait."""
    brought = replace(AHEAD, name="test.00z.f2", phase=Phase.SUCCEEDED, health_checks=CHECKS)
    before = entering(spec(), running="f2", promotions=[brought, LATER])
    assert project_rows(before.outlook, {"test": "Healthy"}) == [
        {
            "stage": "test",
            "freight": "new-kiwi",
            "versions": "—",
            "commit": "0123456789",
            "health": "Healthy",
            "since": "2025-06-01 12:00:00 UTC",
            "verified": "—",
            "last promotion": "Pending",
            "waiting": "1",
        }
    ]


def test_a_thousand_stages_and_more(monkeypatch):
    """The table has an end, and says how many are left out."""
    monkeypatch.setattr(pages, "MOST_ROWS", 3)
    before = entering(spec())
    before.outlook.pipeline.stages.update({f"s{n}": StageDefinition(f"s{n}", spec()) for n in range(5)})
    rows = project_rows(before.outlook, {})
    assert len(rows) == 4
    assert rows[-1] == {"stage": "and 3 more: drayage get stages -p shop"}


def test_the_queue_says_what_each_waits_for(monkeypatch):
    """Every gate that is not open with its sentence; what runs is not asked again."""
    waiting = replace(LATER, waiting_for={"message": "waits for approval: 0 of 1 approved"})
    before = entering(spec({"stages": ["dev"]}), promotions=[waiting, AHEAD], people=1)
    page = stage_page(before.outlook, "test", [], None, NONE, NOW)
    assert "- **old-kiwi** by user:ann, Running (`test.01a.f1`)\n" in page
    assert "- **old-kiwi** by user:ann, Pending: waits for approval: 0 of 1 approved (`test.01c.f1`)\n" in page
    assert "  - availability **blocks**: old-kiwi is not yet verified in 'dev'\n" in page
    assert "  - queue **waits**: Promotion test.01a.f1 of this Stage is Running\n" in page
    assert "  - approval **waits**: one person must approve within 168h" in page
    assert page.index("test.01a.f1") < page.index("test.01c.f1")
    monkeypatch.setattr(pages, "MOST_WAITING", 1)
    assert "And 1 more." in stage_page(before.outlook, "test", [], None, NONE, NOW)


@pytest.mark.parametrize(
    ("measures", "line"),
    [
        pytest.param(NONE, "| — | 0 (0.00 a day) | — | — |", id="nothing"),
        pytest.param(replace(NONE, changes=4, deployments=3, failed_changes=1), "| 25% of 4 |", id="some"),
    ],
)
def test_how_it_went_lately(measures, line):
    """What cannot be said is a dash."""
    page = stage_page(entering(spec()).outlook, "test", [], None, measures, NOW)
    assert "## Last 30 days" in page
    assert line in page
    assert "Nothing is on its way." in page


@pytest.mark.parametrize(
    ("health", "lines"),
    [
        pytest.param(None, ["Not known: it holds nothing, or nobody has looked yet."], id="nobody-looked"),
        pytest.param(
            StageHealth("shop", "test", "Healthy", [], [], "a", NOW), ["**Healthy** since 2025-06-01"], id="healthy"
        ),
        pytest.param(
            StageHealth("shop", "test", "Unhealthy", ["a | b"], ["drifted"] * pages.MOST_WRONG, "a", NOW),
            ["**Unhealthy** since", "\n- a \\| b\n", "\n- drifted\n", "\n- and 1 more\n"],
            id="what-is-wrong",
        ),
    ],
)
def test_how_a_stage_is(health, lines):
    """Its health and what is wrong with it, before anything else."""
    page = stage_page(entering(spec()).outlook, "test", [], None, NONE, NOW, health=health)
    about = page.partition("## Health")[2].partition("## Queue")[0]
    assert [each for each in lines if each not in about] == []
