"""Reads which Warehouses a Stage asks for, and what they subscribe to."""

from blocks.ledger.ledger import Ledger
from flows.freight.watched import Watched
from flows.stage.parsed import Parsed
from flows.warehouse.model import WarehouseSpec


async def read_watched(ledger: Ledger, project: str, stage: str) -> Watched:
    """Read it as it is defined now; a Stage that is gone asks for nothing."""
    defined = await ledger.definitions.get("Stage", project, stage)
    requests = (defined.spec.get("requestedFreight") or []) if defined else []
    names = [request["origin"]["name"] for request in requests]
    found = {name: await ledger.definitions.get("Warehouse", project, name) for name in names}
    return Watched({name: _WAREHOUSES.of(each).subscriptions if each else None for name, each in found.items()})


_WAREHOUSES = Parsed(WarehouseSpec.model_validate)
