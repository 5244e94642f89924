"""Measuring a Stage: health first, then the metrics of its analysis templates, to one verdict."""

import json
import os
from contextlib import suppress
from datetime import datetime
from typing import Any

from blocks.credential_exchange.ambient import clouds
from blocks.errors import DrayageError, Invalid, Retryable
from blocks.ledger.records import VerificationPhase, VerificationRecord
from flows.data import read_data
from flows.freight.functions import freight_functions
from flows.health import wait_until_healthy
from flows.notes import Notes
from flows.promotion.environment import data_functions
from flows.show_verification import Showing
from flows.stage.model import Verification
from flows.stage.pipeline import read_pipeline
from flows.verification.combine import Planned
from flows.verification.measure import Soaking, Surroundings, began_at, begun, run_verification
from flows.verification.prepare import kept_for, prepare
from flows.verification.result import MetricResult
from flows.verification.sampling import Sampling
from flows.watching import read_watched
from flows.world import World

MOST_TEMPLATES = 100
"""Templates of one verification, with those they name."""

Json = dict[str, Any]
Outcome = tuple[VerificationPhase, str, list[Json]]


async def measure_stage(
    here: World, record: VerificationRecord, wanted: Verification, owner: str, leave_after: float | None = None
) -> Outcome | Soaking:
    """Come to a verdict. What cannot be measured at all is an Error with its sentence.

    Where the next measurement is further away than `leave_after` seconds, says when it is due instead.
    """
    try:
        await wait_until_healthy(here, record.project, record.stage, record.promotion)
        plan, secrets = await _plan(here, record, wanted)
    except Retryable:
        raise
    except DrayageError as error:
        return VerificationPhase.ERROR, str(error), []

    if not (recorded := record.metrics):
        # Argo Rollouts' clock starts when the Stage is healthy, and keeps running whoever dies meanwhile.
        recorded = begun(plan, here.clock.now())
        await here.ledger.verifications.measure(record.project, record.id, owner, recorded)
    started_at = began_at(recorded, record.started_at)
    showing = Showing(here, record, plan)

    async def save(metrics: list[Json]) -> None:
        await here.ledger.verifications.measure(record.project, record.id, owner, metrics)
        await showing.show(metrics)

    sampling = _sampling(here, record, secrets, started_at)
    around = Surroundings(
        sample=sampling.sample,
        end=sampling.end,
        keep_logs=showing.keep_logs,
        record=save,
        now=here.clock.now,
        sleep=here.clock.sleep,
        secrets=secrets.keys(),
        leave_after=leave_after,
    )
    outcome = await run_verification(plan, started_at, around, recorded)
    if isinstance(outcome, Soaking):
        return outcome
    phase, message, metrics = outcome
    await showing.show(metrics, end=True)
    return VerificationPhase(phase), message, metrics


async def read_expiry(here: World, record: VerificationRecord, wanted: Verification, end: Outcome) -> datetime | None:
    """When the measurements of a verification that ends now may go, as its templates say; None for never."""
    with suppress(DrayageError, ValueError):
        templates = await read_templates(here, record.project, wanted)
        kept = kept_for(templates, end[0] is VerificationPhase.SUCCESSFUL)
        return None if kept is None else here.clock.now() + kept
    return None


async def end_underway(here: World, record: VerificationRecord, wanted: Verification) -> None:
    """End what the measurements of an aborted verification began and left, such as a Job. An outage is survived."""
    left = {each["name"]: MetricResult.read(each) for each in record.metrics}
    left = {name: result for name, result in left.items() if result.running}
    if not left:
        return
    with suppress(DrayageError):
        plan, secrets = await _plan(here, record, wanted)
        sampling = _sampling(here, record, secrets, record.started_at)
        for metric in (planned.metric for planned in plan if planned.metric.name in left):
            result = left[metric.name]
            await sampling.end(metric, result.number, result.running.metadata if result.running else {})


def _sampling(here: World, record: VerificationRecord, secrets: dict[str, str], started_at: datetime) -> Sampling:
    project = record.project
    return Sampling(
        project=project,
        stage=record.stage,
        verification=record.id,
        web=here.metrics,
        budgets=here.metrics.budgets,
        sharing=here.measurements,
        now=here.clock.now,
        jobs=lambda: here.job_clusters.of(project),
        read_secrets=lambda shared: here.generic_secrets(project, shared=shared),
        owners=secrets,
        ambient=clouds(here.settings.ambient_credentials, os.environ),
        started_at=started_at,
        tokens=here.tokens,
    )


async def _plan(here: World, record: VerificationRecord, wanted: Verification) -> tuple[list[Planned], dict[str, str]]:
    """Gather templates, arguments and secrets, and make one set of metrics of them."""
    project = record.project
    stage = (await read_pipeline(here.ledger, project)).stage(record.stage)
    templates = await read_templates(here, project, wanted)
    text = json.dumps([wanted.model_dump(mode="json"), [each.model_dump() for each in stage.spec.vars], templates])
    data = await read_data(here, Notes(here, project, text, tuple(record.collection.values())))
    watched = await read_watched(here.ledger, project, record.stage)
    return prepare(
        wanted,
        templates,
        variables=stage.spec.vars,
        context={"project": project, "stage": record.stage},
        functions=freight_functions(**await _artifacts(here, record), watched=watched) | data_functions(data),
        secrets=await here.generic_secrets(project) if "secretKeyRef" in text else {},
        metadata=await _metadata(here, record) if "fieldRef" in text else None,
    )


async def _metadata(here: World, record: VerificationRecord) -> Json:
    """What is written in the Stage's metadata; its names are always there."""
    known = await here.ledger.definitions.get("Stage", record.project, record.stage)
    written: Json = (known.manifest.get("metadata") if known else None) or {}
    return {**written, "name": record.stage, "namespace": record.project}


async def read_templates(here: World, project: str, wanted: Verification) -> list[tuple[str, Json | None]]:
    """Read the templates of a Stage and those they name, each once; None for what there is not. Raises Invalid."""
    left: list[tuple[str, str]] = [(each.kind, each.name) for each in wanted.analysis_templates]
    found: dict[tuple[str, str], Json | None] = {}
    while left:
        kind, name = left.pop(0)
        if (kind, name) in found:
            continue
        if len(found) == MOST_TEMPLATES:
            raise Invalid(f"the Stage's analysis templates name more than {MOST_TEMPLATES} others; name fewer")
        known = await here.ledger.definitions.get(kind, "" if kind.startswith("Cluster") else project, name)
        found[kind, name] = known.spec if known else None
        left += [
            (nested_kind(each), each["templateName"]) for each in (known.spec if known else {}).get("templates") or []
        ]
    return [(name, spec) for (_, name), spec in found.items()]


def nested_kind(reference: Json) -> str:
    """The kind of a template that another names."""
    return "ClusterAnalysisTemplate" if reference.get("clusterScope") else "AnalysisTemplate"


async def _artifacts(here: World, record: VerificationRecord) -> dict[str, list[Json]]:
    """The artifacts of the verified collection by kind, each with the Warehouse it came from."""
    freight = await here.ledger.freight.many(record.project, list(record.collection.values()))
    return {
        kind: [
            {**artifact, "origin": origin}
            for origin, name in record.collection.items()
            if name in freight
            for artifact in freight[name].content.get(kind) or []
        ]
        for kind in ("commits", "images", "charts", "artifacts")
    }
