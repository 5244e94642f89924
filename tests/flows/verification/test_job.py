"""A Job is started once per measurement, its end is the verdict, and its log is kept."""

import hashlib
import json
import re

import pytest
from pydantic import ValidationError

from blocks.argocd import ArgoCD
from blocks.errors import NotFound, Refused, Unauthorized
from blocks.kubernetes_jobs import Jobs
from flows.verification.job import Job, end, job_name
from flows.verification.measuring import Measured, Underway
from tests.flows.verification.contract import context, measured
from tests.servers.recording import recording

SPEC = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "smoke", "image": "acme/smoke"}]}}}


class Cluster:
    """The part of Kubernetes' API that Jobs need: it keeps what is posted and finishes it when told."""

    def __init__(self):
        self.jobs, self.deleted, self.log = {}, [], "line one\nhush-token\n"

    def __call__(self, asked):
        path = asked.path.partition("?")[0]
        name = path.rpartition("/")[2]
        if path.endswith("/pods"):
            pod = {"metadata": {"name": "p1"}, "spec": {"containers": [{"name": "smoke"}]}}
            return 200, {}, {"items": [pod]}
        if path.endswith("/log"):
            return 200, {"content-type": "text/plain"}, self.log.encode()
        if asked.method == "POST":
            name = asked.json["metadata"]["name"]
            if name in self.jobs:
                return 409, {}, {"message": "already exists"}
            self.jobs[name] = asked.json | {"status": {}}
            return 201, {}, self.jobs[name]
        return (200, {}, self.jobs[name]) if name in self.jobs else (404, {}, {"message": "not found"})

    def finish(self, kind):
        """End all Jobs."""
        for job in self.jobs.values():
            job["status"] = {"conditions": [{"type": kind, "status": "True", "reason": "Told"}], "succeeded": 1}


@pytest.fixture
def cluster():
    """An empty cluster."""
    return Cluster()


async def take(cluster, metadata=None, key="v.smoke.1", settings=None):
    with recording(cluster) as server:
        connection = ArgoCD.from_token(server.url, "t")

        async def jobs():
            return Jobs(connection.asking, "checks")

        try:
            return await measured("job", settings or {"spec": SPEC}, jobs=jobs, metadata=metadata or {}, key=key)
        finally:
            await connection.close()


@pytest.mark.parametrize(("kind", "verdict"), [("Complete", "Successful"), ("Failed", "Failed")])
async def test_its_end_is_the_verdict(cluster, kind, verdict):
    """A Job that completed is a success, one that failed a failure; until then the measurement is under way."""
    first = await take(cluster)
    assert isinstance(first, Underway)
    assert 1 < first.seconds <= 60
    cluster.finish(kind)
    outcome = await take(cluster, first.metadata)
    assert isinstance(outcome, Measured)
    assert (outcome.verdict, outcome.message, outcome.metadata["job-name"]) == (verdict, "Told", *cluster.jobs)
    assert "--- p1/smoke\nline one" in outcome.logs


async def test_started_once(cluster):
    """Who was killed after it started the Job finds it; the next measurement starts another."""
    await take(cluster)
    await take(cluster)
    assert len(cluster.jobs) == 1
    await take(cluster, key="v.smoke.2")
    assert len(cluster.jobs) == 2
    [job, _] = cluster.jobs.values()
    assert job["spec"]["ttlSecondsAfterFinished"] == 86400
    assert job["metadata"]["labels"]["drayage.dev/project"] == "shop"


async def test_one_that_vanished(cluster):
    """A Job that somebody deleted is started again."""
    first = await take(cluster)
    cluster.jobs.clear()
    assert isinstance(await take(cluster, first.metadata), Underway)
    assert len(cluster.jobs) == 1


async def test_somebody_elses(cluster):
    """A Job of that name that is not of this measurement is left alone."""
    cluster.jobs[job_name("v.smoke.1")] = {"metadata": {"labels": {}}, "status": {}}
    with pytest.raises(Refused, match="is another's"):
        await take(cluster)


async def test_deleted_when_nobody_wants_it_any_more():
    """Ending a measurement deletes its Job, and only that; one that is gone is fine."""
    labels = {"drayage.dev/measurement": hashlib.sha256(b"v.m.1").hexdigest()[:12]}
    answers = [(200, {}, {"metadata": {"labels": labels}}), (404, {}, {"message": "not found"})]
    with recording(lambda _: answers.pop(0)) as server:
        connection = ArgoCD.from_token(server.url, "t")

        async def jobs():
            return Jobs(connection.asking, "checks")

        await end(Job(spec=SPEC), context(None, None, jobs=jobs))
        await connection.close()
    assert [asked.method for asked in server.asked] == ["GET", "DELETE"]
    assert server.asked[1].path.startswith("/apis/batch/v1/namespaces/checks/jobs/v-m-1-")


async def test_rights():
    """An account that may not is told what it must be allowed."""
    with pytest.raises(Unauthorized, match="create, get and delete jobs, list pods and get pods/log"):
        await take(lambda _: (403, {}, {"message": "forbidden"}))


async def test_without_a_cluster():
    """Without a connection the measurement is an error."""
    with pytest.raises(NotFound, match="no cluster"):
        await measured("job", {"spec": SPEC})


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param({}, "containers", id="empty"),
        pytest.param({"template": {"spec": {"containers": [{"name": "x"}]}}}, "restartPolicy", id="restarts-for-ever"),
        pytest.param({"template": "x"}, "containers", id="odd"),
        pytest.param(SPEC | {"ttlSecondsAfterFinished": "soon"}, "number of seconds", id="no-number"),
    ],
)
def test_specs_that_cannot_be(spec, said):
    """What Kubernetes would refuse later is refused when the template is read."""
    with pytest.raises(ValidationError, match=said):
        Job(spec=spec)


@pytest.mark.parametrize("key", ["v.m.1", "prod.01j.abc." + "Ünd sehr lang " * 20 + ".3", "..."])
def test_names(key):
    """Names are what Kubernetes allows, and tell measurements apart."""
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", job_name(key).lstrip("-"))
    assert len(job_name(key)) <= 63
    assert job_name(key) != job_name(key + "1")
    assert json.dumps(job_name(key))
