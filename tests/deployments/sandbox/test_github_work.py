"""Telling the sandbox of workflows, and what it refuses."""

import httpx
import pytest

from deployments.sandbox.server import Sandbox


@pytest.fixture
async def http(tmp_path):
    """A client of a sandbox."""
    async with Sandbox(tmp_path) as sandbox, httpx.AsyncClient(base_url=sandbox.url) as client:
        yield client


RUNS = "/api/v3/repos/acme/app/actions/runs"


async def test_a_workflow_that_is_told_of(http):
    """It can be dispatched with its inputs, and its run ends when that is told."""
    told = {"repository": "acme/app", "file": "go.yaml", "inputs": ["stage"], "run_name": "to {stage}"}
    assert (await http.post("/sandbox/workflows", json=told)).status_code == 201
    dispatches = "/api/v3/repos/acme/app/actions/workflows/go.yaml/dispatches"
    assert (await http.post(dispatches, json={"ref": "main", "inputs": {"stage": "test"}})).status_code == 204
    [run] = (await http.get(RUNS)).json()["workflow_runs"]
    assert (run["display_title"], run["status"], run["conclusion"]) == ("to test", "queued", None)
    ending = {"repository": "acme/app", "run": run["id"], "conclusion": "failure"}
    assert (await http.post("/sandbox/workflow-runs", json=ending)).status_code == 200
    ended = (await http.get(f"{RUNS}/{run['id']}")).json()
    assert (ended["status"], ended["conclusion"]) == ("completed", "failure")


async def test_quick_runs_and_refusals(http):
    """What is not there is not found, what makes no sense is refused."""
    await http.post("/sandbox/workflows", json={"repository": "acme/app", "file": "go.yaml", "quick": "success"})
    workflow = "/api/v3/repos/acme/app/actions/workflows/go.yaml/dispatches"
    await http.post(workflow, json={"ref": "main"})
    assert (await http.get(RUNS)).json()["workflow_runs"][0]["conclusion"] == "success"
    assert (await http.post(workflow, json={"ref": "main", "inputs": {"x": "y"}})).status_code == 422
    assert (await http.post(workflow.replace("go.", "no."), json={"ref": "main"})).status_code == 404
    assert (await http.get(f"{RUNS}/7")).status_code == 404
    assert (await http.get("/api/v3/repos/acme/other/issues")).status_code == 404
    assert (await http.post("/api/v3/repos/acme/app/issues", json={})).status_code == 422
    assert (await http.post("/sandbox/workflows", json={"repository": "acme"})).status_code == 400
    assert (await http.post("/sandbox/workflow-runs", json={"repository": "a/b", "run": 1})).status_code == 404


async def test_pages(http):
    """Named by Link, the newest first."""
    await http.post("/sandbox/workflows", json={"repository": "acme/app"})
    for number in range(3):
        await http.post("/api/v3/repos/acme/app/issues", json={"title": f"t{number}"})
    first = await http.get("/api/v3/repos/acme/app/issues", params={"per_page": 2})
    assert [each["title"] for each in first.json()] == ["t2", "t1"]
    second = await http.get(first.links["next"]["url"])
    assert [each["title"] for each in second.json()] == ["t0"]
    assert "next" not in second.links
