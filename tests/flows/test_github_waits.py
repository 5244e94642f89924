"""A promotion that waits for a workflow or an issue on GitHub leaves its worker, and the sweep wakes it."""

from prefect.client.orchestration import get_client

from blocks.ledger.records import Phase
from deployments.requests import ask_promotion
from flows.github_waits import changed_issues, completed_runs
from flows.promotion.admission import Wish
from flows.wake import wake_waiting
from tests.servers.plain import in_state, opened_plain, stage

REPOSITORY = "acme/app"


def steps(url):
    """Start a workflow, wait for it, open an issue and wait until it is closed."""
    at = {"repoURL": url}
    return [
        {
            "uses": "gha-dispatch-workflow",
            "as": "start",
            "config": {**at, "workflowFile": "deploy.yaml", "ref": "main"},
        },
        {"uses": "gha-wait-for-workflow", "as": "ran", "config": {**at, "runID": "${{ outputs.start.runID }}"}},
        {"uses": "gh-create-issue", "as": "ask", "config": {**at, "title": "Look at ${{ ctx.stage }}"}},
        {
            "uses": "gh-wait-for-issue-state",
            "as": "told",
            "config": {**at, "issueNumber": "${{ freightMetadata(ctx.targetFreight.name)['github-issue-number'] }}"},
        },
    ]


async def test_it_leaves_and_is_woken(machine, tmp_path):
    """One request answers for all of a repository; what has not come wakes nobody."""
    async with opened_plain(tmp_path, stage("prod", steps=steps(f"http://sandbox.invalid/{REPOSITORY}"))) as pipeline:
        github, faults = pipeline.sandbox.world.github, pipeline.sandbox.faults
        github.add_workflow(REPOSITORY, "deploy.yaml")
        freight = await pipeline.push("1.0.0")
        record = await ask_promotion(pipeline.here, Wish(pipeline.project, "prod", "user:ann", freight.name))
        await in_state(pipeline, record, "Waiting")
        left = await pipeline.here.ledger.promotions.get(record.project, record.name)
        assert (left.phase, left.owner, left.waiting_for["wake_when"]["kind"]) == (Phase.RUNNING, "", "workflow-run")

        listed = f"/api/v3/repos/{REPOSITORY}/actions/runs"
        before = faults.requests[listed]
        assert await completed_runs(pipeline.here, [left] * 3) == []
        assert faults.requests[listed] == before + 1
        github.finish(REPOSITORY, github.runs[REPOSITORY][0]["id"])
        assert await completed_runs(pipeline.here, [left] * 3) == [left] * 3
        async with get_client() as client:
            assert f"{record.name}: woken" in await wake_waiting(pipeline.here, client)

        await in_state(pipeline, record, "Waiting")
        left = await pipeline.here.ledger.promotions.get(record.project, record.name)
        assert left.waiting_for["wake_when"]["kind"] == "issue"
        assert github.issues[REPOSITORY][0]["title"] == "Look at prod"
        assert await changed_issues(pipeline.here, [left]) == []
        github.issues[REPOSITORY][0]["state"] = "closed"
        async with get_client() as client:
            assert f"{record.name}: woken" in await wake_waiting(pipeline.here, client)
        assert (await pipeline.ended(record)).phase is Phase.SUCCEEDED
