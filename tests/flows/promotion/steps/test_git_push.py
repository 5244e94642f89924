"""git-push over a real server: once is enough, whoever moves the branch and whenever we are killed."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from blocks.errors import Conflict, Invalid, Terminal
from blocks.git import push
from flows.promotion.result import Failed, Succeeded
from flows.promotion.steps import git_push
from tests.flows.promotion.steps.git_promotion import promotion, server  # noqa: F401
from tests.servers.git_http import run


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Wait hundredths of the time between two tries."""
    monkeypatch.setattr(push, "FIRST_PAUSE", 0.02)


async def changed(place, text="tag: v2\nother: 1\n\n\n\n\nlast: 1\n"):
    """Clone, change and commit; returns git-clone's outputs and git-commit's result."""
    clone = await place.clone()
    place.write(text)
    return clone.outputs, await place.run("git-commit", path="src", message="Promote v2")


async def rebuilt(place, clone, text="tag: v2\nother: 1\n\n\n\n\nlast: 1\n"):
    """Rebuild the working directory up to the commit, as a resuming worker does."""
    await place.restore("git-clone", clone, checkout=[{"branch": "main", "path": "src"}])
    place.write(text)
    return await place.run("git-commit", path="src", message="Promote v2")


async def test_the_checked_out_branch_is_pushed(promotion, server):  # noqa: F811
    """Without a target the branch that was cloned gets the commit; outputs name both."""
    _, committed = await changed(promotion)
    result = await promotion.run("git-push", path="src")
    assert result == Succeeded({"branch": "main", "commit": committed.outputs["commit"]})
    assert server.tip() == committed.outputs["commit"]


async def test_run_again_it_finds_what_it_pushed(promotion, server):  # noqa: F811
    """A kill between push and record leads to no second push, also after the branch moved on."""
    await changed(promotion)
    first = await promotion.run("git-push", path="src")
    server.commit({"values.yaml": "tag: v3"}, "by somebody else")
    again = await promotion.run("git-push", path="src")
    assert (again.outputs, again.message) == (first.outputs, "already there")
    assert server.pushes() == 1


async def test_run_again_elsewhere_it_finds_what_it_pushed(promotion, server, tmp_path):  # noqa: F811
    """Another worker that rebuilds the directory after the push makes the same commit and finds it there."""
    clone, _ = await changed(promotion)
    first = await promotion.run("git-push", path="src")
    other = promotion.elsewhere(tmp_path / "other")
    await rebuilt(other, clone)
    assert (await other.run("git-push", path="src")).outputs == first.outputs
    assert (server.count(), server.pushes()) == (2, 1)


async def test_a_branch_that_moved_is_rebased_onto(promotion, server):  # noqa: F811
    """Somebody else's commit stays, ours comes on top, and the checkout stands on what was pushed."""
    _, committed = await changed(promotion)
    theirs = server.commit({"docs/b.md": "b"}, "theirs")
    result = await promotion.run("git-push", path="src")
    ours = server.tip()
    assert result.outputs == {"branch": "main", "commit": ours}
    assert ours != committed.outputs["commit"]
    assert run("rev-parse", f"{ours}~1", cwd=server.root / "config.git") == theirs
    assert (server.show("main:docs/b.md"), server.show("main:values.yaml").split("\n")[0]) == ("b", "tag: v2")
    form = "--format=%an %at %cn %ct%n%B"
    made = [run("log", "-1", form, c, cwd=promotion.work_dir / "src") for c in (committed.outputs["commit"], ours)]
    assert made[0] == made[1]
    assert run("rev-parse", "HEAD", "main", cwd=promotion.work_dir / "src").split() == [ours, ours]
    assert run("status", "--porcelain", cwd=promotion.work_dir / "src") == ""


