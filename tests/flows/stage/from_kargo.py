"""Turns Kargo's JSON, as conformance cases hold it, into the ledger's records."""

from datetime import UTC, datetime, timedelta

from blocks.ledger.records import FreightRecord, Hold, Phase, PromotionRecord, Standing, Verified
from flows.duration import parse_duration
from flows.stage.candidate import Situation
from flows.stage.model import StageSpec

HOLD, RESUME = "kargo.akuity.io/auto-promotion-hold", "kargo.akuity.io/auto-promotion-resume"
EPOCH = datetime(2025, 1, 1, tzinfo=UTC)


def instant(text):
    """Read RFC 3339."""
    return datetime.fromisoformat(text)


def spec(stage):
    """The part of a Stage that availability looks at."""
    return StageSpec.model_validate({"requestedFreight": stage["requestedFreight"]})


def freight(case):
    """A Freight and where it stands; its alias is its name."""
    status = case.get("status", {})
    created = instant(case["createdAt"]) if "createdAt" in case else EPOCH
    record = FreightRecord(
        project=case["project"],
        name=case["name"],
        alias=case["name"],
        origin=case["origin"]["name"],
        content={},
        discovered_at=instant(case["discoveredAt"]) if "discoveredAt" in case else created,
        created_at=created,
    )
    return record, Standing(
        verified_in={stage: _verified(entry) for stage, entry in status.get("verifiedIn", {}).items()},
        approved_for={stage: instant(entry["approvedAt"]) for stage, entry in status.get("approvedFor", {}).items()},
        currently_in={stage: instant(entry["since"]) for stage, entry in status.get("currentlyIn", {}).items()},
    )


def situation(stage, promotions=()):
    """How a Stage stands."""
    status = stage.get("status", {})
    records = [_promotion(stage, entry) for entry in promotions if entry["stage"] == stage["name"]]
    running = status.get("currentPromotion")
    if running and running["name"] not in [record.name for record in records]:
        records.append(_promotion(stage, {**running, "phase": "Running"}))
    return Situation(
        project=stage["project"],
        name=stage["name"],
        spec=spec(stage),
        labels=stage.get("labels") or {},
        current={_origin(key): name for key, name in status.get("currentFreight", {}).items()},
        holds=[_hold(stage, key, entry) for key, entry in status.get("autoPromotionHolds", {}).items()],
        promotions=records,
        last_promotion=(status.get("lastPromotion") or {}).get("name", ""),
    )


def _verified(entry):
    soak = entry.get("longestSoak")
    return Verified(instant(entry["verifiedAt"]), parse_duration(soak) if soak else None)


def _promotion(stage, entry):
    annotations = entry.get("annotations", {})
    key = annotations.get(HOLD) or annotations.get(RESUME) or entry.get("origin") or ""
    return PromotionRecord(
        project=stage["project"],
        name=entry["name"],
        stage=stage["name"],
        freight=entry["freight"],
        origin=_origin(key),
        actor="admin",
        created_at=instant(entry["createdAt"]) if "createdAt" in entry else EPOCH + timedelta(days=300),
        phase=Phase(entry["phase"]),
        intent="hold" if HOLD in annotations else "resume" if RESUME in annotations else "",
    )


def _hold(stage, key, entry):
    return Hold(
        stage["project"], stage["name"], _origin(key), entry["freightName"], entry["promotionName"], "admin", EPOCH
    )


def _origin(key):
    return key.removeprefix("Warehouse/")
