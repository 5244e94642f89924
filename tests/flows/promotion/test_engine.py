"""The driver saves before it goes on, never runs finished steps again, and cuts off what hangs."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from blocks.errors import Unreachable
from blocks.ledger.records import Phase, StepStatus
from flows.promotion.engine import run_steps
from flows.promotion.environment import Scope
from flows.promotion.result import Failed, Skipped, Succeeded, Waiting

KINDS = {"work": SimpleNamespace(), "hasty": SimpleNamespace(TIMEOUT=0.2)}


class Killed(BaseException):
    """The process ends here."""


class Ledger:
    """What is saved outlives the process; the process may be killed right after any save."""

    def __init__(self, lives=()):
        self.runs = {}
        self.saves = 0
        self.deaths = set(lives)

    async def save(self, run):
        self.runs[run.index] = run
        self.saves += 1
        if self.saves in self.deaths:
            raise Killed

    @property
    def known(self):
        """What a new process reads."""
        return list(self.runs.values())


class World:
    """Does attempts as scripted by alias, and counts them."""

    def __init__(self, **scripts):
        self.scripts = scripts
        self.attempts = {}

    async def attempt(self, step, run, config):
        alias = step["as"]
        self.attempts[alias] = self.attempts.get(alias, 0) + 1
        script = self.scripts.get(alias, [Succeeded({"by": alias})])
        entry = script[min(self.attempts[alias], len(script)) - 1]
        if isinstance(entry, BaseException):
            raise entry
        return await entry() if callable(entry) else entry


def step(alias, **fields):
    """A frozen step."""
    return {"as": alias, "uses": "work"} | fields


async def drive(steps, world, ledger, **options):
    """Run the steps with a clock that works and pauses that do not."""

    async def sleep(seconds):
        await asyncio.sleep(0)

    given = {"sleep": sleep, "last_attempt": 0.05} | options
    return await run_steps(
        steps,
        ledger.known,
        scope=Scope({}),
        attempt=world.attempt,
        save=ledger.save,
        now=lambda: datetime.now(UTC),
        kinds=KINDS,
        **given,
    )


STEPS = [
    step("clone"),
    step("bump", retry={"errorThreshold": 3}),
    step("push"),
    step("notify", continueOnError=True),
    step("wait"),
]
SCRIPTS = {
    "bump": [Unreachable("down"), Succeeded()],
    "push": [Skipped("nothing to push", {"commit": "c0ffee"})],
    "notify": [Failed("no such channel")],
    "wait": [Waiting("not yet"), Waiting("not yet"), Succeeded()],
}


@pytest.mark.parametrize("death", range(1, 17))
async def test_killed_after_any_save_and_gone_on(death):
    """However it dies, the next process ends the promotion the same, and repeats no finished step."""
    undisturbed = Ledger()
    expected = await drive(STEPS, World(**SCRIPTS), undisturbed)
    assert (expected.phase, undisturbed.saves) == (Phase.SUCCEEDED, 16)

    world, ledger = World(**SCRIPTS), Ledger([death])
    with pytest.raises(Killed):
        await drive(STEPS, world, ledger)
    finished = {run.alias for run in ledger.known if run.finished_at}
    before = dict(world.attempts)
    outcome = await drive(STEPS, world, ledger)

    assert (outcome.phase, outcome.message) == (Phase.SUCCEEDED, "")
    assert [run.status for run in outcome.runs] == [run.status for run in expected.runs]
    assert [run.error_count for run in outcome.runs] == [run.error_count for run in expected.runs]
    assert {alias: world.attempts[alias] for alias in finished} == {alias: before.get(alias) for alias in finished}


async def test_processes_that_live_for_one_attempt_only():
    """Eight attempts in eight processes come to the same end as in one."""
    ledger, world, deaths = Ledger(range(2, 100, 2)), World(**SCRIPTS), 0
    while deaths < 20:
        try:
            outcome = await drive(STEPS, world, ledger)
            break
        except Killed:
            deaths += 1
    assert (outcome.phase, deaths, sum(world.attempts.values())) == (Phase.SUCCEEDED, 8, 8)


async def test_a_start_is_saved_before_the_attempt_and_its_end_before_the_next():
    """What the ledger says is never behind what was done."""
    ledger = Ledger()
    seen = []

    class Watching(World):
        async def attempt(self, step, run, config):
            seen.append([(known.alias, known.status) for known in ledger.known])
            return await super().attempt(step, run, config)

    await drive([step("a"), step("b")], Watching(), ledger)
    assert seen == [[("a", StepStatus.RUNNING)], [("a", StepStatus.SUCCEEDED), ("b", StepStatus.RUNNING)]]


async def test_an_attempt_that_hangs_is_cancelled():
    """A step's own timeout, or its kind's, ends an attempt that never returns."""
    ended = []

    async def hang():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    outcome = await drive([step("slow", uses="hasty")], World(slow=[hang]), Ledger())
    assert (outcome.phase, ended) == (Phase.ERRORED, [True])
    assert outcome.message == "step 'slow' was not done within 200ms"
    assert outcome.runs[0].error_count == 0


async def test_a_timeout_of_the_step_itself_is_an_error_like_others():
    """Only our own deadline counts as the step's time being over."""
    world = World(ask=[TimeoutError("no answer"), Succeeded()])
    outcome = await drive([step("ask", retry={"timeout": "1m", "errorThreshold": 2})], world, Ledger())
    assert (outcome.phase, outcome.runs[0].error_count) == (Phase.SUCCEEDED, 1)


