"""A cluster that runs Jobs on a clock of its own: what Kubernetes' API and Job controller do, as far as Jobs need.

What a container does is the name of its image: `ok` ends well after 9 seconds, `fails` ends badly, `sleeps` never
ends, `missing` cannot be pulled. A pod is pending for its first 2 seconds.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.recording import Answer, Asked

Json = dict[str, Any]
PENDING, RUNS = 2.0, 9.0


@dataclass
class Pod:
    """One try of a Job."""

    name: str
    made_at: float
    image: str
    container: str

    def phase(self, now: float) -> str:
        """How it stands."""
        age = now - self.made_at
        if age < PENDING or self.image == "missing":
            return "Pending"
        if age < RUNS or self.image == "sleeps":
            return "Running"
        return "Succeeded" if self.image == "ok" else "Failed"

    def written(self, now: float, job: str) -> Json:
        """The pod as the API shows it."""
        waiting = {"waiting": {"reason": "ContainerCreating"}}
        if self.image == "missing" and now - self.made_at >= PENDING:
            waiting = {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "missing"'}}
        state = waiting if self.phase(now) == "Pending" else {}
        return {
            "metadata": {"name": self.name, "labels": {"job-name": job}, "creationTimestamp": f"{self.made_at:09.1f}"},
            "spec": {"containers": [{"name": self.container, "image": self.image}]},
            "status": {
                "phase": self.phase(now),
                "containerStatuses": [{"name": self.container, "state": state}],
            },
        }


@dataclass
class Job:
    """One Job and its tries."""

    document: Json
    made_at: float
    pods: list[Pod] = field(default_factory=list)
    ended: Json | None = None

    def go_on(self, now: float) -> None:
        """Do what the Job controller does at this time."""
        spec = self.document["spec"]
        if self.ended is None and now - self.made_at >= spec.get("activeDeadlineSeconds", float("inf")):
            self._end("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
        if self.ended is None and (not self.pods or self.pods[-1].phase(now) == "Failed"):
            if len(self.pods) > spec.get("backoffLimit", 6):
                self._end("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
            else:
                self._try(now)
        if self.ended is None and self.pods[-1].phase(now) == "Succeeded":
            self._end("Complete", "CompletionsReached", "Reached expected number of succeeded pods")

    def _try(self, now: float) -> None:
        container = self.document["spec"]["template"]["spec"]["containers"][0]
        name = f"{self.document['metadata']['name']}-{len(self.pods)}"
        self.pods.append(Pod(name, now, container["image"], container["name"]))

    def _end(self, kind: str, reason: str, message: str) -> None:
        self.ended = {"type": kind, "status": "True", "reason": reason, "message": message}

    def written(self, now: float) -> Json:
        """The Job as the API shows it."""
        phases = [pod.phase(now) for pod in self.pods]
        counts = {"active": len(phases) if not self.ended else 0, "succeeded": phases.count("Succeeded")}
        conditions = [self.ended] if self.ended else []
        status = counts | {"failed": phases.count("Failed"), "conditions": conditions}
        return self.document | {"status": {name: value for name, value in status.items() if value}}


class JobCluster:
    """Answers as the API server; time passes with `pass_time` only. `away` are answers given in place of others."""

    def __init__(self) -> None:
        self.now = 0.0
        self.jobs: dict[str, Job] = {}
        self.away: list[Answer] = []
        self.phases: list[str] = []
        self.orphans: list[str] = []

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on, second by second."""
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            for name, job in list(self.jobs.items()):
                job.go_on(self.now)
                self._tidy_up(name, job)

    def _tidy_up(self, name: str, job: Job) -> None:
        ttl = job.document["spec"].get("ttlSecondsAfterFinished")
        if job.ended and ttl is not None:
            job.ended.setdefault("at", self.now)
            if self.now - job.ended["at"] >= ttl:
                del self.jobs[name]

    def __call__(self, asked: Asked) -> Answer:
        """Answer one request."""
        if self.away:
            return self.away.pop(0)
        parts = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        names = parts.path.split("/")
        if parts.path.endswith("/log"):
            return self._log(names[-2], query)
        if names[-1] == "pods":
            return self._pods(query["labelSelector"].removeprefix("job-name="))
        assert parts.path.startswith("/apis/batch/v1/namespaces/checks/jobs")
        if asked.method == "POST":
            return self._make(asked.json)
        return self._one(asked.method, names[-1], query)

    def _make(self, document: Json) -> Answer:
        name = document["metadata"]["name"]
        if len(name) > 63 or not document["spec"]["template"]["spec"].get("restartPolicy"):
            return 422, {}, {"message": "invalid"}
        if name in self.jobs:
            return 409, {}, {"reason": "AlreadyExists", "message": f'jobs.batch "{name}" already exists'}
        self.jobs[name] = Job(document, self.now)
        return 201, {}, self.jobs[name].written(self.now)

    def _one(self, method: str, name: str, query: dict[str, str]) -> Answer:
        if name not in self.jobs:
            return 404, {}, {"reason": "NotFound", "message": f'jobs.batch "{name}" not found'}
        job = self.jobs[name]
        if method == "DELETE":
            if query.get("propagationPolicy") not in ("Background", "Foreground"):
                self.orphans += [pod.name for pod in job.pods]
            del self.jobs[name]
            return 200, {}, {"status": "Success"}
        self.phases += [pod.phase(self.now) for pod in job.pods[-1:]]
        return 200, {}, job.written(self.now)

    def _pods(self, name: str) -> Answer:
        job = self.jobs.get(name)
        return 200, {}, {"items": [pod.written(self.now, name) for pod in reversed(job.pods)] if job else []}

    def _log(self, name: str, query: dict[str, str]) -> Answer:
        pod = next(pod for job in self.jobs.values() for pod in job.pods if pod.name == name)
        if pod.phase(self.now) == "Pending":
            return 400, {}, {"message": f'container "{query["container"]}" is waiting to start'}
        return 200, {"content-type": "text/plain"}, f"{name} says hush-token\n".encode()
