"""Windows and freezes keep what comes waiting, and let it go without a person; the glass can be broken."""

import pytest

from blocks.errors import Refused
from blocks.ledger.records import Phase
from deployments.freezing import freeze_project, unfreeze_project
from deployments.requests import ask_promotion
from flows.advance import announce_ready
from flows.preview import preview
from flows.promotion.admission import Wish
from flows.sweep import sweep
from tests.servers.guestbook import Guestbook
from tests.servers.plain import change, in_state, opened_plain, stage, state_of

BY_HAND = "user:ann"
CLOSED = {"name": "closed", "kind": "Deny", "dtstart": "20200101T000000Z", "dtend": "23000101T000000Z"}
LATEST = {
    "apiVersion": "drayage.dev/v1",
    "kind": "StagePolicy",
    "metadata": {"name": "latest"},
    "spec": {"stageSelector": {"name": "prod"}, "queue": "Latest"},
}


def config(*windows):
    """`auto` promotes by itself, within these windows."""
    policies = [{"stageSelector": {"name": "auto"}, "autoPromotionEnabled": True}]
    spec = {"promotionPolicies": policies, "promotionWindows": list(windows)}
    return {
        "apiVersion": "kargo.akuity.io/v1alpha1",
        "kind": "ProjectConfig",
        "metadata": {"name": ""},
        "spec": spec,
    }


def wish(pipeline: Guestbook, stage: str, freight, **other) -> Wish:
    """Ann wants it."""
    return Wish(pipeline.project, stage, BY_HAND, freight.alias, **other)


async def test_what_is_stopped_waits_and_goes_on_by_itself(machine, tmp_path):
    """A later promotion takes the place of one that waits; who is named and says why passes over all that stops."""
    stages = [stage("prod"), stage("auto"), stage("hot")]
    async with opened_plain(tmp_path, *stages, config(CLOSED), LATEST) as pipeline:
        here, project = pipeline.here, pipeline.project
        old = await pipeline.push("1.0.0")
        first = await ask_promotion(here, wish(pipeline, "prod", old))
        said = await in_state(pipeline, first, "AwaitingWindow")
        assert said == "blocked by window 'closed' until 2300-01-01 00:00 UTC"
        waiting = await here.ledger.promotions.get(project, first.name)
        assert (waiting.phase, waiting.waiting_for["message"]) == (Phase.PENDING, said)

        new = await pipeline.push("1.1.0")
        second = await ask_promotion(here, wish(pipeline, "prod", new))
        ended = await pipeline.ended(first)
        assert (ended.phase, ended.message) == (
            Phase.ABORTED,
            f"superseded by Promotion {second.name}, because only the latest counts in Stage 'prod'",
        )
        await in_state(pipeline, first, "Superseded")

        await freeze_project(here, project, "audit", BY_HAND, "4h")
        assert await announce_ready(here.ledger, project) == []
        gates = {gate.name: gate.answer for gate in (await preview(project, "auto", new.alias)).gates}
        assert (gates["window"], gates["freeze"]) == ("waits", "waits")
        with pytest.raises(Refused, match="a reason"):
            await ask_promotion(here, wish(pipeline, "hot", new, break_glass=True))
        broken = await ask_promotion(here, wish(pipeline, "hot", new, break_glass=True, reason="outage"))
        assert (await pipeline.ended(broken)).phase is Phase.SUCCEEDED
        (noted,) = await here.ledger.audit.list(project, type="PromotionBrokeGlass")
        assert noted.actor == BY_HAND
        assert noted.message.startswith("user:ann broke the glass: outage; at that time: project ")
        assert "blocked by window 'closed'" in noted.message

        assert await unfreeze_project(here, project, BY_HAND) == []
        assert (await here.ledger.promotions.get(project, second.name)).phase is Phase.PENDING
        assert await here.ledger.promotions.latest_for(project, "auto", new.name) is None
        await change(pipeline, config())
        await sweep()
        assert (await pipeline.ended(second)).phase is Phase.SUCCEEDED
        assert (await pipeline.ended(await pipeline.promotion(new, "auto", 90))).phase is Phase.SUCCEEDED
        assert (await state_of(first))[0] == "Superseded"
