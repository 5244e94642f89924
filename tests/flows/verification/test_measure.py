"""A verification takes its measurements in time, ends when it may, and goes on where it was."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from blocks.errors import Invalid, RateLimited, Unavailable
from flows.verification.combine import Planned
from flows.verification.measure import AT_ONCE, Soaking, Surroundings, began_at, begun, run_verification, shown
from flows.verification.measuring import Measured, Underway
from flows.verification.model import Metric
from tests.flows.verification.contract import measured
from tests.servers.prometheus import prometheus_url  # noqa: F401

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def planned(name="m", *, dry_run=False, retain=10, query="up", address="http://p", **fields):
    provider = {"prometheus": {"address": address, "query": query}}
    written = {"name": name, "provider": provider, "successCondition": "result < 1"} | fields
    return Planned(Metric.model_validate(written), dry_run, retain)


class Course:
    """The values metrics take one after the other, on a clock that only sleeping moves on."""

    def __init__(self, **values):
        self.values = {name: list(course) for name, course in values.items()}
        self.time = NOON
        self.taken = []
        self.recorded = []

    async def sample(self, metric, number, metadata):
        self.taken.append((metric.name, (self.time - NOON).total_seconds()))
        value = self.values[metric.name].pop(0)
        if isinstance(value, Exception):
            raise value
        return Measured(value, {"query": "token=hush"})

    async def record(self, results):
        self.recorded.append(results)

    async def sleep(self, seconds):
        woken = self.time + timedelta(seconds=seconds)
        await asyncio.sleep(seconds / 1000)
        self.time = max(self.time, woken)

    def around(self, **fields):
        return Surroundings(self.sample, self.record, lambda: self.time, self.sleep, **fields)


async def verify(course, *plan, recorded=(), **fields):
    async with asyncio.timeout(10):
        return await run_verification(plan, NOON, course.around(**fields), recorded)


@pytest.mark.parametrize(
    ("values", "fields", "phase", "message"),
    [
        pytest.param([0.5], {}, "Successful", "", id="success"),
        pytest.param([2.0], {}, "Failed", "metric 'm' assessed Failed due to failed (1) > failureLimit (0)", id="fail"),
        pytest.param(
            [1.5],
            {"failureCondition": "result > 2"},
            "Inconclusive",
            "metric 'm' assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0)",
            id="inconclusive",
        ),
        pytest.param(
            [Unavailable("no route")],
            {"consecutiveErrorLimit": 0},
            "Error",
            "metric 'm' assessed Error due to consecutiveErrors (1) > consecutiveErrorLimit (0): no route",
            id="error",
        ),
        pytest.param([Unavailable("no route"), 0.5], {}, "Successful", "", id="an-error-passes"),
        pytest.param([2.0, 0.5], {"count": 2, "interval": "5s", "failureLimit": 1}, "Successful", "", id="borne"),
    ],
)
async def test_outcomes(values, fields, phase, message):
    """The measurements decide, and the sentence says which metric and why."""
    assert (await verify(Course(m=values), planned(**fields)))[:2] == (phase, message)


@pytest.mark.parametrize(
    ("values", "fields", "times"),
    [
        pytest.param([0.5] * 3, {"initialDelay": "2s", "interval": "3s", "count": 3}, [2.0, 5.0, 8.0], id="interval"),
        pytest.param([Unavailable("no route"), 0.5], {}, [0.0, 10.0], id="after-an-error"),
    ],
)
async def test_times(values, fields, times):
    """Measurements are taken after the delay and then at the interval, or ten seconds after an error without one."""
    course = Course(m=values)
    await verify(course, planned(**fields))
    assert course.taken == [("m", at) for at in times]


async def test_a_delay_survives_a_kill():
    """A metric's delay runs from when measuring began, which is known before anything is measured, and ever after."""
    course, plan = Course(m=[0.5, 0.5]), planned(initialDelay="2h", interval="1h", count=2)
    recorded = begun([plan], NOON)
    assert (began_at(recorded, NOON + timedelta(hours=1)), began_at([], NOON)) == (NOON, NOON)
    outcome = await verify(course, plan, recorded=recorded, leave_after=300.0)
    assert outcome == Soaking(NOON + timedelta(hours=2))
    course.time = outcome.until
    outcome = await verify(course, plan, recorded=recorded, leave_after=300.0)
    assert outcome == Soaking(NOON + timedelta(hours=3))
    assert began_at(course.recorded[-1], NOON - timedelta(hours=1)) == NOON


