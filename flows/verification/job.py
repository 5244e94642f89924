"""Measuring with a Kubernetes Job: it completes, or it does not."""

import hashlib
import re
from dataclasses import replace
from typing import Any

from pydantic import Field, field_validator

from blocks.errors import NotFound, Retryable
from blocks.kubernetes_jobs import Jobs, JobState
from flows.model import Model
from flows.verification.measuring import Context, Measured, Underway, Verdict

POLL = 5.0
"""Seconds between two looks at a Job, at first."""

SLOWEST_POLL = 60.0
KEPT_SECONDS = 86_400
"""How long Kubernetes keeps a Job that is over, unless the template says otherwise."""

LEAST_KEPT_SECONDS = 300
"""How long it must keep one at least, for somebody has to see its end."""

MOST_FAILURES = 10
"""Looks in a row that may fail before the measurement does: meanwhile the Job goes on."""

JOB, LOOKS, FAILURES, AGAIN = "job-name", "looks", "failures", "started-again"


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
        kept = spec.get("ttlSecondsAfterFinished", 0)
        if isinstance(kept, bool) or not isinstance(kept, int) or kept < 0:
            raise ValueError("'spec.ttlSecondsAfterFinished' is a number of seconds")
        return spec


async def measure(settings: Job, context: Context) -> Measured | Underway:
    """Start the Job, or look at the one that this measurement started before; its end is the verdict.

    A Job that vanished is started again, once. One whose image cannot be had is Inconclusive (Argo Rollouts), and
    deleted. Raises what Kubernetes answers, as `blocks.errors`; a look that fails does not end the measurement.
    """
    jobs, mark = await context.jobs(), _digest(context.key)
    name = job_name(context.key)
    if not context.metadata:
        return await _started(settings, jobs, name, context, {LOOKS: "1"})
    kept = {LOOKS: str(min(int(context.metadata.get(LOOKS, "0")) + 1, 100))}
    kept |= {field: text for field, text in context.metadata.items() if field == AGAIN}
    try:
        return await _looked(jobs, name, mark, kept)
    except NotFound:
        if AGAIN in kept:
            raise NotFound(f"Job {name!r} vanished twice before its end was seen: find out who deletes it") from None
        return await _started(settings, jobs, name, context, kept | {AGAIN: "1"})
    except Retryable as error:
        failures = int(context.metadata.get(FAILURES, "0")) + 1
        if failures > MOST_FAILURES:
            raise
        goes_on = _underway(jobs, name, kept | {FAILURES: str(failures)}, str(error))
        return replace(goes_on, seconds=max(goes_on.seconds, error.retry_after or 0.0))


async def end(settings: Job, context: Context) -> None:
    """Delete the Job of a measurement that is wanted no more."""
    await (await context.jobs()).delete(job_name(context.key), _digest(context.key))


async def _started(settings: Job, jobs: Jobs, name: str, context: Context, kept: dict[str, str]) -> Measured | Underway:
    labels = {"app.kubernetes.io/managed-by": "drayage", "drayage.dev/project": context.project}
    metadata = {"labels": labels | settings.metadata.labels, "annotations": settings.metadata.annotations}
    seconds = settings.spec.get("ttlSecondsAfterFinished", KEPT_SECONDS)
    spec = settings.spec | {"ttlSecondsAfterFinished": max(int(seconds), LEAST_KEPT_SECONDS)}
    state = await jobs.start(name, metadata, spec, _digest(context.key))
    return await _ended(jobs, name, state) if state.finished is not None else _underway(jobs, name, kept)


async def _looked(jobs: Jobs, name: str, mark: str, kept: dict[str, str]) -> Measured | Underway:
    state = await jobs.look(name)
    if state.finished is not None:
        return await _ended(jobs, name, state)
    if said := await jobs.stuck(name):
        await jobs.delete(name, mark)
        return Measured(None, _place(jobs, name), "Inconclusive", said, shown="")
    return _underway(jobs, name, kept)


def _underway(jobs: Jobs, name: str, kept: dict[str, str], said: str = "the Job runs") -> Underway:
    seconds = float(min(POLL * 1.2 ** int(kept[LOOKS]), SLOWEST_POLL))
    return Underway(seconds, _place(jobs, name) | kept, said)


async def _ended(jobs: Jobs, name: str, state: JobState) -> Measured:
    value = {"succeeded": float(state.succeeded), "failed": float(state.failed)}
    verdict: Verdict = "Successful" if state.finished else "Failed"
    said = state.message or ("the Job completed" if state.finished else "the Job failed")
    return Measured(value, _place(jobs, name), verdict, said, logs=await jobs.logs(name))


def _place(jobs: Jobs, name: str) -> dict[str, str]:
    return {JOB: name, "job-namespace": jobs.namespace}


def job_name(key: str) -> str:
    """A name Kubernetes allows, the same for the same measurement, with some of the words of its key."""
    words = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
    return f"{words[-40:].strip('-')}-{_digest(key)}"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:12]
