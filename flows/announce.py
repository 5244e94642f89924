"""Events: what happened, told to Prefect after it is in the ledger.

Events that start something are posted synchronously with a deterministic id: told twice they count once, and when
telling fails the caller knows. Automations deliver at most once; the sweep makes sure.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from prefect.client.orchestration import PrefectClient

from blocks.ledger.records import FreightRecord
from flows.freight.describe import one_line

EVENT = "drayage"


def stage_resource(project: str, stage: str) -> str:
    """Name a Stage as Prefect's events do."""
    return f"drayage.stage.{project}.{stage}"


def event(
    name: str, resource: str, payload: dict[str, Any], *, key: str, project: str, at: datetime | None = None
) -> dict[str, Any]:
    """Build one event; the same name and `key` give the same id."""
    return {
        "id": str(event_id(name, key)),
        "occurred": (at or datetime.now(UTC)).isoformat(),
        "event": f"{EVENT}.{name}",
        "resource": {"prefect.resource.id": resource, "prefect.resource.name": resource.rpartition(".")[2]},
        "related": [{"prefect.resource.id": f"drayage.project.{project}", "prefect.resource.role": "project"}],
        "payload": payload,
    }


def event_id(name: str, key: str) -> UUID:
    """Derive an event's id from what it is about."""
    return uuid5(NAMESPACE_URL, f"{EVENT}.{name}/{key}")


def freight_created(freight: FreightRecord, at: datetime) -> dict[str, Any]:
    """Build the event that tells of new Freight. Made again after it was deleted, it is told again."""
    payload = {"freight": freight.name, "alias": freight.alias, "versions": one_line(freight.content)}
    resource = f"drayage.freight.{freight.project}.{freight.name}"
    key = f"{freight.project}/{freight.name}/{freight.created_at.isoformat()}"
    return event("freight.created", resource, payload, key=key, project=freight.project, at=at)


async def post(client: PrefectClient, events: list[dict[str, Any]]) -> None:
    """Post events and return when the server has them. Raises httpx.HTTPError when it has not."""
    for start in range(0, len(events), 50):
        await client.request("POST", "/events", json=events[start : start + 50])