async def test_what_failed_is_ended():
    """A measurement that was begun, or may have been, and ends as an error does not go on unseen."""
    course, ended = Course(m=[Unavailable("lost"), Invalid("no cluster"), 0.5]), []

    async def end(metric, number, metadata):
        ended.append((number, dict(metadata)))

    assert (await verify(course, planned(), end=end))[0] == "Successful"
    assert ended == [(1, {})]


async def test_one_failure_ends_all():
    """When a metric that counts fails, the others are not waited for and do not speak against the Freight."""
    course = Course(bad=[2.0], long=[0.5] * 99)
    phase, _, results = await verify(
        course, planned("bad"), planned("long", interval="1h"), planned("late", initialDelay="2h")
    )
    assert phase == "Failed"
    assert [result["phase"] for result in results] == ["Failed", "Successful", "Successful"]


async def test_a_dry_run_ends_nothing():
    """A dry run that fails is recorded and changes nothing."""
    course = Course(dry=[2.0], m=[0.5, 0.5])
    phase, message, results = await verify(course, planned("dry", dry_run=True), planned(interval="1s", count=2))
    assert (phase, message) == ("Successful", "")
    assert [(result["phase"], result["dryRun"]) for result in results] == [("Failed", True), ("Successful", False)]


async def test_resumes():
    """A run that is killed goes on after the last measurement that was recorded, at the time that follows from it."""
    course = Course(m=[0.5, 2.0, 0.5, 0.5])
    fields = {"interval": "5s", "count": 4, "failureLimit": 1}
    run = asyncio.create_task(verify(course, planned(**fields)))
    async with asyncio.timeout(5):
        while len(course.recorded) < 2:
            await asyncio.sleep(0)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    phase, _, [result] = await verify(course, planned(**fields), recorded=course.recorded[1])
    assert (phase, result["count"], result["failed"]) == ("Successful", 4, 1)
    assert course.taken == [("m", 0.0), ("m", 5.0), ("m", 10.0), ("m", 15.0)]


async def test_what_is_decided_stays_so():
    """A finished verification that is run again measures nothing."""
    course = Course(m=[2.0])
    first = await verify(course, planned())
    assert await verify(course, planned(), recorded=first[2]) == first
    assert len(course.taken) == 1


async def test_every_measurement_is_recorded():
    """What is recorded only grows, so that the last record is always the truth."""
    course = Course(a=[0.5] * 5, b=[0.5] * 5)
    await verify(course, *(planned(name, interval="1s", count=5) for name in "ab"))
    sums = [sum(result["count"] for result in results) for results in course.recorded]
    assert sums == sorted(sums)
    assert sums[-1] == 10


async def test_retention():
    """Only the newest measurements are kept, while all are counted."""
    course = Course(m=[0.1, 0.2, 0.3, 0.4])
    _, _, [result] = await verify(course, planned(interval="1s", count=4, retain=2))
    assert ([each["value"] for each in result["measurements"]], result["count"]) == (["0.3", "0.4"], 4)


async def test_secrets_are_hidden():
    """No secret gets into what is recorded, whoever's message repeats it."""
    course = Course(m=[Unavailable("Bearer hush was refused"), 0.5])
    await verify(course, planned(), secrets=("hush",))
    assert "hush" not in str(course.recorded)
    assert "Bearer ***** was refused" in str(course.recorded)


async def test_peace_is_kept():
    """A server that asks for peace is not asked again before, whatever the interval; a verdict it is not."""
    course = Course(m=[RateLimited("429", 60.0), 0.5])
    phase, _, [result] = await verify(course, planned(interval="5s", count=1))
    assert (phase, result["error"], course.taken) == ("Successful", 1, [("m", 0.0), ("m", 60.0)])


async def test_a_measurement_that_takes_its_time():
    """What was begun is asked for again with its own metadata and number, and is one measurement in the end."""
    course, seen = Course(), []

    async def sample(metric, number, metadata):
        seen.append((number, dict(metadata), (course.time - NOON).total_seconds()))
        return Measured(0.5) if len(seen) == 3 else Underway(30, {"id": "x"})

    around = Surroundings(sample, course.record, lambda: course.time, course.sleep)
    phase, _, [result] = await run_verification([planned()], NOON, around)
    assert (phase, result["count"], len(result["measurements"])) == ("Successful", 1, 1)
    assert seen == [(1, {}, 0.0), (1, {"id": "x"}, 30.0), (1, {"id": "x"}, 60.0)]
    assert course.recorded[0][0]["measurements"][0]["phase"] == "Running"


