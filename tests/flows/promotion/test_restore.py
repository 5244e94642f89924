"""A lost working directory is built again from the ledger, and nothing outside is touched."""

from dataclasses import replace

import pytest

from blocks.errors import Invalid, NotFound
from blocks.ledger.records import StepRun, StepStatus
from flows.promotion.attempt import attempt
from flows.promotion.engine import run_steps
from flows.promotion.environment import Scope
from flows.promotion.restore import restore
from tests.flows.promotion.answering import answer, answering
from tests.flows.promotion.workspace import START, step_context

SCOPE = Scope({}, [{"name": "tag", "value": "1.2.0"}])


def step(alias, uses, **config):
    """A frozen step."""
    return {"as": alias, "uses": uses, "config": config}


def pipeline(url):
    """Steps that build on each other's files and outputs, with one that reaches outside."""
    return [
        step("copy", "copy", inPath="seed", outPath="work"),
        step("bump", "yaml-update", path="work/v.yaml", updates=[{"key": "tag", "value": "${{ quote(vars.tag) }}"}]),
        step("tell", "http", url=url, method="POST", body="${{ outputs.bump.commitMessage }}"),
        step("note", "yaml-update", path="work/v.yaml", updates=[{"key": "by", "value": "${{ status('tell') }}"}]),
        step("stop", "fail") | {"if": "${{ failure() }}"},
    ]


def seed(root):
    """What a first step would have fetched."""
    (root / "seed").mkdir(parents=True)
    (root / "seed/v.yaml").write_text("tag: 1.0.0 # released\nby: nobody\n")
    return root


async def ran(steps, root):
    """The steps, run to the end."""
    saved = {}

    async def once(step, run, config):
        return await attempt(step, config, step_context(root))

    async def save(run):
        saved[run.index] = run

    outcome = await run_steps(steps, [], scope=SCOPE, attempt=once, save=save, now=lambda: START)
    assert outcome.phase == "Succeeded", outcome.message
    return list(saved.values())


@pytest.mark.parametrize("finished", range(5))
async def test_the_directory_is_as_it_was(tmp_path, finished):
    """After any number of finished steps a new directory has what the old one had."""
    async with answering(answer(200)) as server:
        steps = pipeline(server.url)
        runs = await ran(steps, seed(tmp_path / "whole"))
        await ran(steps[:finished], seed(tmp_path / "before"))
        asked = len(server.seen)
        context = lambda run: step_context(seeded)  # noqa: E731
        seeded = seed(tmp_path / "after")
        await restore(steps, runs[:finished], scope=SCOPE, context=context)
        assert len(server.seen) == asked
    before, after = (
        {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "before", seeded)
    )
    assert after == before


async def test_only_what_succeeded_is_done_again(tmp_path):
    """A step that failed, is under way, was skipped or is of an unknown kind is left out."""
    root = seed(tmp_path)
    done = StepRun(0, "copy", "copy", StepStatus.SUCCEEDED, 1, 0, START, START)
    others = [
        replace(done, status=StepStatus.FAILED),
        replace(done, finished_at=None),
        replace(done, status=StepStatus.SKIPPED, attempts=0),
        replace(done, uses="gone"),
    ]
    for run in others:
        await restore(pipeline("")[:1], [run], scope=SCOPE, context=lambda run: step_context(root))
    assert not (root / "work").exists()


async def test_a_step_that_no_longer_succeeds(tmp_path):
    """What cannot be built again is said, not passed over."""
    done = StepRun(0, "copy", "copy", StepStatus.SUCCEEDED, 1, 0, START, START)
    with pytest.raises(NotFound):
        await restore(pipeline("")[:1], [done], scope=SCOPE, context=lambda run: step_context(tmp_path))
    with pytest.raises(Invalid, match="'copy' succeeded before"):
        runs = [replace(done, uses="fail")]
        await restore([step("copy", "fail")], runs, scope=SCOPE, context=lambda run: step_context(tmp_path))
