"""A Stage's metadata: what steps noted about it, and its stable Freight (Kargo: `status.metadata`)."""

import asyncio
from typing import Any

from blocks.ledger.ledger import Ledger

Json = dict[str, Any]

STABLE = "stableFreight"
"""The key under which a Stage's metadata has, by origin, the Freight that was verified there last."""


async def read_stage_metadata(ledger: Ledger, project: str) -> dict[str, Json]:
    """Return the metadata of a project's Stages by name; those without any are left out."""
    noted, stable = await asyncio.gather(ledger.notes.of_stages(project), ledger.rollbacks.stable(project))
    known = {stage: {STABLE: _references(by_origin)} for stage, by_origin in stable.items()}
    return {stage: noted.get(stage, {}) | known.get(stage, {}) for stage in noted.keys() | known.keys()}


def _references(by_origin: dict[str, str]) -> Json:
    return {
        f"Warehouse/{origin}": {"name": freight, "origin": {"kind": "Warehouse", "name": origin}}
        for origin, freight in sorted(by_origin.items())
    }
