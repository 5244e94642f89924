"""git-open-pr, git-wait-for-pr and git-merge-pr against a code host: done once, whatever happens in between."""

import pytest

from blocks.errors import DrayageError, Invalid, NotFound, Unauthorized
from blocks.web import Web
from deployments.sandbox.faults import Fault
from deployments.sandbox.server import Sandbox
from flows.promotion.pull_requests import KIND
from flows.promotion.result import Failed, Skipped, Succeeded, Waiting
from flows.promotion.steps import git_merge_pr, git_open_pr, git_wait_for_pr
from flows.promotion.steps.git_open_pr import LONGEST_DESCRIPTION, LONGEST_TITLE, Config, new_pull_request
from tests.flows.promotion.steps.pull_request_place import NAME, PROMOTION, TOKEN, USER, PullRequestPlace
from tests.flows.promotion.workspace import step_context

SOURCE = f"kargo/promotion/{PROMOTION}"
WANTED = {"sourceBranch": SOURCE, "targetBranch": "main"}
MESSAGE = f"Update app to 1.1\n\nBecause it is better.\n\nDrayage-Promotion: {PROMOTION}"


@pytest.fixture
async def place(tmp_path):
    """A repository whose promotion's branch is one commit ahead of main."""
    web = Web(allow_plain_http_credentials=True)
    async with Sandbox(tmp_path / "sandbox", users={USER: TOKEN}) as sandbox:
        await sandbox.create_repository(NAME, {"a": "1\n"})
        made = PullRequestPlace(sandbox, web, tmp_path)
        await made.branch(SOURCE, {"a": "2\n"}, MESSAGE)
        yield made
        await web.aclose()


async def test_open(place):
    """Title and description are the commit's, and the outputs say where it is."""
    result = await place.run(git_open_pr, labels=["promotion"], **WANTED)
    assert isinstance(result, Succeeded)
    assert result.outputs == {"pr": {"id": 1, "url": f"{place.sandbox.url}/{NAME}/pull/1"}}
    pull = await place.pulls.get(NAME, 1)
    assert (pull.title, pull.labels) == ("Update app to 1.1", ("promotion",))
    assert pull.description == f"Because it is better.\n\nDrayage-Promotion: {PROMOTION}"


async def test_open_again(place):
    """With the outputs of an earlier attempt nothing is asked; without them the open one is adopted, labels and all."""
    first = await place.run(git_open_pr, **WANTED)
    again = await place.run(git_open_pr, labels=["late"], **WANTED)
    assert again.outputs == first.outputs
    assert (await place.pulls.get(NAME, 1)).labels == ("late",)
    place.sandbox.faults.add(Fault(kind="drop"))
    assert (await place.run(git_open_pr, first.outputs, **WANTED)).outputs == first.outputs
    assert len(await place.pulls.select(NAME)) == 1


async def test_open_what_was_merged(place):
    """Merged meanwhile by somebody, the branch deleted even: it is adopted."""
    first = await place.run(git_open_pr, **WANTED)
    await place.pulls.merge(NAME, 1)
    assert (await place.run(git_open_pr, **WANTED)).outputs == first.outputs
    await place.pulls.merges.delete(NAME, SOURCE)
    assert (await place.run(git_open_pr, **WANTED)).outputs == first.outputs


async def test_open_what_was_closed(place):
    """A closed one stands for nothing: another is opened."""
    await place.run(git_open_pr, **WANTED)
    await place.pulls.change(NAME, 1, state="closed")
    assert (await place.run(git_open_pr, **WANTED)).outputs["pr"]["id"] == 2


async def test_open_for_another_commit(place):
    """A merged one of the same branches with another commit is not ours."""
    await place.run(git_open_pr, **WANTED)
    await place.pulls.merge(NAME, 1, "squash")
    await place.branch(SOURCE, {"a": "3\n"}, "Again")
    assert (await place.run(git_open_pr, **WANTED)).outputs["pr"]["id"] == 2


async def test_open_a_branch_that_is_nowhere(place):
    """A foreign branch that is gone is an error, even if there was a pull request of it."""
    await place.branch("foreign", {"a": "4\n"}, "x")
    foreign = WANTED | {"sourceBranch": "foreign"}
    await place.run(git_open_pr, **foreign)
    await place.pulls.merge(NAME, 1)
    await place.pulls.merges.delete(NAME, "foreign")
    for wanted in (foreign, WANTED | {"targetBranch": "none"}):
        with pytest.raises(NotFound, match="has no branch"):
            await place.run(git_open_pr, **wanted)


