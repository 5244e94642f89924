"""What is in the ledger as Kargo's objects: the fields people's `jq` lines read, under Kargo's names."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from blocks.ledger.records import (
    AuditEvent,
    Definition,
    FreightRecord,
    Hold,
    Phase,
    PromotionRecord,
    Standing,
    StepRun,
    StepStatus,
    VerificationPhase,
    VerificationRecord,
    Verified,
    Visit,
    WarehouseStatus,
)
from blocks.records import BudgetState
from deployments import shapes
from flows.stage.model import StageSpec
from flows.stage.outlook import Outlook
from flows.stage.pipeline import Pipeline, StageDefinition

NOON = datetime(2026, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)
TEXT = "2026-01-02T12:00:00Z"
IMAGE = {"repoURL": "ghcr.io/acme/app", "tag": "1.0.0", "digest": "sha256:ab"}
FREIGHT = FreightRecord("shop", "f" * 40, "happy-otter", "app", {"images": [IMAGE], "commits": []}, NOON, NOON)
PROMOTION = PromotionRecord(
    "shop",
    "test.01.ffffff",
    "test",
    FREIGHT.name,
    "app",
    "user:ann",
    NOON,
    phase=Phase.FAILED,
    message="the step failed",
    steps=[{"uses": "fail", "as": "fail"}],
    collection={"app": FREIGHT.name},
    started_at=NOON,
    finished_at=NOON,
    flow_run_id="run",
)
COLLECTION = hashlib.sha1(FREIGHT.name.encode()).hexdigest()


def _definition(kind: str, name: str, spec: dict[str, object]) -> Definition:
    metadata = {"name": name, "namespace": "shop", "labels": {"a": "b"}}
    manifest = {"apiVersion": shapes.KARGO, "kind": kind, "metadata": metadata, "spec": spec}
    return Definition(kind, "shop", name, manifest, generation=3, created_at=NOON, updated_at=NOON)


def test_a_definition_is_the_manifest_with_what_kubernetes_adds():
    """The manifest comes back as applied, with generation and creation time; the stored one is not touched."""
    record = _definition("PromotionTask", "note", {"steps": []})
    shape = shapes.definition(record)
    assert shape["metadata"] == {
        "name": "note",
        "namespace": "shop",
        "labels": {"a": "b"},
        "generation": 3,
        "creationTimestamp": TEXT,
    }
    assert (shape["apiVersion"], shape["kind"], shape["spec"]) == (shapes.KARGO, "PromotionTask", {"steps": []})
    assert "status" not in shape
    assert "generation" not in record.manifest["metadata"]


def test_freight_says_where_it_stands():
    """Contents under Kargo's names, empty kinds left out; currentlyIn, verifiedIn with soak, approvedFor."""
    standing = Standing(
        currently_in={"test": NOON},
        verified_in={"test": Verified(NOON), "uat": Verified(NOON, timedelta(hours=1, minutes=30))},
        approved_for={"prod": NOON},
    )
    assert shapes.freight(FREIGHT, standing) == {
        "apiVersion": shapes.KARGO,
        "kind": "Freight",
        "metadata": {
            "name": FREIGHT.name,
            "namespace": "shop",
            "creationTimestamp": TEXT,
            "labels": {"kargo.akuity.io/alias": "happy-otter"},
        },
        "alias": "happy-otter",
        "origin": {"kind": "Warehouse", "name": "app"},
        "discoveredAt": TEXT,
        "images": [IMAGE],
        "status": {
            "currentlyIn": {"test": {"since": TEXT}},
            "verifiedIn": {
                "test": {"verifiedAt": TEXT},
                "uat": {"verifiedAt": TEXT, "longestSoak": "1h30m0s"},
            },
            "approvedFor": {"prod": {"approvedAt": TEXT}},
        },
    }
    assert shapes.freight(FREIGHT, Standing())["status"] == {}


def test_a_promotion_shows_its_steps_and_no_config_that_was_evaluated():
    """Phase, collection, times, and by step its metadata and outputs; steps stay as they were frozen."""
    steps = [
        StepRun(0, "fail", "fail", status=StepStatus.FAILED, message="no", started_at=NOON, error_count=2),
        StepRun(1, "later", "fail", continue_on_error=True, output={"a": 1}),
    ]
    shape = shapes.promotion(PROMOTION, steps)
    assert shape["metadata"]["annotations"] == {"kargo.akuity.io/create-actor": "user:ann"}
    assert shape["spec"] == {
        "stage": "test",
        "freight": FREIGHT.name,
        "vars": [],
        "steps": [{"uses": "fail", "as": "fail"}],
    }
    status = shape["status"]
    assert (status["phase"], status["message"]) == ("Failed", "the step failed")
    assert (status["startedAt"], status["finishedAt"]) == (TEXT, TEXT)
    assert status["freight"] == {"name": FREIGHT.name}
    reference = {"name": FREIGHT.name, "origin": {"kind": "Warehouse", "name": "app"}}
    assert status["freightCollection"] == {"id": COLLECTION, "items": {"Warehouse/app": reference}}
    first, second = status["stepExecutionMetadata"]
    assert first == {"alias": "fail", "status": "Failed", "message": "no", "startedAt": TEXT, "errorCount": 2}
    assert second["continueOnError"] is True
    assert status["state"] == {"later": {"a": 1}}
    assert "stepExecutionMetadata" not in shapes.promotion(PROMOTION)["status"]


