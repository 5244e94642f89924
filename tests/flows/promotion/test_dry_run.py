"""A dry run: local steps for real, others told, and what cannot be known hinders only what uses it."""

from types import SimpleNamespace

import pytest

from blocks.errors import Invalid, Unreachable
from blocks.ledger.records import StepRun
from flows.model import Model
from flows.promotion.dry_run import dry_run, uses
from flows.promotion.environment import Scope
from flows.promotion.foresight import Foreseen, effect
from flows.promotion.steps import STEPS
from tests.flows.promotion.workspace import START, step_context

SECRET = "planted-secret-5d1c"


class Anything(Model):
    """Settings of a step that says what it is told."""

    say: str = ""
    fail: str = ""


class Answers:
    """A kind of step with effects outside that tells what it would do."""

    def __init__(self, foreseen: object = None):
        self.Config, self.OUTWARD = Anything, True
        self.foreseen = foreseen

    async def foresee(self, config, ctx, imagined):
        """Tell, or fail as told."""
        if isinstance(self.foreseen, Exception):
            raise self.foreseen
        return self.foreseen or Foreseen(f"would say {config.say}", {"said": config.say}, diff=f"+{config.say}")

    async def run(self, config, ctx):
        """Never called: nothing is done outside."""
        raise AssertionError("a dry run did something outside")


TOLD = Answers()
BARE = SimpleNamespace(Config=Anything, OUTWARD=True, run=TOLD.run)
WAITING = SimpleNamespace(Config=Anything, OUTWARD=True, WAITS=True, run=TOLD.run)
UNREACHABLE = Answers(Unreachable("the server did not answer"))
WRONG = Answers(Invalid("there is no such branch"))
KINDS = {**STEPS, "told": TOLD, "bare": BARE, "waiting": WAITING, "unreachable": UNREACHABLE, "wrong": WRONG}


def step(uses_, alias, config=None, **more):
    """A frozen step."""
    return {"uses": uses_, "as": alias, "config": config or {}, **more}


async def tried(tmp_path, *steps):
    """Dry-run steps in a directory; returns each step's verdict by alias, the steps, and whether it goes through."""
    scope = Scope({"stage": "test"}, [], {"secret": lambda name: {"key": SECRET}}, [SECRET])
    done, said = [], []
    goes = await dry_run(
        list(steps), done, scope=scope, context=lambda run: step_context(tmp_path, alias=run.alias), now=START,
        say=said.append, kinds=KINDS,
    )  # fmt: skip
    assert len(said) == len(done) == len(steps)
    return {each.alias: each.verdict for each in done}, {each.alias: each for each in done}, goes


@pytest.mark.parametrize(
    ("steps", "expected", "goes"),
    [
        pytest.param(
            [step("told", "one", {"say": "hi"}), step("file-write", "two", {"path": "a", "contents": "b"})],
            {"one": "foreseen", "two": "done"},
            True,
            id="told-and-done",
        ),
        pytest.param(
            [step("told", "one", {"say": "hi"}), step("compose-output", "two", {"x": "${{ outputs.one.said }}"})],
            {"one": "foreseen", "two": "done"},
            True,
            id="plausible-outputs-are-passed-on",
        ),
        pytest.param(
            [
                step("bare", "one"),
                step("compose-output", "two", {"x": "${{ outputs.one.id }}"}),
                step("compose-output", "three", {"y": "${{ outputs['two'].x }}"}),
                step("compose-output", "four", {"z": "1"}),
            ],
            {"one": "foreseen", "two": "unforeseen", "three": "unforeseen", "four": "done"},
            True,
            id="unknown-outputs-hinder-only-what-uses-them",
        ),
        pytest.param(
            [step("bare", "one"), step("told", "two", **{"if": "${{ outputs.one.ok }}"})],
            {"one": "foreseen", "two": "unforeseen"},
            True,
            id="a-condition-over-unknown-outputs",
        ),
        pytest.param(
            [step("told", "one", **{"if": "${{ ctx.stage == 'prod' }}"}), step("waiting", "two")],
            {"one": "skipped", "two": "foreseen"},
            True,
            id="a-condition-that-is-false",
        ),
        pytest.param(
            [
                step("fail", "one", {"message": "no"}),
                step("told", "two"),
                step("told", "three", **{"if": "${{ failure() }}"}),
            ],
            {"one": "fails", "two": "skipped", "three": "foreseen"},
            False,
            id="a-step-that-fails-for-sure",
        ),
        pytest.param(
            [step("fail", "one", continueOnError=True), step("told", "two")],
            {"one": "fails", "two": "foreseen"},
            True,
            id="a-failure-that-may-be",
        ),
        pytest.param(
            [step("bare", "one"), step("delete", "two", {"path": "made-by-one", "strict": True})],
            {"one": "foreseen", "two": "unforeseen"},
            True,
            id="a-failure-after-the-unknown-is-not-sure",
        ),
        pytest.param(
            [step("unreachable", "one"), step("told", "two")],
            {"one": "unforeseen", "two": "foreseen"},
            True,
            id="a-server-that-does-not-answer",
        ),
        pytest.param(
            [step("wrong", "one"), step("told", "two")], {"one": "fails", "two": "skipped"}, False, id="wrong"
        ),
        pytest.param([step("told", "one", {"sya": "hi"})], {"one": "fails"}, False, id="a-wrong-config"),
        pytest.param([step("told", "one", {"say": "${{ nope( }}"})], {"one": "fails"}, False, id="a-wrong-expression"),
        pytest.param(
            [step("no-such", "one"), step("told", "two")], {"one": "fails", "two": "skipped"}, False, id="kind"
        ),
    ],
)
async def test_verdicts(tmp_path, steps, expected, goes):
    """Each step has its verdict, and the whole goes through unless a step that may not is sure to fail."""
    verdicts, seen, through = await tried(tmp_path, *steps)
    assert (verdicts, through) == (expected, goes), seen


