"""A verification whose measurements are Jobs, from start to end, on a cluster that runs them."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from blocks.argocd import ArgoCD
from blocks.budget import Budgets
from blocks.kubernetes_jobs import Jobs
from blocks.web import Web
from flows.verification.combine import Planned
from flows.verification.job import job_name
from flows.verification.measure import Surroundings, run_verification
from flows.verification.model import Metric
from flows.verification.sampling import Sampling
from flows.verification.sharing import Sharing
from tests.servers.job_cluster import Job, JobCluster
from tests.servers.recording import recording

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
AWAY = (503, {"retry-after": "30"}, {"message": "etcd is away"})


def job(image="ok", name="smoke", *, spec=None, **fields):
    """A metric that runs a Job."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "check", "image": image}]}
    provider = {"job": {"spec": {"template": {"spec": pod}, "backoffLimit": 0} | (spec or {})}}
    return Planned(Metric.model_validate({"name": name, "provider": provider} | fields))


class Course:
    """One verification over a cluster; only its own sleeping lets time pass."""

    def __init__(self, sampling, cluster):
        self.sampling, self.cluster = sampling, cluster
        self.recorded, self.logs = [], []
        self.at_sleep = lambda: None

    def now(self):
        return NOON + timedelta(seconds=self.cluster.now)

    async def sleep(self, seconds):
        if seconds:
            self.at_sleep()
        self.cluster.pass_time(seconds)

    async def record(self, results):
        self.recorded.append(results)

    async def keep_logs(self, metric, number, logs):
        self.logs.append((metric.name, number, logs))

    async def run(self, *plan, recorded=()):
        around = Surroundings(
            self.sampling.sample,
            self.record,
            self.now,
            self.sleep,
            secrets=("hush-token",),
            keep_logs=self.keep_logs,
            end=self.sampling.end,
        )
        return await run_verification(plan, NOON, around, recorded)


@pytest.fixture
async def course():
    """A verification of Stage test, and its cluster."""
    async with opened() as found:
        yield found


@asynccontextmanager
async def opened():
    cluster, web = JobCluster(), Web()
    with recording(cluster) as server:
        connection = ArgoCD.from_token(server.url, "t")

        async def jobs():
            return Jobs(connection.asking, "checks")

        async def secrets(_shared):
            return {}

        made = Course(None, cluster)
        made.sampling = Sampling("shop", "test", "test.1", web, Budgets(), Sharing(), made.now, secrets, jobs)
        try:
            yield made
        finally:
            await connection.close()
            await web.aclose()


@pytest.mark.parametrize(
    ("image", "spec", "phase", "said", "pods"),
    [
        pytest.param("ok", {}, "Successful", "CompletionsReached", 1, id="complete"),
        pytest.param("fails", {"backoffLimit": 2}, "Failed", "BackoffLimitExceeded", 3, id="failed-thrice"),
        pytest.param("sleeps", {"activeDeadlineSeconds": 30}, "Failed", "DeadlineExceeded", 1, id="deadline"),
    ],
)
async def test_its_whole_course(course, image, spec, phase, said, pods):
    """A Job is one measurement from pending to its end, which is the verdict; all its logs are kept without secrets."""
    ended, _, [result] = await course.run(job(image, spec=spec))
    assert (ended, result["count"], result["error"]) == (phase, 1, 0)
    assert said in result["measurements"][0]["message"]
    assert "Running" in course.cluster.phases
    [(_, number, logs)] = course.logs
    assert (number, logs.count("--- "), logs.count("says *****"), "hush" in logs) == (1, pods, pods, False)
    assert list(course.cluster.jobs) == [job_name("test.1.smoke.1")]
    course.cluster.pass_time(86_400)
    assert course.cluster.jobs == {}


async def test_an_image_that_cannot_be_pulled(course):
    """What never starts is inconclusive, says why, and is not left to start some day."""
    ended, message, [result] = await course.run(job("missing"))
    assert ended == "Inconclusive"
    assert "container 'check'" in result["measurements"][0]["message"]
    assert "ImagePullBackOff: Back-off pulling" in result["measurements"][0]["message"]
    assert "inconclusive (1)" in message
    assert (course.cluster.jobs, course.cluster.orphans) == ({}, [])


