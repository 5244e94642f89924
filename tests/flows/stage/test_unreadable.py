"""What this version cannot read in the ledger stands still and is named; everything else goes on."""

import logging
from datetime import UTC, datetime

import pytest

from blocks.errors import Invalid, NotFound, Refused
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import CONTROLLER, Definition, FreightRecord
from deployments.look import LOOK, row
from deployments.needed import check_unneeded
from flows.advance import announce_ready, find_ready
from flows.promotion.admission import Wish, admit
from flows.promotion.pages import project_rows
from flows.stage.outlook import read_outlook
from flows.stage.outlooks import read_outlooks
from flows.stage.pipeline import build_pipeline, read_pipelines

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEPS = {"promotionTemplate": {"spec": {"steps": [{"uses": "fail"}]}}}
SOURCE = {"requestedFreight": [{"origin": {"name": "w"}, "sources": {"direct": True}}]}
AUTO = {"promotionPolicies": [{"stageSelector": {"name": "regex:."}, "autoPromotionEnabled": True}]}
SECRET = "planted-7d21"


def defined(project: str, *more: Definition) -> list[Definition]:
    """A project with one Stage that promotes by itself."""
    return [
        Definition("Project", "", project, {"metadata": {"name": project}}),
        Definition("ProjectConfig", project, project, {"spec": AUTO}),
        Definition("Warehouse", project, "w", {"spec": {"subscriptions": []}}),
        Definition("Stage", project, "good", {"metadata": {"name": "good"}, "spec": SOURCE | STEPS}),
        *more,
    ]


def stage(project: str, name: str = "newer", **more) -> Definition:
    """A Stage as a newer version may write it."""
    spec = SOURCE | STEPS | {"canary": {"password": SECRET}} | more
    return Definition("Stage", project, name, {"metadata": {"name": name}, "spec": spec})


@pytest.fixture
async def ledger(sqlite_ledger_url):
    """A ledger with two projects: one Stage of `a` was written by a newer version."""
    opened = await Ledger.open(sqlite_ledger_url)
    await opened.definitions.apply([*defined("a", stage("a")), *defined("b")], [], "user:ann", NOON)
    for project in ("a", "b"):
        freight = FreightRecord(project, f"{project}1", f"{project}-one", "w", {"images": []}, NOON, NOON)
        await opened.freight.record(freight, iter([f"{project}-one"]).__next__, NOON, CONTROLLER)
    yield opened
    await opened.close()


async def test_one_stage_hinders_no_other(ledger, caplog):
    """Its neighbours and other projects go on; it is named in the log, in lists and when it is asked for."""
    outlooks = await read_outlooks(ledger, NOON)
    assert {name: list(each.pipeline.stages) for name, each in outlooks.items()} == {"a": ["good"], "b": ["good"]}
    with caplog.at_level(logging.ERROR, logger="drayage"):
        assert await announce_ready(ledger, None, []) == []
    ready = [each for outlook in outlooks.values() for each in find_ready(outlook, NOON)]
    assert [(each.project, each.stage) for each in ready] == [("a", "good"), ("b", "good")]
    [said] = [each.getMessage() for each in caplog.records if "cannot be read" in each.getMessage()]
    assert "Stage 'newer' of project 'a' cannot be read by this version (canary: Extra inputs" in said
    assert "bring Drayage up to date everywhere, or apply it again" in said and SECRET not in said

    outlook = await read_outlook(ledger, "a")
    assert [each["stage"] for each in project_rows(outlook, {})] == ["good", "newer"]
    shown = {each["metadata"]["name"]: each for each in await LOOK["Stage"](ledger, "a", "", "", 100)}
    assert row("Stage", shown["newer"])[-1] in said
    with pytest.raises(Invalid, match="cannot be read by this version"):
        await admit(ledger, Wish("a", "newer", "user:ann", "a1"), NOON, "01")
    with pytest.raises(NotFound, match="has no Stage 'none'"):
        (await read_pipelines(ledger, ["a"]))["a"].stage("none")


POLICIES = [
    pytest.param(Definition("StagePolicy", "a", "p", {"spec": {"approvals": 3, "novel": 1}}), id="StagePolicy"),
    pytest.param(Definition("ProjectConfig", "a", "a", {"spec": {"promotionPolicies": 1}}), id="ProjectConfig"),
    pytest.param(Definition("ProjectConfig", "a", "a", {"spec": {"promotionWindows": [{"x": 1}]}}), id="windows"),
    pytest.param(Definition("ClusterConfig", "", "c", {"spec": {"promotionWindows": [{"x": 1}]}}), id="ClusterConfig"),
]


@pytest.mark.parametrize("policy", POLICIES)
def test_policies_that_cannot_be_read_let_nothing_in(policy):
    """Who must approve and when is not known then: every Stage of theirs stands still, with the policy's name."""
    pipeline = build_pipeline("a", [*defined("a"), policy])
    assert pipeline.stages == {}
    with pytest.raises(Invalid, match=f"^{policy.kind} '{policy.name}'"):
        pipeline.stage("good")


def test_what_it_may_need_stays():
    """Whatever such a Stage names anywhere may be needed by it; all else can be deleted."""
    odd = stage("a", later=[{"from": ["analysis"]}])
    template = Definition("AnalysisTemplate", "a", "analysis", {"spec": {}})
    with pytest.raises(Refused, match="needed by Stage newer"):
        check_unneeded([template], [odd])
    check_unneeded([Definition("AnalysisTemplate", "a", "other", {"spec": {}})], [odd])
    check_unneeded([Definition("AnalysisTemplate", "b", "analysis", {"spec": {}})], [odd])