async def test_a_started_step_is_not_asked_again_whether_it_may():
    """The condition is evaluated once, before the first start."""
    steps = [step("a", **{"if": "${{ status('a') == '' }}"})]
    ledger, world = Ledger([1]), World()
    with pytest.raises(Killed):
        await drive(steps, world, ledger)
    assert (await drive(steps, world, ledger)).runs[0].status is StepStatus.SUCCEEDED


async def test_pauses_grow_after_errors():
    """Each error doubles the pause; a wait is as long as the step wishes."""
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)

    world = World(a=[Unreachable("x"), Unreachable("x"), Waiting("y", again_in=5.0), Succeeded()])
    steps = [step("a", retry={"errorThreshold": 9})]
    await drive(steps, world, Ledger(), sleep=sleep, chance=lambda: 0.0)
    assert pauses == [1.0, 2.0, 5.0]


async def test_every_step_to_be_done_is_surrounded():
    """A caller may wrap each step, skipped ones too, but finished ones are not seen again."""
    names = []

    async def around(step, run, finish):
        names.append(step["as"])
        return await finish()

    ledger = Ledger()
    steps = [step("a"), step("b", **{"if": "${{ failure() }}"}), step("c")]
    await drive(steps, World(), ledger, around=around)
    await drive(steps, World(), ledger, around=around)
    assert names == ["a", "b", "c"]


async def test_config_is_evaluated_before_every_attempt():
    """A later attempt sees what the earlier one put out."""
    configs = []

    class Watching(World):
        async def attempt(self, step, run, config):
            configs.append(config)
            return await super().attempt(step, run, config)

    world = Watching(a=[Waiting("y", outputs={"id": "x7"}), Succeeded()])
    await drive([step("a", config={"id": "${{ outputs.a?.id }}"})], world, Ledger())
    assert configs == [{"id": None}, {"id": "x7"}]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"uses": "wrok"}, "there is no step kind 'wrok'; known are: hasty, work", id="unknown-kind"),
        pytest.param({"retry": {"timeout": "soon"}}, "'soon' is not a duration", id="timeout"),
        pytest.param({"config": {"x": "${{ bogus() }}"}}, "the config of step 'a' could not be evaluated", id="config"),
        pytest.param({"if": "yes"}, "the condition of step 'a' could not be evaluated", id="condition"),
    ],
)
async def test_a_step_that_cannot_be_attempted_is_errored(fields, message):
    """Without an attempt, with a sentence, and for good."""
    world = World()
    outcome = await drive([step("a", **fields)], world, Ledger())
    assert (outcome.phase, world.attempts) == (Phase.ERRORED, {})
    assert message in outcome.message