async def test_nothing_to_open(place):
    """The same files on both branches: skipped."""
    await place.branch("same", {"a": "1\n"}, "Nothing")
    result = await place.run(git_open_pr, sourceBranch="same", targetBranch="main")
    assert isinstance(result, Skipped)
    assert await place.pulls.select(NAME) == []


async def test_open_when_the_answer_is_lost(place):
    """The next attempt finds what was made, and opens no second one."""
    place.sandbox.faults.add(Fault(match="/api/v3", method="POST", kind="truncate", times=1))
    result = await place.run(git_open_pr, **WANTED)
    assert result.outputs["pr"]["id"] == 1
    assert len(await place.pulls.select(NAME)) == 1


async def test_open_when_refused(place):
    """What the host will not do is told in its words, and no token with it."""
    place.sandbox.faults.add(Fault(match="/api/v3", method="POST", kind="status", status=422))
    with pytest.raises(DrayageError, match="answered 422") as error:
        await place.run(git_open_pr, **WANTED)
    assert TOKEN not in str(error.value)
    place.sandbox.faults.clear()
    place.sandbox.faults.add(Fault(match="/api/v3", method="POST", kind="status", status=403))
    with pytest.raises(Unauthorized):
        await place.run(git_open_pr, **WANTED)


@pytest.mark.parametrize(
    ("config", "message", "title", "description"),
    [
        pytest.param({}, "Subject\n\nBody", "Subject", "Body\n\nBy: ana", id="from-the-commit"),
        pytest.param({"title": "T"}, "Subject\n\nBody", "T", "Subject\n\nBody\n\nBy: ana", id="title"),
        pytest.param({"description": "D"}, "Subject\n\nBody", "Subject", "D\n\nBy: ana", id="description"),
        pytest.param({"title": "T", "description": "D"}, "S", "T", "D\n\nBy: ana", id="both"),
        pytest.param({}, "Subject\n\nBy: ana", "Subject", "By: ana", id="trailer-there-already"),
        pytest.param({}, "", "Merge head", "By: ana", id="no-message"),
        pytest.param({"title": "t" * 999}, "S", "t" * LONGEST_TITLE, "S\n\nBy: ana", id="long-title"),
    ],
)
def test_what_it_says(config, message, title, description):
    """Given words come before the commit's; the end says which promotion it was."""
    wanted = Config.model_validate(
        {"repoURL": "https://x.example/a/b", "sourceBranch": "head", "targetBranch": "main"} | config
    )
    new = new_pull_request(wanted, message, {"By": "ana"})
    assert (new.head, new.base, new.title, new.description) == ("head", "main", title, description)


def test_a_long_description():
    """It is cut, but not its end."""
    wanted = Config.model_validate(
        {"repoURL": "https://x.example/a/b", "sourceBranch": "h", "targetBranch": "m", "description": "d" * 9_999}
    )
    said = new_pull_request(wanted, "S", {"By": "ana"}).description
    assert len(said) == LONGEST_DESCRIPTION
    assert said.endswith("d\n\nBy: ana")


async def test_wait(place):
    """Open: it waits to be woken. Merged: the commit is told. Closed: failed for good."""
    await place.run(git_open_pr, **WANTED)
    waiting = await place.run(git_wait_for_pr, prNumber=1, pollInterval="45s")
    assert isinstance(waiting, Waiting)
    assert (waiting.again_in, waiting.outputs["pr"]["open"]) == (45, True)
    assert waiting.wake_when == {
        "kind": KIND,
        "repoURL": place.url,
        "provider": "github",
        "insecure": False,
        "number": 1,
    }
    merged = await place.pulls.merge(NAME, 1)
    done = await place.run(git_wait_for_pr, waiting.outputs, prNumber=1)
    assert isinstance(done, Succeeded)
    url = f"{place.sandbox.url}/{NAME}/pull/1"
    assert done.outputs == {
        "commit": merged.merge_commit,
        "pr": {"id": 1, "url": url, "open": False, "merged": True},
    }


async def test_wait_for_what_was_closed(place):
    """Closed without being merged is final."""
    await place.run(git_open_pr, **WANTED)
    await place.pulls.change(NAME, 1, state="closed")
    result = await place.run(git_wait_for_pr, prNumber=1)
    assert isinstance(result, Failed)
    assert result.terminal
    assert "closed without being merged" in result.message


async def test_merge(place):
    """It is merged by the method named; again, it is found merged."""
    await place.run(git_open_pr, **WANTED)
    done = await place.run(git_merge_pr, prNumber=1, mergeMethod="squash")
    tip = await place.pulls.merges.tip(NAME, "main")
    assert (done.outputs, (await place.pulls.get(NAME, 1)).state) == ({"commit": tip}, "merged")
    again = await place.run(git_merge_pr, prNumber=1)
    assert again.outputs == done.outputs
    assert await place.pulls.merges.tip(NAME, "main") == tip


