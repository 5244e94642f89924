"""The steps about GitHub's issues and workflows, over a sandbox with its REST API."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from blocks.errors import Invalid, NotFound, RateLimited, Unauthorized, Unavailable
from blocks.github_actions import WorkflowRun
from blocks.records import Credentials
from blocks.web import Web
from deployments.sandbox.faults import Fault
from deployments.sandbox.server import Sandbox
from flows.promotion.attempt import attempt, check
from flows.promotion.foresight import Imagined
from flows.promotion.result import Failed, Succeeded, Waiting
from flows.promotion.steps import STEPS
from flows.promotion.steps.gha_dispatch_workflow import correlated
from tests.flows.promotion.workspace import step_context

TOKEN = "planted-token-5512"
REPOSITORY = "acme/app"


class Notes:
    """What steps note."""

    def __init__(self):
        self.noted = []

    async def put_metadata(self, kind, name, values):
        """Remember it."""
        self.noted.append((kind, name, values))


class Place:
    """A repository and how its steps are run."""

    def __init__(self, sandbox, web, folder):
        self.github, self.faults, self.web, self.folder = sandbox.world.github, sandbox.faults, web, folder
        self.limit = sandbox.world.code_host.limit
        self.url = f"{sandbox.url}/{REPOSITORY}"
        self.notes, self.password = Notes(), TOKEN

    async def run(self, uses, previous=None, promotion="test.01jx.abc1234", **config):
        """One attempt of a step."""
        return await attempt({"uses": uses}, {"repoURL": self.url, **config}, self._context(previous, promotion))

    async def foresee(self, uses, **config):
        """What a dry run shows of a step."""
        kind = STEPS[uses]
        return await kind.foresee(check(kind, {"repoURL": self.url, **config}), self._context(), Imagined())

    def _context(self, previous=None, promotion="test.01jx.abc1234"):
        async def credentials(cred_type, repo_url):
            return Credentials("keeper", "x", self.password) if self.password else None

        return step_context(
            self.folder,
            ask=self.web.request,
            credentials=credentials,
            control=self.notes,
            freight="f" * 40,
            previous=previous or {},
            promotion=promotion,
            started_at=datetime.now(UTC),
        )


@pytest.fixture
async def place(tmp_path):
    """A repository without anything in it."""
    async with Sandbox(tmp_path, users={"keeper": TOKEN}) as sandbox:
        web = Web(allow_plain_http_credentials=True)
        sandbox.world.github.open_repository(REPOSITORY)
        yield Place(sandbox, web, tmp_path)
        await web.aclose()


async def test_an_issue_is_opened_once(place):
    """Run again it finds its own by a marker nobody sees; another promotion opens another."""
    config = {"title": "Release 1.2", "body": "Please look.", "labels": ["release"], "assignees": ["ann"]}
    first = await place.run("gh-create-issue", **config)
    again = await place.run("gh-create-issue", **config)
    other = await place.run("gh-create-issue", promotion="test.02", **config)
    assert first.outputs == {"issueNumber": 1, "url": f"{place.url}/issues/1"} == again.outputs
    assert other.outputs["issueNumber"] == 2
    issue = place.github.issues[REPOSITORY][0]
    assert issue["title"] == "Release 1.2"
    assert issue["body"] == "Please look.\n\n<!-- drayage: shop/test.01jx.abc1234/step-1 -->"
    assert issue["labels"] == [{"name": "release"}]
    assert place.notes.noted[0] == ("Freight", "f" * 40, {"github-issue-number": 1})


async def test_an_issue_among_hundreds_is_found(place):
    """Also beyond the first page."""
    await place.run("gh-create-issue", title="mine")
    for number in range(120):
        await place.run("gh-create-issue", promotion=f"other.{number}", title="x")
    assert (await place.run("gh-create-issue", title="mine")).outputs["issueNumber"] == 1


async def test_an_outage_while_it_is_opened_makes_no_second(place):
    """What was answered by an outage may have been done, so it is not asked for again: the next attempt looks first."""
    url = f"/api/v3/repos/{REPOSITORY}/issues"
    place.faults.add(Fault(match=url, method="POST", kind="status", status=502, times=1))
    with pytest.raises(Unavailable):
        await place.run("gh-create-issue", title="once")
    assert place.faults.requests[url] == 2
    assert (await place.run("gh-create-issue", title="once")).outputs["issueNumber"] == 1


async def test_fields_are_set(place):
    """Those that are named; others stay."""
    await place.run("gh-create-issue", title="old", body="text")
    found = await place.run("gh-update-issue", issueNumber=1, state="closed", stateReason="completed", labels=["done"])
    assert found.outputs["issue"] | {"body": ""} == {
        "number": 1,
        "title": "old",
        "body": "",
        "state": "closed",
        "stateReason": "completed",
        "url": f"{place.url}/issues/1",
        "labels": ["done"],
        "assignees": [],
    }
    assert (await place.run("gh-update-issue", issueNumber=1)).message.endswith("name at least one field")
    with pytest.raises(NotFound, match="PATCH http"):
        await place.run("gh-update-issue", issueNumber=7, title="x")


async def test_a_comment_is_made_once(place):
    """Run again it finds its own."""
    await place.run("gh-create-issue", title="t")
    first = await place.run("gh-issue-add-comment", issueNumber=1, body="deployed")
    again = await place.run("gh-issue-add-comment", issueNumber=1, body="deployed")
    assert first == again
    assert first.outputs == {"commentID": 1, "url": f"{place.url}/issues/1#issuecomment-1"}
    assert len(place.github.comments[REPOSITORY, 1]) == 1


async def test_search(place):
    """By number or by words; nothing found is no failure, and both or neither is refused."""
    for number, title in enumerate(["red apple", "green apple", "red car"]):
        await place.run("gh-create-issue", promotion=f"p.{number}", title=title)
    numbers = lambda found: [each["number"] for each in found.outputs["issues"]]  # noqa: E731
    assert numbers(await place.run("gh-search-issues", query="apple")) == [1, 2]
    assert numbers(await place.run("gh-search-issues", query="state:closed apple")) == []
    assert numbers(await place.run("gh-search-issues", issueNumber=3)) == [3]
    assert numbers(await place.run("gh-search-issues", issueNumber=9)) == []
    for config in ({}, {"query": "x", "issueNumber": 1}):
        assert "exactly one of issueNumber and query" in (await place.run("gh-search-issues", **config)).message


async def test_waiting_for_an_issue(place):
    """Until it is closed, with what wakes the promotion."""
    await place.run("gh-create-issue", title="t")
    waits = await place.run("gh-wait-for-issue-state", issueNumber=1)
    assert waits.message == f"{place.url}/issues/1 is not closed yet"
    assert waits.wake_when == {
        "kind": "issue",
        "repoURL": place.url,
        "insecure": False,
        "number": 1,
        "state": "closed",
    }
    await place.run("gh-update-issue", issueNumber=1, state="closed")
    assert isinstance(await place.run("gh-wait-for-issue-state", issueNumber=1), Succeeded)


DISPATCH = {"workflowFile": "deploy.yaml", "ref": "main"}


async def test_a_workflow_is_started_once(place):
    """Each attempt does one thing, and what it keeps lets the next one go on, whoever makes it."""
    place.github.add_workflow(REPOSITORY, "deploy.yaml", "stage", "dry")
    place.github.hidden = True
    first = await place.run("gha-dispatch-workflow", **DISPATCH)
    assert (first.outputs["newestRun"], place.github.runs[REPOSITORY]) == (0, [])
    config = {**DISPATCH, "inputs": {"stage": "test", "dry": True}}
    second = await place.run("gha-dispatch-workflow", first.outputs, **config)
    third = await place.run("gha-dispatch-workflow", second.outputs, **config)
    assert isinstance(third, Waiting)
    place.github.hidden = False
    found = await place.run("gha-dispatch-workflow", third.outputs, **config)
    [run] = place.github.runs[REPOSITORY]
    assert found.outputs == {"runID": run["id"], "url": f"{place.url}/actions/runs/{run['id']}"}
    assert (run["inputs"], run["head_branch"]) == ({"stage": "test", "dry": "true"}, "main")
    killed = await place.run("gha-dispatch-workflow", first.outputs, **config)
    assert killed.outputs["runID"] == run["id"], "a worker that was killed after dispatching finds what it started"
    assert len(place.github.runs[REPOSITORY]) == 1


async def test_after_a_kill_it_looks_before_it_dispatches_again(place):
    """Runs appear late, so it is looked for them a while; only then is the workflow started."""
    place.github.add_workflow(REPOSITORY, "deploy.yaml")
    ago = lambda seconds: (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()  # noqa: E731
    waits = await place.run("gha-dispatch-workflow", {"newestRun": 0, "lookedAt": ago(10)}, **DISPATCH)
    assert waits.message == "looks whether it was started before"
    assert not place.github.runs[REPOSITORY]
    await place.run("gha-dispatch-workflow", {"newestRun": 0, "lookedAt": ago(30)}, **DISPATCH)
    assert len(place.github.runs[REPOSITORY]) == 1


async def test_a_run_that_never_appears(place):
    """The sentence says what was done and for how long."""
    place.github.add_workflow(REPOSITORY, "deploy.yaml")
    ago = (datetime.now(UTC) - timedelta(seconds=20)).isoformat()
    known = {"newestRun": 0, "lookedAt": ago, "dispatchedAt": ago}
    found = await place.run("gha-dispatch-workflow", known, timeout=10, **DISPATCH)
    assert found == Failed(
        "dispatched 'deploy.yaml' on 'main', but within 10 s no run appeared; see the workflow's page on GitHub"
    )


async def test_inputs_the_workflow_does_not_know(place):
    """GitHub's words are told."""
    place.github.add_workflow(REPOSITORY, "deploy.yaml")
    first = await place.run("gha-dispatch-workflow", **DISPATCH)
    with pytest.raises(Invalid, match="Unexpected inputs"):
        await place.run("gha-dispatch-workflow", first.outputs, inputs={"x": "y"}, **DISPATCH)


