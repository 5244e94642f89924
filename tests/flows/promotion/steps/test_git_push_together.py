"""Promotions that push to one branch at the same time: one push, a commit each, and nobody spoils it for others."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from blocks.errors import Terminal
from blocks.git import push
from blocks.git.mirror import Mirrors
from flows.promotion.result import Failed, Succeeded
from tests.flows.promotion.steps.git_promotion import Promotion, promotion, server  # noqa: F401
from tests.servers.git_http import run

SEVERAL = 8


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Wait hundredths of the time between two tries."""
    monkeypatch.setattr(push, "FIRST_PAUSE", 0.02)


@pytest.fixture
def worker(server, tmp_path):  # noqa: F811
    """Promotions of one worker: they share its mirrors."""
    mirrors = Mirrors(tmp_path / "shared", timeout=20)

    async def several(count=SEVERAL, **config):
        places = []
        for number in range(count):
            work_dir = tmp_path / f"work-{number}"
            work_dir.mkdir()
            places.append(Promotion(server, work_dir, mirrors, f"test.{number}"))
        await asyncio.gather(*(changed(place, number, **config) for number, place in enumerate(places)))
        return places

    return several


async def changed(place, number, **config):
    """Clone, write a file of this promotion's own, commit."""
    await place.run("git-clone", checkout=[{"branch": "main", "path": "src"}], **config)
    place.write(f"tag: {number}", f"app{number}.yaml")
    await place.run("git-commit", path="src", message=f"Promote {number}")


async def pushed(places, **config):
    """Push from all at once; a failure is an answer."""
    given = {"path": "src", "provider": "gitea"} | config
    return await asyncio.gather(*(place.run("git-push", **given) for place in places), return_exceptions=True)


def told(server, commit):  # noqa: F811
    """Return what a commit on the server says about itself, and what it changed."""
    form = "--format=%s|%(trailers:key=Drayage-Promotion,valueonly,separator=%x2C)|"
    return run("show", form, "--name-only", commit, cwd=server.root / "config.git").split()


async def test_they_go_out_together_and_each_knows_its_commit(worker, server):  # noqa: F811
    """Few pushes; each reports the commit that is on the branch with its file and trailers, and stands on it."""
    places = await worker()
    results = await pushed(places)
    assert all(isinstance(result, Succeeded) for result in results)
    assert server.pushes() <= SEVERAL // 2
    assert server.count() == SEVERAL + 1
    on_main = run("rev-list", "--first-parent", "main", cwd=server.root / "config.git").split()
    for number, (place, result) in enumerate(zip(places, results, strict=True)):
        commit = result.outputs["commit"]
        assert commit in on_main
        assert result.outputs["commitURL"].endswith(f"/config/commit/{commit}")
        assert told(server, commit) == ["Promote", f"{number}|test.{number}|", f"app{number}.yaml"]
        assert run("rev-parse", "HEAD", cwd=place.work_dir / "src") == commit
        assert run("status", "--porcelain", cwd=place.work_dir / "src") == ""


async def test_one_that_conflicts_fails_alone(worker, server):  # noqa: F811
    """The one whose change a person must judge says which file; all others arrive in the same pushes."""
    places = await worker()
    places[3].write("tag: mine\nother: 1\n\n\n\n\nlast: 1")
    await places[3].run("git-commit", alias="more", path="src", message="Promote more")
    server.commit({"values.yaml": "tag: theirs"}, "theirs")
    results = await pushed(places)
    assert isinstance(results[3], Failed)
    assert "'Promote more'" in results[3].message
    assert "values.yaml" in results[3].message
    assert sum(isinstance(result, Succeeded) for result in results) == SEVERAL - 1
    assert server.pushes() <= SEVERAL // 2
    assert server.count() == SEVERAL + 1


async def test_one_that_leaves_holds_up_nobody(worker, server):  # noqa: F811
    """A promotion that is aborted and removed while it waits is not missed; the others' commits arrive."""
    places = await worker()
    leaving = asyncio.create_task(places[0].run("git-push", path="src"))
    staying = asyncio.gather(*(place.run("git-push", path="src") for place in places[1:]))
    await asyncio.sleep(0)
    leaving.cancel()
    places[0].lose()
    results = await staying
    assert all(isinstance(result, Succeeded) for result in results)
    assert all(server.show(f"main:app{number}.yaml") == f"tag: {number}" for number in range(1, SEVERAL))


async def test_a_rule_of_the_server_against_one_commit_fails_that_one(worker, server):  # noqa: F811
    """A hook that refuses one promotion's file refuses the push of all; each is then sent by itself."""
    places = await worker(4)
    hook = server.root / "config.git/hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ngit ls-tree --name-only $3 | grep -q app2 || exit 0\necho 'app2 is frozen'\nexit 1\n")
    hook.chmod(0o755)
    results = await pushed(places)
    assert isinstance(results[2], Terminal)
    assert "app2 is frozen" in str(results[2])
    assert [isinstance(result, Succeeded) for result in results] == [True, True, False, True]
    assert server.count() == 4


async def test_others_who_push_meanwhile_are_taken_in(worker, server):  # noqa: F811
    """A worker elsewhere that was faster costs another look; no commit of either side is lost."""
    places = await worker(4)
    assert all(isinstance(result, Succeeded) for result in await pushed(places[:2]))
    theirs = server.commit({"docs/b.md": "b"}, "theirs")  # after which what this worker remembers is old
    assert all(isinstance(result, Succeeded) for result in await pushed(places[2:]))
    on_main = run("rev-list", "main", cwd=server.root / "config.git").split()
    assert theirs in on_main
    assert len(on_main) == 6


