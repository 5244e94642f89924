"""What people look at: artifacts that follow what happens, the trail by what it is about, and the measures."""

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from blocks.ledger.records import Phase
from deployments.answers import decide
from deployments.events import read_events
from deployments.metrics import read_metrics
from deployments.requests import approve_freight, ask_promotion
from flows.artifacts import key
from flows.metrics.openmetrics import openmetrics
from flows.promotion.admission import Wish
from flows.publish import publish_stages
from flows.sweep import sweep
from tests.servers.guestbook import until
from tests.servers.plain import asking, in_state, opened_plain, stage


async def versions(name):
    """All versions of an artifact, oldest first."""
    async with get_client() as client:
        chosen = ArtifactFilter(key=ArtifactFilterKey(any_=[name]))
        found = await client.read_artifacts(artifact_filter=chosen, limit=50)
    return [each.data for each in sorted(found, key=lambda each: each.created)]


async def test_a_promotion_as_people_see_it(machine, tmp_path):
    """Who waits for what, what it came to, and who decided; nothing is written twice."""
    async with opened_plain(tmp_path, stage("test"), stage("prod", "test"), asking("prod")) as pipeline:
        here, project = pipeline.here, pipeline.project
        freight = await pipeline.push("1.0.0")
        table, page = key("project", project), key("stage", project, "prod")
        assert await approve_freight(here, project, "prod", freight.alias, "user:ann", "a hotfix")
        record = await ask_promotion(here, Wish(project, "prod", "user:ann", freight.name))
        await in_state(pipeline, record, "Suspended")

        await publish_stages(here, project, ["prod", "no-such"])

        async def no_new_page() -> bool:
            seen = await versions(page)
            await publish_stages(here, project, ["prod"])
            return await versions(page) == seen

        await until(no_new_page, "a page that is not written again", 30)
        seen = await versions(page)
        assert f"- **{freight.alias}** by user:ann, Pending: waits for approval: 0 of 1 approved" in seen[-1]
        assert "  - approval **waits**: one person must approve" in seen[-1]
        assert '"waiting": "1"' in (await versions(table))[-1]

        await decide(here, project, record.name, "approve", "bob", "fine")
        assert (await pipeline.ended(record)).phase is Phase.SUCCEEDED
        await pipeline.verified(freight, "prod")

        async def told() -> bool:
            return "Nothing is on its way." in (await versions(page))[-1]

        await until(told, "the page of the Stage", 30)
        latest = (await versions(table))[-1]
        assert f'"freight": "{freight.alias}", "versions": "guestbook:1.0.0"' in latest
        assert '"waiting": "\\u2014"' in latest
        await sweep()

        async def nothing_new() -> bool:
            """Others show what they do meanwhile; then all stays as it is."""
            written = len(await versions(table))
            await publish_stages(here, project, ["test", "prod"])
            return len(await versions(table)) == written

        await until(nothing_new, "a table that is not written again", 30)

        async def events(**narrowed):
            found = await read_events(here.ledger, project, **narrowed)
            return [(each.type, each.actor) for each in found]

        about = await events(promotion=record.name, since="1h")
        assert about[-1] == ("PromotionCreated", "user:ann")
        assert ("PromotionApproved", "bob (unauthenticated)") in about
        assert ("PromotionSucceeded", "user:ann") in about
        assert {kind for kind, _ in about} >= {"GateDecided"}
        approved = await read_events(here.ledger, project, freight=freight.alias, stage="prod", type="FreightApproved")
        assert [(each.actor, each.data["comment"]) for each in approved] == [("user:ann", "a hotfix")]
        assert "(unauthenticated): a hotfix" in approved[0].message
        assert await events(promotion=record.name, since="2999-01-01") == []
        assert len(await events(limit=2)) == 2

        prod, test = await read_metrics(here.ledger, project)
        assert (test.stage, test.changes) == ("test", 0)
        assert (prod.deployments, prod.change_failure_rate, len(prod.lead_times)) == (1, 0.0, 1)
        assert f'drayage_deployments{{project="{project}",stage="prod"}} 1\n' in openmetrics([test, prod])
