"""What is in the ledger as Kargo's objects: `metadata`, `spec`, `status` with Kargo's field names."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from blocks.ledger.healths import StageHealth
from blocks.ledger.records import (
    AuditEvent,
    Definition,
    FreightRecord,
    PromotionRecord,
    Standing,
    StepRun,
    VerificationRecord,
    WarehouseStatus,
)
from blocks.records import BudgetState
from deployments.gate_shape import hold_shapes
from flows.freight.status import freight_status, kubernetes_time
from flows.stage.outlook import Outlook
from flows.warehouse.budgets import asked_by
from flows.warehouse.conditions import reconciling

Json = dict[str, Any]
KARGO = "kargo.akuity.io/v1alpha1"


def definition(record: Definition, status: Json | None = None) -> Json:
    """A manifest as applied, with the generation and times Kubernetes would show."""
    manifest = dict(record.manifest)
    metadata = dict(manifest.get("metadata") or {}) | {"generation": record.generation}
    if record.created_at:
        metadata["creationTimestamp"] = _time(record.created_at)
    return {**manifest, "metadata": metadata, **({"status": status} if status is not None else {})}


def warehouse(
    record: Definition,
    status: WarehouseStatus | None,
    looked_at: datetime | None = None,
    budgets: Sequence[BudgetState] = (),
) -> Json:
    """A Warehouse with what discovery last saw; `looked_at` is since when it is being looked at again, if it is.

    `status.drayage` is not Kargo's: of the `budgets` those this Warehouse asks.
    """
    status = status or WarehouseStatus(record.project, record.name)
    if looked_at:
        status = reconciling(status, record.generation, len(record.spec.get("subscriptions") or []), looked_at)
    asked = [_budget(each) for each in asked_by(status, budgets)]
    return definition(
        record,
        _filled(
            {
                "conditions": status.conditions or None,
                "discoveredArtifacts": status.discovered or None,
                "lastFreightID": status.last_freight,
                "lastHandledRefresh": status.refresh_handled,
                "observedGeneration": status.observed_generation or None,
                "drayage": {"budgets": asked} if asked else None,
            }
        ),
    )


def _budget(state: BudgetState) -> Json:
    return _filled(
        {
            "kind": state.kind,
            "host": state.host,
            "credential": state.credential,
            "limit": state.limit,
            "remaining": state.remaining,
            "resetsAt": _time(state.resets_at),
            "waiting": state.waiting,
            "backingOffUntil": _time(state.backing_off_until),
            "seenAt": _time(state.seen_at),
        }
    )


def stage(
    outlook: Outlook,
    record: Definition,
    verification: VerificationRecord | None,
    metadata: Json | None = None,
    health: StageHealth | None = None,
) -> Json:
    """A Stage with what it runs, how that is, its last and current Promotion, holds, verification and metadata.

    `status.drayage` is not Kargo's: what runs that was not promoted, and since when the health is what it is.
    """
    name = record.name
    visits = outlook.currents.get(name, {})
    promotions = sorted(outlook.promotions.get(name, []), key=lambda each: each.name, reverse=True)
    running = next((each for each in promotions if each.phase == "Running"), None)
    last = next((each for each in promotions if each.phase.terminal), None)
    held = [outlook.freight[visit.freight] for visit in visits.values() if visit.freight in outlook.freight]
    history = _collection({each.origin: _freight_reference(each) | {"alias": each.alias} for each in held})
    if verification:
        history["verificationHistory"] = [_verification(verification)]
    return definition(
        record,
        _filled(
            {
                "freightSummary": _summary(outlook, name, [each.name for each in held]),
                "freightHistory": [history] if held else None,
                "health": {"status": health.status, "issues": health.issues} if health else None,
                "drayage": _filled({"healthSince": _time(health.since), "drift": health.drift or None})
                if health
                else None,
                "autoPromotionEnabled": outlook.pipeline.auto(name),
                "currentPromotion": _reference(running) if running else None,
                "lastPromotion": _reference(last) if last else None,
                **hold_shapes(outlook, name),
                "metadata": metadata,
            }
        ),
    )


def _summary(outlook: Outlook, stage: str, held: list[str]) -> str:
    """Kargo's: the Freight's name, or how many of several requests are fulfilled."""
    wanted = len(outlook.pipeline.stage(stage).spec.requested_freight)
    return (held[0] if held else "") if wanted == 1 else f"{len(held)}/{wanted} Fulfilled"


def freight(record: FreightRecord, standing: Standing | None = None) -> Json:
    """A Freight with where it stands."""
    shape: Json = {
        "apiVersion": KARGO,
        "kind": "Freight",
        "metadata": {
            "name": record.name,
            "namespace": record.project,
            "creationTimestamp": _time(record.created_at),
            "labels": {"kargo.akuity.io/alias": record.alias},
        },
        "alias": record.alias,
        "origin": _origin(record.origin),
        "discoveredAt": _time(record.discovered_at),
        **{key: value for key, value in record.content.items() if value},
    }
    if standing is not None:
        shape["status"] = freight_status(record, standing)
    return shape


def promotion(record: PromotionRecord, steps: list[StepRun] | None = None) -> Json:
    """A Promotion; with its steps where given. Outputs are shown, evaluated configs are kept nowhere."""
    return {
        "apiVersion": KARGO,
        "kind": "Promotion",
        "metadata": {
            "name": record.name,
            "namespace": record.project,
            "creationTimestamp": _time(record.created_at),
            "annotations": _annotations(record),
            **_owned(record),
        },
        "spec": {
            "stage": record.stage,
            "freight": record.freight,
            **({"target": record.target} if record.target else {}),
            "vars": record.vars,
            "steps": record.steps,
        },
        "status": _filled(
            {
                "phase": record.phase.value,
                "message": record.message or record.waiting_for.get("message"),
                "freight": {"name": record.freight},
                "freightCollection": _promoted(record),
                "startedAt": _time(record.started_at),
                "finishedAt": _time(record.finished_at),
                "stepExecutionMetadata": [_step(each) for each in steps] if steps is not None else None,
                "state": {each.alias: each.output for each in steps if each.output} if steps else None,
                "healthChecks": record.health_checks or None,
                "flowRunID": record.flow_run_id,
            }
        ),
    }


def _annotations(record: PromotionRecord) -> Json:
    rollback = {"kargo.akuity.io/rollback": "true"} if record.rollback else {}
    glass = {"drayage.dev/break-glass": record.reason} if record.break_glass else {}
    return {"kargo.akuity.io/create-actor": record.actor} | rollback | glass


def _owned(record: PromotionRecord) -> Json:
    """What says that a Promotion belongs to a request, as Kubernetes does."""
    if not record.request:
        return {}
    return {"ownerReferences": [{"apiVersion": KARGO, "kind": "PromotionRequest", "name": record.request}]}


def event(record: AuditEvent) -> Json:
    """A line of the audit trail in the shape of a Kubernetes Event."""
    kind, _, name = record.subject.partition("/")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name or kind}.{record.id}", "namespace": record.project},
        "type": "Normal",
        "reason": record.type,
        "message": record.message,
        "involvedObject": {"kind": kind, "name": name},
        "source": {"component": record.actor},
        "lastTimestamp": _time(record.at),
        "data": record.data,
    }


def _verification(record: VerificationRecord) -> Json:
    return _filled(
        {
            "id": record.id,
            "actor": record.actor,
            "phase": record.phase.value,
            "message": record.message,
            "startTime": _time(record.started_at),
            "finishTime": _time(record.finished_at),
            "metrics": [_without_points(each) for each in record.metrics] or None,
        }
    )


def _without_points(metric: Json) -> Json:
    """A metric as Argo Rollouts has it; what is drawn is in the artifacts."""
    return {name: value for name, value in metric.items() if name != "points"}


def _step(run: StepRun) -> Json:
    return _filled(
        {
            "alias": run.alias,
            "status": run.status.value,
            "message": run.message,
            "startedAt": _time(run.started_at),
            "finishedAt": _time(run.finished_at),
            "errorCount": run.error_count or None,
            "continueOnError": run.continue_on_error or None,
        }
    )


def _freight_reference(record: FreightRecord) -> Json:
    contents = {key: value for key, value in record.content.items() if value}
    return {"name": record.name, "origin": _origin(record.origin), **contents}


def _promoted(record: PromotionRecord) -> Json | None:
    items = {origin: {"name": name, "origin": _origin(origin)} for origin, name in record.collection.items()}
    return _collection(items) if items else None


def _collection(references: dict[str, Json]) -> Json:
    """Several Freight that a Stage holds together, under the id Kargo gives them (Kargo §4: FreightCollection)."""
    names = ",".join(sorted(each["name"] for each in references.values()))
    items = {f"Warehouse/{origin}": each for origin, each in references.items()}
    return {"id": hashlib.sha1(names.encode(), usedforsecurity=False).hexdigest(), "items": items}


def _origin(name: str) -> Json:
    return {"kind": "Warehouse", "name": name}


def _reference(record: PromotionRecord) -> Json:
    return _filled(
        {
            "name": record.name,
            "freight": {"name": record.freight},
            "status": _filled({"phase": record.phase.value, "message": record.message}),
            "finishedAt": _time(record.finished_at),
        }
    )


def _filled(shape: Json) -> Json:
    return {key: value for key, value in shape.items() if value not in (None, "")}


def _time(at: datetime | None) -> str | None:
    return kubernetes_time(at) if at else None