def made(id, title):
    """A run."""
    return WorkflowRun(id, title, "queued", "", "", "")


@pytest.mark.parametrize(
    ("runs", "found"),
    [
        pytest.param([], None, id="none"),
        pytest.param([made(5, "old")], None, id="old"),
        pytest.param([made(6, "deploy"), made(5, "old")], 6, id="the-only-new-one"),
        pytest.param([made(7, "deploy"), made(6, "deploy")], None, id="which-one"),
        pytest.param([made(8, "deploy"), made(7, "p.1 to prod"), made(6, "deploy")], 7, id="named"),
        pytest.param([made(8, "p.1"), made(7, "p.1")], 7, id="named-twice"),
        pytest.param([made(5, "p.1"), made(6, "p.2"), made(7, "x")], None, id="named-for-another"),
    ],
)
def test_which_run_it_is(runs, found):
    """The one named for the promotion, else the only one that is newer."""
    run = correlated(runs, 5, "p.1")
    assert (run.id if run else None) == found


@pytest.mark.parametrize(
    ("conclusion", "expected", "result"),
    [("success", {}, Succeeded), ("failure", {}, Failed), ("failure", {"expectedConclusion": "failure"}, Succeeded)],
)
async def test_waiting_for_a_run(place, conclusion, expected, result):
    """Until it is over; then its conclusion decides."""
    place.github.add_workflow(REPOSITORY, "deploy.yaml")
    first = await place.run("gha-dispatch-workflow", **DISPATCH)
    await place.run("gha-dispatch-workflow", first.outputs, **DISPATCH)
    id = place.github.runs[REPOSITORY][0]["id"]
    waits = await place.run("gha-wait-for-workflow", runID=id, **expected)
    assert (waits.wake_when["kind"], waits.wake_when["number"]) == ("workflow-run", id)
    assert waits.message == f"{place.url}/actions/runs/{id} is queued"
    place.github.finish(REPOSITORY, id, conclusion)
    found = await place.run("gha-wait-for-workflow", runID=id, **expected)
    assert type(found) is result
    assert found.outputs == {"conclusion": conclusion}


