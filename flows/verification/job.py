"""Measuring with a Kubernetes Job: it completes, or it does not."""

import hashlib
import re
from typing import Any

from pydantic import Field, field_validator

from blocks.errors import NotFound
from blocks.kubernetes_jobs import Jobs, JobState
from flows.model import Model
from flows.verification.measuring import Context, Measured, Underway, Verdict

POLL = 5.0
"""Seconds between two looks at a Job, at first."""

SLOWEST_POLL = 60.0
KEPT_SECONDS = 86_400
"""How long Kubernetes keeps a Job that is over, unless the template says otherwise."""

JOB, LOOKS = "job-name", "looks"


class JobMetadata(Model):
    """What is put on the Job."""

    labels: dict[str, str] = Field(default_factory=dict, description="Labels.")
    annotations: dict[str, str] = Field(default_factory=dict, description="Annotations.")


class Job(Model):
    """One Job per measurement."""

    metadata: JobMetadata = Field(default_factory=JobMetadata, description="Labels and annotations of the Job.")
    spec: dict[str, Any] = Field(description="The Job's spec, as Kubernetes has it.")

    @field_validator("spec")
    @classmethod
    def _has_containers(cls, spec: dict[str, Any]) -> dict[str, Any]:
        template = spec.get("template")
        pod = template.get("spec") if isinstance(template, dict) else None
        if not isinstance(pod, dict) or not pod.get("containers"):
            raise ValueError("a job needs 'spec.template.spec.containers'")
        if pod.get("restartPolicy") not in ("Never", "OnFailure"):
            raise ValueError("a job needs 'spec.template.spec.restartPolicy: Never' or 'OnFailure'")
        return spec


async def measure(settings: Job, context: Context) -> Measured | Underway:
    """Start the Job, or look at the one that this measurement started before; its end is the verdict.

    A Job that vanished is started again. Raises what Kubernetes answers, as `blocks.errors`.
    """
    jobs = await context.jobs()
    name = job_name(context.key)
    try:
        state = await (jobs.look(name) if context.metadata else _start(settings, jobs, name, context))
    except NotFound:
        state = await _start(settings, jobs, name, context)
    if state.finished is None:
        looks = int(context.metadata.get(LOOKS, "0")) + 1
        return Underway(
            min(POLL * 1.2**looks, SLOWEST_POLL),
            {JOB: name, "job-namespace": jobs.namespace, LOOKS: str(min(looks, 100))},
            "the Job runs",
        )
    return await _ended(jobs, name, state)


async def end(settings: Job, context: Context) -> None:
    """Delete the Job of a measurement that is wanted no more."""
    await (await context.jobs()).delete(job_name(context.key))


async def _start(settings: Job, jobs: Jobs, name: str, context: Context) -> JobState:
    labels = {"app.kubernetes.io/managed-by": "drayage", "drayage.dev/project": context.project}
    metadata = {"labels": labels | settings.metadata.labels, "annotations": settings.metadata.annotations}
    spec = {"ttlSecondsAfterFinished": KEPT_SECONDS} | settings.spec
    return await jobs.start(name, metadata, spec, _digest(context.key))


async def _ended(jobs: Jobs, name: str, state: JobState) -> Measured:
    metadata = {JOB: name, "job-namespace": jobs.namespace}
    value = {"succeeded": float(state.succeeded), "failed": float(state.failed)}
    verdict: Verdict = "Successful" if state.finished else "Failed"
    said = state.message or ("the Job completed" if state.finished else "the Job failed")
    return Measured(value, metadata, verdict, said, logs=await jobs.logs(name))


def job_name(key: str) -> str:
    """A name Kubernetes allows, the same for the same measurement, with some of the words of its key."""
    words = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
    return f"{words[-40:].strip('-')}-{_digest(key)}"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:12]
