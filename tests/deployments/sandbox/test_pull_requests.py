"""The sandbox's pull requests: one model over its Git repositories, and what a person does with them."""

import asyncio

import httpx
import pytest

from blocks.errors import Conflict, NotFound
from deployments.sandbox.pull_requests import Duplicate, Moved, NothingToMerge
from deployments.sandbox.server import Sandbox

NAME = "acme/app"


@pytest.fixture
async def pulls(sandbox):
    """The pull requests of one repository, whose branch `change` is one commit ahead of `main`."""
    await sandbox.create_repository(NAME, {"a": "1\n"})
    await branch(sandbox, "change", {"a": "2\n"})
    return sandbox.world.pulls


async def branch(sandbox, name, files):
    """Commit to a branch, which begins at main."""
    known = await sandbox.world.git.refs(NAME)
    if f"refs/heads/{name}" not in known:
        await sandbox.world.pulls.merges.move(NAME, name, known["refs/heads/main"], "0" * 40)
    return await sandbox.commit(NAME, files, f"Commit to {name}", name)


async def test_what_cannot_be_opened(sandbox, pulls):
    """Without a branch, twice, or of nothing."""
    for branches in (("none", "main"), ("change", "none")):
        with pytest.raises(NotFound):
            await pulls.open(NAME, *branches, "t")
    await pulls.open(NAME, "change", "main", "t")
    with pytest.raises(Duplicate):
        await pulls.open(NAME, "change", "main", "t")
    with pytest.raises(NothingToMerge):
        await pulls.open(NAME, "main", "change", "t")


async def test_an_open_one_follows_its_branch(sandbox, pulls):
    """Its commit is the branch's; what was looked at before is not merged."""
    made = await pulls.open(NAME, "change", "main", "t")
    pushed = await branch(sandbox, "change", {"b": "1\n"})
    assert (await pulls.get(NAME, 1)).head_commit == pushed
    with pytest.raises(Moved):
        await pulls.merge(NAME, 1, "merge", made.head_commit)


async def test_looked_at_while_it_is_merged(sandbox, pulls):
    """Who began to look before the merge does not open it again."""
    await pulls.open(NAME, "change", "main", "t")

    async def look():
        while True:
            await pulls.select(NAME)

    lookers = [asyncio.create_task(look()) for _ in range(5)]
    await pulls.merge(NAME, 1)
    await asyncio.sleep(0.3)
    for each in lookers:
        each.cancel()
    await asyncio.wait(lookers)
    assert (await pulls.get(NAME, 1)).state == "merged"


async def test_rebase_of_several_commits(sandbox, pulls):
    """Each is replayed with its message on top of what came meanwhile."""
    await branch(sandbox, "change", {"b": "1\n"})
    await sandbox.commit(NAME, {"c": "1\n"}, "Meanwhile")
    await pulls.open(NAME, "change", "main", "t")
    merged = await pulls.merge(NAME, 1, "rebase")
    said = await pulls.merges._print(NAME, "log", "--format=%s", merged.merge_commit)
    assert said.split("\n") == ["Commit to change", "Commit to change", "Meanwhile", "Initial commit"]
    assert set(await sandbox.world.git.tree(NAME, merged.merge_commit)) == {"a", "b", "c"}


async def test_what_cannot_be_merged(sandbox, pulls):
    """Conflicts, a fast-forward over other commits, a closed one."""
    await pulls.open(NAME, "change", "main", "t")
    await sandbox.commit(NAME, {"c": "1\n"}, "Meanwhile")
    with pytest.raises(Conflict, match="not up to date"):
        await pulls.merge(NAME, 1, "fast-forward")
    await sandbox.commit(NAME, {"a": "3\n"}, "Conflict")
    with pytest.raises(Conflict, match="conflicts"):
        await pulls.merge(NAME, 1)
    await pulls.change(NAME, 1, state="closed")
    with pytest.raises(Conflict, match="is closed"):
        await pulls.merge(NAME, 1)


async def test_what_a_person_does(sandbox, pulls, http):
    """Block, unblock, merge; what makes no sense is refused."""
    await pulls.open(NAME, "change", "main", "t")

    async def act(action, number=1):
        body = {"repository": NAME, "number": number, "action": action}
        return (await http.post("/sandbox/pull-requests", json=body)).status_code

    assert [await act(action) for action in ("block", "merge", "unblock", "dance")] == [200, 409, 200, 400]
    assert [await act("merge"), await act("merge"), await act("close", 7)] == [200, 409, 404]
    assert (await http.post("/sandbox/pull-requests", json={})).status_code == 400
    (shown,) = (await http.get("/sandbox/pull-requests", params={"repository": NAME})).json()
    assert (shown["state"], shown["merge_commit"]) == ("merged", await pulls.merges.tip(NAME, "main"))