async def test_a_rebased_push_is_found_by_a_rebuilt_worker(promotion, server, tmp_path):  # noqa: F811
    """Our commit is recognised on the branch though a rebase changed its id and others changed its lines since."""
    clone, _ = await changed(promotion)
    server.commit({"docs/b.md": "b"}, "theirs")
    first = await promotion.run("git-push", path="src")
    server.commit({"values.yaml": "tag: v3"}, "later, the same line")
    other = promotion.elsewhere(tmp_path / "other")
    await rebuilt(other, clone)
    again = await other.run("git-push", path="src")
    assert again.outputs == first.outputs
    assert server.pushes() == 1
    assert server.show("main:values.yaml") == "tag: v3"
    assert run("rev-parse", "HEAD", cwd=other.work_dir / "src") == first.outputs["commit"]


async def test_another_promotion_with_the_same_change_is_another_commit(promotion, server, tmp_path):  # noqa: F811
    """Only this promotion's own commit counts as pushed; a change that is there already needs none."""
    clone, _ = await changed(promotion)
    first = await promotion.run("git-push", path="src")
    other = promotion.elsewhere(tmp_path / "other")
    other.name = "test.02def.f00"
    await rebuilt(other, clone)
    result = await other.run("git-push", path="src")
    assert (result.message, result.outputs["commit"]) == ("already there", first.outputs["commit"])
    assert server.count() == 2


async def test_a_conflict_fails_with_a_sentence(promotion, server):  # noqa: F811
    """Two changes of one line are for a person to decide; nothing is pushed and the checkout stays as it was."""
    _, committed = await changed(promotion)
    server.commit({"values.yaml": "tag: v3"}, "theirs")
    result = await promotion.run("git-push", path="src")
    assert isinstance(result, Failed)
    assert result.terminal
    assert "('Promote v2') conflicts with what the branch got meanwhile in values.yaml" in result.message
    assert run("rev-parse", "HEAD", cwd=promotion.work_dir / "src") == committed.outputs["commit"]
    assert server.pushes() == 0


async def test_a_race_lost_again_and_again_ends_after_max_attempts(promotion, server):  # noqa: F811
    """A branch that always moves in the last moment is tried maxAttempts times."""
    await changed(promotion)
    hook = server.root / "config.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n"
        "export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x\n"
        "git update-ref refs/heads/main $(git commit-tree -p main -m $$ main^{tree})\n"
    )
    hook.chmod(0o755)
    with pytest.raises(Conflict):
        await promotion.run("git-push", path="src", maxAttempts=3)
    assert server.pushes() == 3
    hook.unlink()
    assert isinstance(await promotion.run("git-push", path="src"), Succeeded)
    assert server.count() == 5


async def test_a_server_that_refuses_is_not_asked_twice(promotion, server):  # noqa: F811
    """A protected branch is an error that says so, with the server's own words."""
    await changed(promotion)
    hook = server.root / "config.git/hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'main is protected, open a pull request'\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Terminal, match=r"main is protected, open a pull request.*branch protection"):
        await promotion.run("git-push", path="src")
    assert server.pushes() == 1


async def test_promotions_that_push_one_branch_at_once_all_arrive(promotion, server, tmp_path):  # noqa: F811
    """Several promotions of one worker, and of others, each leave exactly one commit."""
    places = [promotion.elsewhere(tmp_path / f"w{n}") for n in range(6)]
    for n, place in enumerate(places):
        place.name = f"test.{n}"
        place.mirrors = places[n % 2].mirrors  # two workers with three promotions each
        await place.clone()
        place.write(f"tag: {n}", f"app{n}.yaml")
        await place.run("git-commit", path="src", message=f"Promote {n}")
    results = await asyncio.gather(*(place.run("git-push", path="src") for place in places))
    assert all(isinstance(result, Succeeded) for result in results)
    assert server.count() == 7
    assert all(server.show(f"main:app{n}.yaml") == f"tag: {n}" for n in range(6))
    on_main = run("rev-list", "main", cwd=server.root / "config.git").split()
    assert {result.outputs["commit"] for result in results} <= set(on_main)