async def test_troubles_are_told_without_the_token(place):
    """A wrong token, none, a limit that is used up, and a URL that is no repository's."""
    place.password = "wrong-" + TOKEN
    with pytest.raises(Unauthorized) as refused:
        await place.run("gh-search-issues", issueNumber=1)
    assert TOKEN not in str(refused.value)
    place.password = ""
    with pytest.raises(NotFound, match="credentials may see it"):
        await place.run("gh-create-issue", title="x")
    place.password, place.limit.limit = TOKEN, 0
    place.limit.forget()
    with pytest.raises(RateLimited):
        await place.run("gh-create-issue", title="x")
    with pytest.raises(Invalid, match="repoURL is no repository on GitHub"):
        await place.run("gh-create-issue", title="x", repoURL="https://github.com/acme")


def test_numbers_are_numbers():
    """A config that makes no sense is refused when it is applied."""
    from flows.promotion.steps.gha_wait_for_workflow import Config

    with pytest.raises(ValidationError):
        Config.model_validate({"repoURL": "https://github.com/a/b", "runID": 0})


async def test_what_is_foreseen(place):
    """A dry run shows what would be written and started, and writes and starts nothing."""
    await place.run("gh-create-issue", title="there")
    place.github.add_workflow(REPOSITORY, "deploy.yaml", "stage")
    made = await place.foresee("gh-create-issue", title="Release `1`", body="Please look.")
    assert made.description.startswith("would open an issue `Release '1'` in `")
    assert "Please look." in made.description and not made.known
    commented = await place.foresee("gh-issue-add-comment", issueNumber=1, body="deployed")
    assert "would comment on issue 1 of" in commented.description
    updated = await place.foresee("gh-update-issue", issueNumber=1, state="closed", stateReason="completed")
    assert updated.description == "would set state to `closed`, stateReason to `completed` of issue 1, `there`"
    assert len((await place.foresee("gh-search-issues", issueNumber=1)).outputs["issues"]) == 1
    waits = await place.foresee("gh-wait-for-issue-state", issueNumber=1)
    assert waits.description == "would wait until issue 1, `there`, is closed; it is open"
    assert waits.outputs["issue"]["state"] == "closed"
    started = await place.foresee("gha-dispatch-workflow", inputs={"stage": "test"}, **DISPATCH)
    assert started.description == "would start `deploy.yaml` on `main` with the input `stage`"
    assert (await place.foresee("gha-wait-for-workflow", runID=7)).outputs == {"conclusion": "success"}
    assert [each["state"] for each in place.github.issues[REPOSITORY]] == ["open"]
    assert (REPOSITORY, 1) not in place.github.comments and not place.github.runs[REPOSITORY]