async def test_several_measurements_are_several_jobs(course):
    """Each measurement has a Job of its own."""
    ended, _, [result] = await course.run(job(count=3, interval="10s"))
    assert (ended, result["count"], len(course.cluster.jobs)) == ("Successful", 3, 3)


async def test_a_name_that_is_taken(course):
    """Somebody else's Job of the name is an error of the measurement, and is neither judged nor deleted."""
    name = job_name("test.1.smoke.1")
    theirs = {"metadata": {"name": name, "labels": {}}, "spec": {"template": {"spec": {"containers": [{}]}}}}
    course.cluster.jobs[name] = Job(theirs, 0.0, ended={"type": "Complete", "status": "True"})
    ended, _, [result] = await course.run(job())
    assert (ended, result["error"]) == ("Successful", 1)
    assert "exists already and is another's" in result["measurements"][0]["message"]
    assert course.cluster.jobs[name].document is theirs


async def test_a_verdict_elsewhere_ends_it(course):
    """When another metric decides, the Job that still runs is deleted with its pods."""
    ended, _, results = await course.run(job("sleeps", "long"), job("fails", "bad"))
    assert (ended, [each["phase"] for each in results]) == ("Failed", ["Successful", "Failed"])
    assert list(course.cluster.jobs) == [job_name("test.1.bad.1")]
    assert course.cluster.orphans == []


async def test_an_outage_while_it_runs(course):
    """While Kubernetes does not answer the Job goes on, and its end is seen later: no second one is started."""
    out = [AWAY] * 2
    course.at_sleep = lambda: course.cluster.away.append(out.pop()) if out else None
    ended, _, [result] = await course.run(job())
    assert (ended, result["error"], list(course.cluster.jobs)) == ("Successful", 0, [job_name("test.1.smoke.1")])


async def test_an_outage_without_end(course):
    """An outage that lasts is an error of the measurement, never a verdict on the Freight."""
    ended, message, [result] = await course.run(job("sleeps", consecutiveErrorLimit=0), recorded=await _begun(course))
    assert (ended, result["failed"]) == ("Error", 0)
    assert "answered 503" in message


async def _begun(course):
    """A measurement under way whose looks failed often already; Kubernetes stays away."""
    at = NOON.isoformat()
    course.cluster.away = [AWAY] * 99
    counts = {"successful": 0, "failed": 0, "inconclusive": 0, "error": 0, "consecutiveError": 0}
    metadata = {"job-name": "x", "looks": "20", "failures": "10"}
    running = {"phase": "Running", "startedAt": at, "finishedAt": at, "metadata": metadata}
    head = {"name": "smoke", "phase": "Running", "message": "", "dryRun": False, "consecutiveSuccess": 0}
    return [head | counts | {"measurements": [running]}]


async def test_deleted_by_hand(course):
    """A Job that somebody deletes is started again, once; twice is an error that says so."""
    deletions = []

    def delete():
        deletions.append(list(course.cluster.jobs))
        course.cluster.jobs.clear()

    course.at_sleep = delete
    ended, message, _ = await course.run(job("sleeps", consecutiveErrorLimit=0))
    assert (ended, "vanished twice" in message) == ("Error", True)
    assert [names for names in deletions if names] == [[job_name("test.1.smoke.1")]] * 2


async def test_goes_on_after_a_kill(course):
    """Who takes over finds the Job by what was recorded, or by its name when nothing was."""

    class Killed(Exception):
        """The end of a process."""

    def kill():
        raise Killed

    course.at_sleep = kill
    with pytest.raises(Killed):
        await course.run(job())
    course.at_sleep = lambda: None
    assert (await course.run(job(), recorded=course.recorded[-1]))[0] == "Successful"
    assert (await course.run(job()))[0] == "Successful"
    assert list(course.cluster.jobs) == [job_name("test.1.smoke.1")]