async def test_the_same_change_of_two_is_one_commit(worker, server):  # noqa: F811
    """Who finds the very change on the branch already has nothing to add, and says so."""
    places = await worker(2)
    for place in places:
        place.write("same", "same.yaml")
        await place.run("git-commit", alias="same", path="src", message="Same")
    results = await pushed(places)
    assert all(isinstance(result, Succeeded) for result in results)
    assert server.count() == 4
    assert server.show("main:same.yaml") == "same"


async def test_pushed_again_after_a_kill_nothing_is_there_twice(worker, server, tmp_path):  # noqa: F811
    """Each of a group whose worker died after the push finds its own commit under its new id, from a rebuilt clone."""
    places = await worker()
    start = server.tip()
    first = await pushed(places)
    pushes = server.pushes()
    server.commit({"later": "1"}, "later")
    others = []
    fresh = Mirrors(tmp_path / "fresh", timeout=20)
    for number, place in enumerate(places):
        other = place.elsewhere(tmp_path / f"other-{number}")
        other.mirrors = fresh
        await other.restore("git-clone", {"commits": {"src": start}}, checkout=[{"branch": "main", "path": "src"}])
        other.write(f"tag: {number}", f"app{number}.yaml")
        await other.run("git-commit", path="src", message=f"Promote {number}")
        others.append(other)
    again = await pushed(others)
    assert [result.outputs for result in again] == [result.outputs for result in first]
    assert {result.message for result in again} == {"already there"}
    assert server.pushes() == pushes


async def test_a_new_branch_is_founded_together(worker, server):  # noqa: F811
    """Several that push to a branch there is not yet make it once, with the commits of all."""
    places = await worker(3)
    results = await pushed(places, targetBranch="env/new")
    assert all(isinstance(result, Succeeded) for result in results)
    assert server.count("env/new") == 4


async def test_forced_pushes_go_alone(worker, server):  # noqa: F811
    """Generated branches are nobody else's: each gets its own push."""
    places = await worker(3)
    results = await pushed(places, generateTargetBranch=True)
    assert [result.outputs["branch"] for result in results] == [f"kargo/promotion/test.{n}" for n in range(3)]
    assert server.pushes() == 3


WORKER = """
import asyncio, os, signal, sys
from pathlib import Path
from blocks.git import group
from blocks.git.mirror import Mirrors
from tests.flows.promotion.steps.git_promotion import Promotion
from tests.servers.git_http import GitServer

async def one(place, number, cloned):
    await place.restore("git-clone", {"commits": {"src": cloned}}, checkout=[{"path": "src", "branch": "main"}])
    place.write(f"tag: {number}", f"app{number}.yaml")
    await place.run("git-commit", path="src", message=f"Promote {number}")
    result = await place.run("git-push", path="src")
    return result.outputs["commit"]

def doomed(point, send, calls=[0]):
    async def surrounded(*args, **options):
        calls[0] += 1
        if point == f"before:{calls[0]}":
            os.kill(os.getpid(), signal.SIGKILL)
        sent = await send(*args, **options)
        if point == f"after:{calls[0]}":
            os.kill(os.getpid(), signal.SIGKILL)
        return sent
    return surrounded

async def main(base, root, folder, cloned, count, point=""):
    group.send = doomed(point, group.send)
    server, mirrors = GitServer(base, Path(root), Path(root).parent), Mirrors(Path(folder) / "mirrors", timeout=20)
    places = [Promotion(server, Path(folder) / f"work-{n}", mirrors, f"test.{n}") for n in range(int(count))]
    for place in places:
        place.work_dir.mkdir(exist_ok=True)
    print("started", flush=True)
    for commit in await asyncio.gather(*(one(place, n, cloned) for n, place in enumerate(places))):
        print(commit)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("point", ["before:1", "after:1", "before:2", "after:2"])
async def test_a_worker_killed_around_a_push_loses_and_doubles_nothing(server, tmp_path, point):  # noqa: F811
    """The first push carries one promotion, the second the rest; whoever goes on finds what arrived, and only that."""
    command = [sys.executable, "-c", WORKER, server.base, str(server.root), str(tmp_path), server.tip(), "6"]
    doomed = await asyncio.to_thread(subprocess.run, [*command, point], capture_output=True, timeout=60, cwd=Path.cwd())
    assert doomed.returncode == -signal.SIGKILL
    arrived = server.count() - 1
    assert {"before:1": arrived == 0, "after:1": arrived == 1, "before:2": arrived == 1}.get(point, arrived > 1)
    last = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, cwd=Path.cwd())
    assert last.returncode == 0, last.stderr
    ours = run("log", "--format=%H", "--grep=Drayage-Promotion", "main", cwd=server.root / "config.git").split()
    assert sorted(ours) == sorted(last.stdout.split()[1:])
    assert len(ours) == 6


@pytest.mark.slow
@pytest.mark.long
async def test_a_worker_killed_at_any_moment_loses_and_doubles_nothing(server, tmp_path):  # noqa: F811
    """Workers that die ever later while a group is on its way, then one that lives: one commit each."""
    command = [sys.executable, "-c", WORKER, server.base, str(server.root), str(tmp_path), server.tip(), "6"]
    for number in range(6):
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path.cwd())
        assert worker.stdout.readline() == b"started\n"
        await asyncio.sleep(0.2 + 0.2 * number)
        worker.kill()
        worker.communicate()
        server.commit({f"docs/{number}.md": "x"}, f"theirs {number}")
    last = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, cwd=Path.cwd())
    assert last.returncode == 0, last.stderr
    ours = run("log", "--format=%H", "--grep=Drayage-Promotion", "main", cwd=server.root / "config.git").split()
    assert sorted(ours) == sorted(last.stdout.split()[1:])
    assert all(server.show(f"main:app{number}.yaml") == f"tag: {number}" for number in range(6))
    assert not list(tmp_path.glob("mirrors/*.group"))
