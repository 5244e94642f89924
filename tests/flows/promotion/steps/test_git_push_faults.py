"""git-push against a server that fails now and then: everybody's commit arrives once, or the step says why not."""

import asyncio

import pytest

from blocks.errors import Retryable, Unauthorized, Unavailable
from blocks.git import push
from blocks.git.mirror import Mirrors
from deployments.sandbox.faults import Fault
from deployments.sandbox.server import Sandbox
from flows.promotion.result import Succeeded
from tests.flows.promotion.steps.git_promotion import Promotion
from tests.servers.git_http import run

SEVERAL = 4


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Wait hundredths of the time between two tries."""
    monkeypatch.setattr(push, "FIRST_PAUSE", 0.02)


@pytest.fixture
async def sandbox(tmp_path):
    """A repository in a world that can be disturbed."""
    async with Sandbox(tmp_path / "sandbox") as running:
        await running.create_repository("config", {"values.yaml": "tag: v1\n"})
        yield running


@pytest.fixture
async def places(sandbox, tmp_path):
    """Promotions of one worker with a commit each, not yet pushed."""
    mirrors, found = Mirrors(tmp_path / "mirrors", timeout=20), []
    for number in range(SEVERAL):
        work_dir = tmp_path / f"work-{number}"
        work_dir.mkdir()
        place = Promotion(sandbox, work_dir, mirrors, f"test.{number}")
        checkout = [{"branch": "main", "path": "src"}]
        await place.run("git-clone", repoURL=sandbox.git_url("config"), checkout=checkout)
        place.write(f"tag: {number}", f"app{number}.yaml")
        await place.run("git-commit", path="src", message=f"Promote {number}")
        found.append(place)
    return found


async def pushed(places, **config):
    pushes = (place.run("git-push", path="src", **config) for place in places)
    return await asyncio.gather(*pushes, return_exceptions=True)


def on_main(sandbox):
    return run("rev-list", "main", cwd=sandbox.world.git.path("config")).split()


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "status", "status": 503}, id="503"),
        pytest.param({"kind": "status", "status": 502}, id="502"),
        pytest.param({"kind": "rate_limit", "retry_after": 0.01}, id="429"),
        pytest.param({"kind": "drop"}, id="dropped-before-it-was-done"),
        pytest.param({"kind": "truncate"}, id="dropped-after-it-was-done"),
        pytest.param({"kind": "garbage"}, id="garbage"),
    ],
)
async def test_what_passes_is_tried_again(sandbox, places, fault):
    """Twice nothing comes of the push, or nobody hears of it: then all are there, once, each as its step says."""
    sandbox.faults.add(Fault(match="^.*/git-receive-pack", method="POST", times=2, **fault))
    results = await pushed(places)
    assert all(isinstance(result, Succeeded) for result in results), results
    commits = on_main(sandbox)
    assert len(commits) == SEVERAL + 1
    assert {result.outputs["commit"] for result in results} <= set(commits)


async def test_what_does_not_pass_ends_the_attempt_for_all(sandbox, places):
    """A server that is down is asked a few times, not once for each promotion; when it is back, all arrive."""
    sandbox.faults.add(Fault(match="^.*/git-receive-pack", kind="status", status=503))
    before = sum(sandbox.faults.requests.values())
    results = await pushed(places)
    assert {type(result) for result in results} == {Unavailable}
    assert sum(sandbox.faults.requests.values()) - before < 20
    sandbox.faults.clear()
    assert all(isinstance(result, Succeeded) for result in await pushed(places))
    assert len(on_main(sandbox)) == SEVERAL + 1


async def test_no_right_to_push_is_said_at_once(sandbox, places):
    """Credentials do not get better by asking again."""
    sandbox.faults.add(Fault(match="^.*/info/refs", kind="status", status=403))
    results = await pushed(places)
    assert {type(result) for result in results} == {Unauthorized}
    assert len(on_main(sandbox)) == 1


async def test_max_attempts_bounds_the_tries(sandbox, places):
    """One attempt means one."""
    sandbox.faults.add(Fault(match="^.*/git-receive-pack", method="POST", kind="status", status=503, times=1))
    (result,) = await pushed(places[:1], maxAttempts=1)
    assert isinstance(result, Retryable)
    assert isinstance((await pushed(places[:1], maxAttempts=1))[0], Succeeded)