async def test_a_generated_branch_is_replaced_and_found(promotion, server, tmp_path):  # noqa: F811
    """kargo/promotion/<promotion> holds exactly our commits; a commit a person added to it survives a resume."""
    clone, committed = await changed(promotion)
    branch = f"kargo/promotion/{promotion.name}"
    server.commit({"old": "1"}, "left over", branch=branch)
    result = await promotion.run("git-push", path="src", generateTargetBranch=True)
    assert result.outputs == {"branch": branch, "commit": committed.outputs["commit"]}
    assert server.tip(branch) == committed.outputs["commit"]
    added = server.commit({"fix": "1"}, "review fix", branch=branch)
    other = promotion.elsewhere(tmp_path / "other")
    await rebuilt(other, clone)
    assert (await other.run("git-push", path="src", generateTargetBranch=True)).outputs == result.outputs
    assert (server.tip(branch), server.pushes()) == (added, 1)


async def test_force_replaces_a_branch(promotion, server):  # noqa: F811
    """`force` makes the branch what was checked out, backwards too."""
    first = server.tip()
    server.commit({"values.yaml": "tag: v3"}, "to be undone")
    await promotion.run("git-clone", checkout=[{"path": "src", "commit": first}])
    result = await promotion.run("git-push", path="src", targetBranch="main", force=True)
    assert (result.outputs, server.tip()) == ({"branch": "main", "commit": first}, first)


async def test_a_new_and_an_unrelated_target_branch(promotion, server):  # noqa: F811
    """A branch that is missing is made; on one with other history only what we changed is put."""
    _, committed = await changed(promotion)
    result = await promotion.run("git-push", path="src", targetBranch="env/new")
    assert server.tip("env/new") == result.outputs["commit"] == committed.outputs["commit"]
    run("update-ref", "-d", "refs/heads/env/new", cwd=server.root / "config.git")
    again = await promotion.run("git-push", path="src", targetBranch="env/new")
    assert server.tip("env/new") == again.outputs["commit"] == committed.outputs["commit"]


async def test_nothing_new_is_already_there(promotion, server):  # noqa: F811
    """Without a commit of ours the branch stays, and the outputs name its commit."""
    tip = server.tip()
    await promotion.clone()
    result = await promotion.run("git-push", path="src")
    assert result == Succeeded({"branch": "main", "commit": tip}, "already there")
    assert server.pushes() == 0


async def test_restore_puts_the_checkout_to_what_was_pushed(promotion, server, tmp_path):  # noqa: F811
    """After a rebased push a rebuilt directory stands on the pushed commit, pushing nothing."""
    clone, _ = await changed(promotion)
    server.commit({"docs/b.md": "b"}, "theirs")
    pushed = await promotion.run("git-push", path="src")
    server.commit({"values.yaml": "tag: v9"}, "later")
    other = promotion.elsewhere(tmp_path / "other")
    await rebuilt(other, clone)
    await other.restore("git-push", pushed.outputs, path="src")
    tree = other.work_dir / "src"
    assert run("rev-parse", "HEAD", cwd=tree) == pushed.outputs["commit"]
    assert (tree / "docs/b.md").read_text() == "b\n"
    assert server.pushes() == 1


async def test_a_move_killed_half_way_is_finished(promotion, server):  # noqa: F811
    """A checkout whose files were half moved to the pushed commit is put right by the next attempt."""
    await changed(promotion)
    server.commit({"docs/a.md": "theirs"}, "theirs")
    first = await promotion.run("git-push", path="src")
    tree = promotion.work_dir / "src"
    run("update-ref", "refs/heads/main", f"{first.outputs['commit']}~2", cwd=tree)
    run("reset", "--quiet", f"{first.outputs['commit']}~2", cwd=tree)
    promotion.write("half", "docs/a.md")
    run("commit", "--quiet", "--allow-empty", "-m", "x", cwd=tree)
    await promotion.restore("git-push", first.outputs, path="src")
    assert (tree / "docs/a.md").read_text() == "theirs\n"
    assert run("status", "--porcelain", cwd=tree) == ""


