"""A Promotion as it would be made, without making it: for trying expressions, and for looking ahead."""

from dataclasses import replace
from datetime import datetime

from ulid import ULID

from blocks.ledger.records import PromotionRecord
from flows.promotion.admission import Wish, examine, frozen
from flows.promotion.environment import Scope, evaluated
from flows.promotion.workplace import Workplace
from flows.surroundings import read_scope, read_surroundings
from flows.world import World


async def draft(here: World, wish: Wish, now: datetime) -> PromotionRecord:
    """Freeze what a wish asks for, gates left aside. Raises NotFound for an unknown Stage or Freight."""
    outlook, stage, freight = await examine(here.ledger, wish, now)
    record = await frozen(here.ledger, outlook, stage, freight, wish, now, str(ULID()))
    held = {origin: visit.freight for origin, visit in outlook.currents.get(stage.name, {}).items()}
    return replace(record, collection=held | {record.origin: record.freight})


async def draft_scope(here: World, record: PromotionRecord, text: str = "") -> Scope:
    """Gather what expressions of a drafted Promotion see; `text` holds expressions beside its steps."""
    surroundings = await read_surroundings(here, record, Workplace(here.settings.root / "work", record.name))
    return await read_scope(here, record, surroundings, text)


def variables_of(scope: Scope) -> dict[str, object]:
    """Everything an expression may name before the first step."""
    env = {"ctx": scope.context, **scope.target, **scope.functions}
    return {**env, "vars": evaluated(scope.vars, env, {}), "outputs": {}}
