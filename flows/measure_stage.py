"""Measuring a Stage: health first, then the metrics of its analysis templates, to one verdict."""

import json
from typing import Any

from blocks.errors import DrayageError, Retryable
from blocks.ledger.records import VerificationPhase, VerificationRecord
from flows.data import read_data
from flows.freight.functions import freight_functions
from flows.health import wait_until_healthy
from flows.notes import Notes
from flows.promotion.environment import data_functions
from flows.stage.model import Verification
from flows.stage.pipeline import read_pipeline
from flows.verification.combine import Planned
from flows.verification.measure import Surroundings, run_verification
from flows.verification.prepare import prepare
from flows.verification.providers import measure
from flows.world import World

Json = dict[str, Any]
Outcome = tuple[VerificationPhase, str, list[Json]]


async def measure_stage(here: World, record: VerificationRecord, wanted: Verification, owner: str) -> Outcome:
    """Come to a verdict. What cannot be measured at all is an Error with its sentence."""
    try:
        await wait_until_healthy(here, record.project, record.stage, record.promotion)
        plan, secrets = await _plan(here, record, wanted)
    except Retryable:
        raise
    except DrayageError as error:
        return VerificationPhase.ERROR, str(error), []

    async def save(metrics: list[Json]) -> None:
        await here.ledger.verifications.measure(record.project, record.id, owner, metrics)

    around = Surroundings(
        sample=lambda metric: measure(metric, here.clock.now()),
        record=save,
        now=here.clock.now,
        sleep=here.clock.sleep,
        secrets=secrets,
    )
    phase, message, metrics = await run_verification(plan, record.started_at, around, record.metrics)
    return VerificationPhase(phase), message, metrics


async def _plan(here: World, record: VerificationRecord, wanted: Verification) -> tuple[list[Planned], tuple[str, ...]]:
    """Gather templates, arguments and secrets, and make one set of metrics of them."""
    project = record.project
    stage = (await read_pipeline(here.ledger, project)).stage(record.stage)
    templates = [
        await here.ledger.definitions.get(each.kind, "" if each.kind.startswith("Cluster") else project, each.name)
        for each in wanted.analysis_templates
    ]
    specs = [template.spec if template else None for template in templates]
    text = json.dumps([wanted.model_dump(mode="json"), [each.model_dump() for each in stage.spec.vars], specs])
    data = await read_data(here, Notes(here, project, text, tuple(record.collection.values())))
    return prepare(
        wanted,
        specs,
        variables=stage.spec.vars,
        context={"project": project, "stage": record.stage},
        functions=freight_functions(**await _artifacts(here, record)) | data_functions(data),
        secrets=await here.generic_secrets(project) if "secretKeyRef" in text else {},
    )


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