def test_a_warehouse_shows_what_discovery_saw():
    """Conditions, discovered artifacts, last Freight and refresh; nothing before the first look."""
    record = _definition("Warehouse", "app", {"interval": "5m"})
    condition = {"type": "Healthy", "status": "True", "message": "found"}
    status = WarehouseStatus(
        "shop", "app", conditions=[condition], discovered={"images": []}, last_freight="f", refresh_handled="token"
    )
    shape = shapes.warehouse(record, status)
    assert shape["status"]["conditions"] == [condition]
    assert shape["status"]["discoveredArtifacts"] == {"images": []}
    assert (shape["status"]["lastFreightID"], shape["status"]["lastHandledRefresh"]) == ("f", "token")
    assert shapes.warehouse(record, None)["status"] == {}


def test_a_warehouse_shows_the_budgets_it_asks():
    """Of all there are only its own, under a name of Drayage's, without what is not known."""
    known = BudgetState("http", "api.github.com", "bot", 5_000, 4_210, NOON, 3, NOON, NOON)
    anonymous = BudgetState("http", "ghcr.io", "", None, None, None, 0, None, NOON)
    others = BudgetState("git", "github.com", "", None, None, None, 0, None, NOON)
    status = WarehouseStatus("shop", "app", budgets=[["http", "api.github.com", "bot"], ["http", "ghcr.io", ""]])
    shape = shapes.warehouse(_definition("Warehouse", "app", {}), status, budgets=[known, anonymous, others])
    noon = NOON.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert shape["status"]["drayage"]["budgets"] == [
        {
            "kind": "http",
            "host": "api.github.com",
            "credential": "bot",
            "limit": 5_000,
            "remaining": 4_210,
            "resetsAt": noon,
            "waiting": 3,
            "backingOffUntil": noon,
            "seenAt": noon,
        },
        {"kind": "http", "host": "ghcr.io", "waiting": 0, "seenAt": noon},
    ]


def test_a_stage_shows_what_it_runs_and_what_runs_in_it():
    """Freight by origin with its contents and verification, last and current Promotion, holds, auto-promotion."""
    request = {"origin": {"kind": "Warehouse", "name": "app"}, "sources": {"direct": True}}
    record = _definition("Stage", "test", {"requestedFreight": [request]})
    stage = StageDefinition("test", StageSpec.model_validate(record.spec))
    running = PromotionRecord("shop", "test.02.ffffff", "test", FREIGHT.name, "app", "a", NOON, phase=Phase.RUNNING)
    outlook = Outlook(
        pipeline=Pipeline("shop", {"test": stage}, [], []),
        freight={FREIGHT.name: FREIGHT},
        standings={},
        currents={"test": {"app": Visit(1, "shop", "test", "app", FREIGHT.name, PROMOTION.name, NOON)}},
        holds=[
            Hold("shop", "test", "app", FREIGHT.name, PROMOTION.name, "user:ann", NOON),
            Hold("shop", "prod", "app", FREIGHT.name, PROMOTION.name, "user:ann", NOON),
        ],
        promotions={"test": [PROMOTION, running]},
    )
    verification = VerificationRecord(
        "shop", "test", "v1", {"app": FREIGHT.name}, PROMOTION.name, "user:ann", NOON, VerificationPhase.FAILED, "bad"
    )
    origin = {"kind": "Warehouse", "name": "app"}
    reference = {"name": FREIGHT.name, "alias": "happy-otter", "origin": origin, "images": [IMAGE]}
    checked = {"id": "v1", "actor": "user:ann", "phase": "Failed", "message": "bad", "startTime": TEXT}
    assert shapes.stage(outlook, record, verification, {"ticket": 7})["status"] == {
        "freightSummary": FREIGHT.name,
        "freightHistory": [{"id": COLLECTION, "items": {"Warehouse/app": reference}, "verificationHistory": [checked]}],
        "autoPromotionEnabled": False,
        "currentPromotion": {
            "name": running.name,
            "freight": {"name": FREIGHT.name},
            "status": {"phase": "Running"},
        },
        "lastPromotion": {
            "name": PROMOTION.name,
            "freight": {"name": FREIGHT.name},
            "status": {"phase": "Failed", "message": "the step failed"},
            "finishedAt": TEXT,
        },
        "autoPromotionHolds": {
            "Warehouse/app": {
                "freightName": FREIGHT.name,
                "origin": origin,
                "promotionName": PROMOTION.name,
                "actor": "user:ann",
                "createdAt": TEXT,
            }
        },
        "metadata": {"ticket": 7},
    }


@pytest.mark.parametrize(
    ("subject", "about"),
    [
        pytest.param("Stage/test", {"kind": "Stage", "name": "test"}, id="named"),
        pytest.param("Ledger", {"kind": "Ledger", "name": ""}, id="bare"),
    ],
)
def test_an_event_is_one_of_kubernetes(subject: str, about: dict[str, str]):
    """A line of the audit trail reads as a Kubernetes Event: reason, message, who, about what, when."""
    shape = shapes.event(AuditEvent("shop", "PromotionCreated", subject, "user:ann", "made", NOON, {"a": 1}))
    assert (shape["kind"], shape["reason"], shape["message"]) == ("Event", "PromotionCreated", "made")
    assert shape["involvedObject"] == about
    assert (shape["source"], shape["lastTimestamp"]) == ({"component": "user:ann"}, TEXT)
    assert (shape["metadata"]["namespace"], shape["data"]) == ("shop", {"a": 1})