async def test_soaks():
    """Nobody sleeps between measurements far apart: the verification says when to go on, and takes none twice."""
    course, plan, times = Course(m=[0.5] * 3), planned(interval="2h", count=3), []
    outcome = await verify(course, plan, leave_after=300.0)
    while isinstance(outcome, Soaking):
        times.append((outcome.until - NOON).total_seconds())
        course.time = outcome.until
        outcome = await verify(course, plan, recorded=course.recorded[-1], leave_after=300.0)
    phase, _, [result] = outcome
    assert (phase, result["count"], times) == ("Successful", 3, [7200.0, 14400.0])
    assert [at for _, at in course.taken] == [0.0, 7200.0, 14400.0]


async def test_soaks_only_when_all_do():
    """While one metric is measured often, the verification stays."""
    course = Course(often=[0.5] * 4, rare=[0.5] * 2)
    plan = planned("often", interval="10s", count=4), planned("rare", interval="1h", count=2)
    outcome = await verify(course, *plan, leave_after=300.0)
    assert outcome == Soaking(NOON + timedelta(hours=1))
    assert len(course.taken) == 5


async def test_a_decided_verification_does_not_soak():
    """A failure ends all at once, however long the others would sleep."""
    course = Course(bad=[2.0], rare=[0.5])
    outcome = await verify(course, planned("rare", interval="9h", count=2), planned("bad"), leave_after=300.0)
    assert outcome[0] == "Failed"


async def test_concurrency_is_bounded():
    """However many metrics there are, only so many are measured at the same time."""
    under_way, most = 0, 0

    async def sample(metric, number, metadata):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.005)
        under_way -= 1
        return Measured(0.5)

    async def record(results):
        """Keep nothing."""

    around = Surroundings(sample, record, lambda: datetime.now(UTC))
    phase, _, results = await run_verification([planned(str(index)) for index in range(3 * AT_ONCE)], NOON, around)
    assert (phase, len(results), most) == ("Successful", 3 * AT_ONCE, AT_ONCE)


async def test_a_record_that_fails_is_no_verdict():
    """When nothing can be recorded the verification ends with that error instead of going on unseen."""

    async def record(results):
        raise Unavailable("the ledger is away")

    course = Course(m=[0.5])
    around = Surroundings(course.sample, record, lambda: NOON, course.sleep)
    with pytest.raises(Unavailable, match="ledger is away"):
        await run_verification([planned()], NOON, around)


@pytest.mark.parametrize(
    ("query", "conditions", "phase"),
    [
        pytest.param("sum(error_rate)", {"successCondition": "result[0] < 0.8"}, "Successful", id="success"),
        pytest.param("sum(error_rate)", {"successCondition": "result[0] < 0.7"}, "Failed", id="failure"),
        pytest.param(
            "sum(error_rate)",
            {"successCondition": "result[0] < 0.5", "failureCondition": "result[0] > 0.9"},
            "Inconclusive",
            id="inconclusive",
        ),
        pytest.param("nothing / nothing", {"successCondition": "isNaN(result[0])"}, "Successful", id="not-a-number"),
        pytest.param("no_such_metric", {"successCondition": "result[0] < 1"}, "Error", id="no-data"),
        pytest.param("no_such_metric", {"successCondition": "len(result) == 0"}, "Successful", id="no-data-wanted"),
        pytest.param("sum(", {}, "Error", id="bad-query"),
    ],
)
async def test_against_prometheus(prometheus_url, query, conditions, phase):  # noqa: F811
    """Conditions over what a real Prometheus answers give each of the verdicts."""
    wanted = planned(query=query, address=prometheus_url, consecutiveErrorLimit=0, **conditions)

    async def sample(metric, number, metadata):
        return await measured("prometheus", metric.provider.settings.model_dump(), now=datetime.now(UTC))

    async def record(results):
        """Keep nothing."""

    around = Surroundings(sample, record, lambda: datetime.now(UTC))
    assert (await run_verification([wanted], datetime.now(UTC), around))[0] == phase


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(0.5, "0.5", id="number"),
        pytest.param((0.25, float("nan"), 1e-7), "[0.25,nan,1e-07]", id="list"),
        pytest.param({"a": 1}, "{'a': 1}", id="json"),
        pytest.param("x" * 2000, "x" * 1000 + "…", id="long"),
    ],
)
def test_shown(value, text):
    """Values are shown short enough to read."""
    assert shown(value) == text
