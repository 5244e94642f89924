"""What people ask for about Freight: put it together by hand, delete it."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import ValidationError

from blocks.errors import Invalid
from blocks.ledger.records import Definition, FreightRecord
from flows.advance import announce_ready
from flows.announce import freight_created
from flows.discover import no_warehouse
from flows.freight.alias import suggest
from flows.freight.assemble import Entry
from flows.freight.by_hand import check_alias, put_together
from flows.freight.identity import freight_name
from flows.freight.look_up import look_up
from flows.freight.picks import Picks
from flows.look_at import sources_of
from flows.publish import try_post
from flows.warehouse.model import Subscription, WarehouseSpec
from flows.world import World


@dataclass(frozen=True)
class FreightWish:
    """Freight that somebody puts together.

    `base` names Freight to clone, in whose place come the picks; its Warehouse is taken when none is named.
    """

    project: str
    warehouse: str = ""
    picks: Picks = field(default_factory=Picks)
    base: str = ""
    alias: str = ""


async def create_freight(here: World, wish: FreightWish, actor: str) -> tuple[FreightRecord, bool]:
    """Make Freight of what a person picked, tell of it, and let it go on downstream as if it had been discovered.

    Returns the Freight, and whether it is new: Freight of the same content is returned as it is. Raises Invalid with
    all that is wrong with the wish, NotFound for an unknown Warehouse or Freight, Conflict when the alias is taken.
    """
    base = await here.ledger.freight.find(wish.project, wish.base) if wish.base else None
    if wish.alias:
        check_alias(wish.alias)
    warehouse = await _warehouse(here, wish.project, wish.warehouse or (base.origin if base else ""))
    if base and base.origin != warehouse.name:
        raise Invalid(f"Freight {base.alias!r} is of Warehouse {base.origin!r} and cannot be cloned for another")
    recorded, fresh = await _recorded(here, warehouse, wish, base, actor)
    if fresh:
        await try_post([freight_created(recorded, recorded.created_at)])
        await announce_ready(here.ledger, wish.project)
    return recorded, fresh


async def _recorded(
    here: World, warehouse: Definition, wish: FreightWish, base: FreightRecord | None, actor: str
) -> tuple[FreightRecord, bool]:
    now, sources = datetime.now(UTC), sources_of(here, wish.project)

    async def ask(subscription: Subscription, version: str) -> Entry | None:
        return await look_up(subscription, version, sources, now)

    discovered = (await here.ledger.warehouses.status(wish.project, warehouse.name)).discovered
    content = await put_together(_spec(warehouse), discovered, wish.picks, base.content if base else None, ask)
    name, now = freight_name(warehouse.name, content), datetime.now(UTC)
    wanted = FreightRecord(wish.project, name, wish.alias, warehouse.name, content, now, now)
    return await here.ledger.freight.record(wanted, suggest(random.SystemRandom()), now, actor)


def _spec(warehouse: Definition) -> WarehouseSpec:
    try:
        return WarehouseSpec.model_validate(warehouse.spec)
    except ValidationError:
        raise Invalid(f"the manifest of Warehouse {warehouse.name!r} cannot be read; correct and apply it") from None


async def delete_freight(here: World, project: str, freight: str, actor: str) -> tuple[FreightRecord, bool]:
    """Delete Freight, named by name or alias, that nothing uses.

    Returns what it was, and whether its Warehouse still finds the same, so that discovery makes it anew. Raises
    NotFound for unknown Freight, Refused while it is in use with a sentence that says where.
    """
    found = await here.ledger.freight.find(project, freight)
    gone = await here.ledger.freight.delete(project, found.name, actor, datetime.now(UTC))
    status = await here.ledger.warehouses.status(project, gone.origin)
    watched = await here.ledger.definitions.get("Warehouse", project, gone.origin)
    return gone, watched is not None and status.last_freight == gone.name


async def _warehouse(here: World, project: str, warehouse: str) -> Definition:
    if found := await here.ledger.definitions.get("Warehouse", project, warehouse):
        return found
    raise await no_warehouse(here.ledger, project, warehouse)
