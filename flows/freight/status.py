"""The status of a Freight in Kargo's shape: where it is, was verified and is approved for, and its metadata."""

from datetime import datetime
from typing import Any

from blocks.ledger.records import FreightRecord, Standing
from flows.duration import format_duration

Json = dict[str, Any]


def freight_status(record: FreightRecord, standing: Standing) -> Json:
    """Say where a Freight stands; what there is none of is left out."""
    verified = {
        stage: {"verifiedAt": kubernetes_time(each.verified_at)}
        | ({"longestSoak": format_duration(each.longest_soak)} if each.longest_soak else {})
        for stage, each in standing.verified_in.items()
    }
    parts = {
        "currentlyIn": {stage: {"since": kubernetes_time(at)} for stage, at in standing.currently_in.items()},
        "verifiedIn": verified,
        "approvedFor": {stage: {"approvedAt": kubernetes_time(at)} for stage, at in standing.approved_for.items()},
        "metadata": dict(record.metadata),
    }
    return {name: part for name, part in parts.items() if part}


def kubernetes_time(at: datetime) -> str:
    """Write a time as Kubernetes does, to the second."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