async def test_they_outlive_the_process(tmp_path):
    """What was opened is there after a restart."""
    async with Sandbox(tmp_path) as sandbox:
        await sandbox.create_repository(NAME, {"a": "1\n"})
        await branch(sandbox, "change", {"a": "2\n"})
        made = await sandbox.world.pulls.open(NAME, "change", "main", "t", "d")
    async with Sandbox(tmp_path) as sandbox:
        assert await sandbox.world.pulls.get(NAME, 1) == made


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("acme/app", "/acme/app.git"),
        ("acme/team/app", "/acme/team/app.git"),
        ("ACME/app", "/scm/ACME/app.git"),
        ("acme/shop/app", "/acme/shop/_git/app"),
        ("acme/app", "/git/acme/app.git"),
    ],
)
async def test_where_git_finds_them(sandbox, name, path):
    """At the addresses that code hosts give their repositories."""
    await sandbox.create_repository(name, {"a": "1\n"})
    asked = await asyncio.create_subprocess_exec(
        "git", "ls-remote", f"{sandbox.url}{path}", "refs/heads/main", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asked.communicate()
    assert said.decode().split() == [await sandbox.world.pulls.merges.tip(name, "main"), "refs/heads/main"]


REFUSALS = [
    ("post", "/api/v3/repos/acme/app/pulls", {}, 422),
    ("post", "/api/v3/repos/acme/app/pulls", {"title": "t", "head": "none", "base": "main"}, 422),
    ("put", "/api/v3/repos/acme/app/pulls/1/merge", {"merge_method": "dance"}, 422),
    ("post", "/api/v4/projects/acme%2Fapp/merge_requests", {}, 400),
    ("get", "/api/v4/projects/acme%2Fnone/merge_requests", None, 404),
    ("post", "/api/v1/repos/acme/app/pulls", {}, 422),
    ("post", "/api/v1/repos/acme/app/pulls/1/merge", {"Do": "dance"}, 422),
    ("post", "/api/v1/repos/acme/app/pulls/1/merge", {"Do": "manually-merged"}, 409),
    ("post", "/api/v1/repos/acme/app/issues/1/labels", {"labels": [5]}, 422),
    ("post", "/2.0/repositories/acme/app/pullrequests", {}, 400),
    ("post", "/2.0/repositories/acme/app/pullrequests/1/merge", {"merge_strategy": "dance"}, 400),
    ("get", "/2.0/repositories/acme/app/commit/00000000", None, 404),
    ("post", "/rest/api/1.0/projects/acme/repos/app/pull-requests", {}, 400),
    ("post", "/rest/api/1.0/projects/acme/repos/app/pull-requests/1/merge", {}, 403),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), REFUSALS)
async def test_what_is_refused(sandbox, pulls, method, path, body, status):
    """Each host with its own status, and in its own shape."""
    await pulls.open(NAME, "change", "main", "t")
    async with httpx.AsyncClient(base_url=sandbox.url, timeout=10) as http:
        answer = await http.request(method, path, json=body)
    assert answer.status_code == status
    assert set(answer.json()) & {"message", "errors", "error"}


async def test_a_body_that_is_no_object(sandbox, pulls):
    """400, whatever it is."""
    async with httpx.AsyncClient(base_url=sandbox.url, timeout=10) as http:
        for content in (b"{", b"[]"):
            assert (await http.post("/api/v3/repos/acme/app/pulls", content=content)).status_code == 400


async def test_azure_shows_nobody_the_way_in(tmp_path):
    """A page for people, with success."""
    async with Sandbox(tmp_path, users={"ana": "planted"}) as sandbox, httpx.AsyncClient(base_url=sandbox.url) as http:
        await sandbox.create_repository("acme/shop/app", {"a": "1\n"})
        path = "/acme/shop/_apis/git/repositories/app/pullrequests"
        nobody = await http.get(path)
        assert (nobody.status_code, nobody.headers["content-type"]) == (203, "text/html; charset=utf-8")
        assert (await http.get(path, auth=("", "wrong"))).status_code == 401
        assert (await http.get(path, auth=("", "planted"))).json() == {"value": [], "count": 0}