async def test_the_default_shows_the_config_without_secrets(tmp_path):
    """A step that tells nothing of itself is shown with its evaluated config; nothing secret is anywhere."""
    template = "x ${{ secret('s').key }} ${{ ctx.stage }}"
    _, seen, _ = await tried(tmp_path, *(step(kind, kind, {"say": template}) for kind in ("bare", "told", "waiting")))
    assert SECRET not in repr(seen)
    assert "say: x ***** test" in seen["bare"].description
    assert (seen["waiting"].effect, seen["told"].diff) == ("waiting", "+x ***** test")


@pytest.mark.parametrize(
    ("templates", "alias", "step", "found"),
    [
        pytest.param("${{ outputs.push.commit }}", "x", ("push", "git-push"), True, id="dot"),
        pytest.param("${{ outputs?.push?.commit }}", "x", ("push", "git-push"), True, id="optional"),
        pytest.param(["a", {"b": "${{ outputs['push'].commit }}"}], "x", ("push", "git-push"), True, id="deep"),
        pytest.param("${{ outputs['t::push'].commit }}", "x", ("t::push", "git-push"), True, id="in-full"),
        pytest.param("${{ task.outputs.push.commit }}", "t::x", ("t::push", "git-push"), True, id="in-its-task"),
        pytest.param("${{ task.outputs.push.commit }}", "u::x", ("t::push", "git-push"), False, id="in-another-task"),
        pytest.param("${{ outputs.t.commit }}", "x", ("t::out", "compose-output"), True, id="published"),
        pytest.param("${{ outputs.t.commit }}", "x", ("t::push", "git-push"), False, id="not-published"),
        pytest.param("${{ toJSON(outputs) }}", "x", ("push", "git-push"), True, id="all"),
        pytest.param("${{ outputs[vars.which].commit }}", "x", ("push", "git-push"), True, id="chosen"),
        pytest.param("${{ outputs.pushed.commit }}", "x", ("push", "git-push"), False, id="longer-name"),
        pytest.param("${{ outputs.push-two }}", "x", ("push", "git-push"), False, id="longer-name-with-dash"),
        pytest.param("outputs.push.commit", "x", ("push", "git-push"), False, id="no-expression"),
        pytest.param("outputs of ${{ ctx.stage }}", "x", ("push", "git-push"), False, id="words-beside-it"),
        pytest.param(None, "x", ("push", "git-push"), False, id="nothing"),
    ],
)
def test_uses(templates, alias, step, found):
    """Whether templates name a step's outputs is found however they are written."""
    run = StepRun(0, *step)
    assert uses(templates, alias, [run]) == (run.alias if found else "")


@pytest.mark.parametrize("name", sorted(STEPS))
async def test_every_kind_declares_what_it_does(name):
    """Every kind is local, outward or waiting; those whose name says that they wait do."""
    told = effect(STEPS[name])
    assert told in ("local", "outward", "waiting")
    if "wait" in name.split("-"):
        assert told == "waiting"
