"""Promotion requests as Kargo's objects: what was asked for, and how far each target is."""

from collections.abc import Sequence
from typing import Any

from blocks.ledger.ledger import Ledger
from blocks.ledger.promotion_requests import TargetPromotion
from blocks.ledger.records import Phase, PromotionRecord
from deployments import shapes
from flows.promotion.request import summary

Json = dict[str, Any]


def promotion_request(record: PromotionRecord, known: Sequence[TargetPromotion]) -> Json:
    """A request with its snapshot of targets, and in `status` each one's Promotion and how many are in which phase."""
    plain = shapes.promotion(record)
    mine = {each.target: each for each in known if each.request == record.name}
    targets = record.targets or []
    status = {key: value for key, value in plain["status"].items() if key != "freight"}
    return {
        **plain,
        "kind": record.kind,
        "spec": {"stage": record.stage, "freight": record.freight, "targets": targets},
        "status": {
            **status,
            "summary": summary(record, known),
            "targets": [_target(each["name"], mine.get(each["name"])) for each in targets],
        },
    }


async def asked_for(ledger: Ledger, records: Sequence[PromotionRecord]) -> list[Json]:
    """What Kargo would show of some Promotions of one project: requests with their targets, others as they are."""
    requests = [each.name for each in records if each.targets is not None]
    known = await ledger.promotions.of_requests(records[0].project, requests) if requests else []
    return [
        shapes.promotion(each)
        if each.targets is None
        else promotion_request(each, [one for one in known if one.request == each.name])
        for each in records
    ]


def _target(name: str, promotion: TargetPromotion | None) -> Json:
    if promotion is None:
        return {"name": name, "phase": Phase.PENDING.value}
    shape = {"name": name, "promotion": promotion.name, "phase": promotion.phase.value}
    return shape | ({"message": promotion.message} if promotion.message else {})