async def test_a_tag_is_pushed_once(promotion, server, tmp_path):  # noqa: F811
    """The same tag counts as pushed, another one of that name fails, `force` moves it; outputs name the commit."""
    _, committed = await changed(promotion)
    await promotion.run("git-tag", path="src", tag="v2", message="two")
    for message in ("", "already there"):
        result = await promotion.run("git-push", path="src", tag="v2")
        assert result == Succeeded({"commit": committed.outputs["commit"]}, message)
    assert server.pushes() == 1
    await promotion.run("git-tag", alias="other", path="src", tag="v2", message="other", force=True)
    refused = await promotion.run("git-push", path="src", tag="v2")
    assert isinstance(refused, Failed)
    assert "has a tag 'v2' already" in refused.message
    assert isinstance(await promotion.run("git-push", path="src", tag="v2", force=True), Succeeded)
    assert isinstance(await promotion.run("git-push", path="src", tag="nope"), Failed)


async def test_a_detached_checkout_needs_a_target(promotion, server):  # noqa: F811
    """A commit on no branch says which settings tell where to push."""
    await promotion.run("git-clone", checkout=[{"path": "src", "commit": server.tip()}])
    with pytest.raises(Invalid, match="no branch checked out: set targetBranch"):
        await promotion.run("git-push", path="src")


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        pytest.param({"targetBranch": "x", "generateTargetBranch": True}, "at most one of", id="two-targets"),
        pytest.param({"targetBranch": "x", "tag": "y"}, "at most one of", id="branch-and-tag"),
        pytest.param({"maxAttempts": 0}, "maxAttempts", id="no-attempts"),
        pytest.param({"provider": "sourceforge"}, "provider", id="unknown-provider"),
    ],
)
def test_config_problems(config, problem):
    """A config that cannot be right is refused with the reason."""
    with pytest.raises(ValidationError, match=problem):
        git_push.Config.model_validate({"path": "src"} | config)


async def test_the_commit_url_follows_the_provider(promotion, server):  # noqa: F811
    """With a provider named, the output links to the commit's page."""
    _, committed = await changed(promotion)
    result = await promotion.run("git-push", path="src", provider="gitlab")
    host = server.base.removeprefix("http://")
    assert result.outputs["commitURL"] == f"https://{host}/config/-/commit/{committed.outputs['commit']}"


WORKER = """
import asyncio, json, sys
from pathlib import Path
from blocks.git.mirror import Mirrors
from tests.flows.promotion.steps.git_promotion import Promotion
from tests.servers.git_http import GitServer

async def main(base, root, work_dir, mirrors, cloned):
    print("started", flush=True)
    server = GitServer(base, Path(root), Path(root).parent)
    place = Promotion(server, Path(work_dir), Mirrors(Path(mirrors), timeout=20))
    # The ledger knows that git-clone is done, and of which commit.
    await place.restore("git-clone", {"commits": {"src": cloned}}, checkout=[{"path": "src", "branch": "main"}])
    place.write("tag: v2\\nother: 1\\n\\n\\n\\n\\nlast: 1\\n")
    await place.run("git-commit", path="src", message="Promote v2")
    print(json.dumps((await place.run("git-push", path="src")).outputs))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.long
async def test_killed_at_any_moment_it_ends_with_one_commit(promotion, server):  # noqa: F811
    """Workers that are killed ever later, and one that is not, leave one commit on a moving branch."""
    command = [sys.executable, "-c", WORKER, server.base, str(server.root), str(promotion.work_dir)]
    command += [str(promotion.mirrors.root), server.tip()]
    for number in range(5):
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path.cwd())
        assert worker.stdout.readline() == b"started\n"
        await asyncio.sleep(0.25 * number)
        worker.kill()
        worker.communicate()
        server.commit({f"docs/{number}.md": "x"}, f"theirs {number}")
    last = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, cwd=Path.cwd())
    assert last.returncode == 0, last.stderr
    bare = server.root / "config.git"
    ours = run("log", "--format=%H", "--grep=Drayage-Promotion", "main", cwd=bare).split()
    assert ours == [json.loads(last.stdout.splitlines()[-1])["commit"]]
    assert server.show("main:values.yaml").startswith("tag: v2")