async def test_merge_when_the_answer_is_lost(place):
    """What was merged unheard is found merged."""
    await place.run(git_open_pr, **WANTED)
    place.sandbox.faults.add(Fault(match="/api/v3", method="PUT", kind="truncate", times=1))
    done = await place.run(git_merge_pr, prNumber=1)
    assert done.outputs == {"commit": await place.pulls.merges.tip(NAME, "main")}


@pytest.mark.parametrize("fields", [{"blocked": "a review is missing"}, {"draft": True}], ids=["blocked", "draft"])
async def test_merge_what_is_not_ready(place, fields, monkeypatch):
    """Failed for good, or with `wait` asked again."""
    monkeypatch.setattr(git_merge_pr, "PAUSE", 0.01)
    await place.run(git_open_pr, **WANTED)
    await place.pulls.change(NAME, 1, **fields)
    failed = await place.run(git_merge_pr, prNumber=1)
    assert isinstance(failed, Failed)
    assert failed.terminal
    assert "cannot be merged: " in failed.message
    waiting = await place.run(git_merge_pr, prNumber=1, wait=True)
    assert isinstance(waiting, Waiting)
    assert waiting.again_in == 10
    await place.pulls.change(NAME, 1, blocked="", draft=False)
    assert isinstance(await place.run(git_merge_pr, prNumber=1, wait=True), Succeeded)


async def test_merge_what_was_closed(place):
    """Failed for good, whether it waits or not."""
    await place.run(git_open_pr, **WANTED)
    await place.pulls.change(NAME, 1, state="closed")
    result = await place.run(git_merge_pr, prNumber=1, wait=True)
    assert isinstance(result, Failed)
    assert "closed without being merged" in result.message


async def test_a_method_of_another_host(place):
    """The known ones are listed, and nothing is merged."""
    await place.run(git_open_pr, **WANTED)
    result = await place.run(git_merge_pr, prNumber=1, mergeMethod="noFastForward")
    assert isinstance(result, Failed)
    assert "merge, rebase, squash" in result.message
    assert (await place.pulls.get(NAME, 1)).state == "open"


async def test_a_host_that_says_nothing_of_its_kind(place):
    """It is told to name the provider."""
    with pytest.raises(Invalid, match="set provider to one of"):
        await place.run(git_wait_for_pr, prNumber=1, provider=None)


async def test_a_promotion_without_a_way_out(tmp_path):
    """It is told."""
    config = git_wait_for_pr.Config.model_validate({"repoURL": "https://github.com/a/b", "prNumber": 1})
    with pytest.raises(Invalid, match="no way"):
        await git_wait_for_pr.run(config, step_context(tmp_path))


@pytest.mark.parametrize(
    ("provider", "name", "path", "method"),
    [
        ("azure", "acme/shop/app", "acme/shop/_git/app", "rebaseMerge"),
        ("bitbucket", "ACME/app", "scm/ACME/app.git", "merge_commit"),
        ("gitea", "acme/app", "acme/app.git", "rebase-merge"),
        ("github", "acme/app", "acme/app.git", "merge"),
        ("gitlab", "acme/team/app", "acme/team/app.git", "merge"),
    ],
)
async def test_on_every_host(tmp_path, provider, name, path, method):
    """Opened, found again by a worker that knows nothing, merged, and seen to be merged."""
    web = Web(allow_plain_http_credentials=True)
    async with Sandbox(tmp_path / "sandbox", users={USER: TOKEN}) as sandbox:
        place = PullRequestPlace(sandbox, web, tmp_path, name, path, provider)
        await sandbox.create_repository(name, {"a": "1\n"})
        await place.branch(SOURCE, {"a": "2\n"}, MESSAGE)
        opened = await place.run(git_open_pr, labels=["promotion"], **WANTED)
        again = await place.run(git_open_pr, labels=["promotion"], **WANTED)
        assert again.outputs == opened.outputs
        (pull,) = await place.pulls.select(name)
        assert pull.labels == (() if provider == "bitbucket" else ("promotion",))
        assert isinstance(await place.run(git_wait_for_pr, prNumber=pull.number), Waiting)
        merged = await place.run(git_merge_pr, prNumber=pull.number, mergeMethod=method)
        assert merged.outputs == {"commit": await place.pulls.merges.tip(name, "main")}
        done = await place.run(git_wait_for_pr, prNumber=pull.number)
        assert (done.outputs["commit"], done.outputs["pr"]["merged"]) == (merged.outputs["commit"], True)
        assert (await place.run(git_open_pr, **WANTED)).outputs == opened.outputs
    await web.aclose()
