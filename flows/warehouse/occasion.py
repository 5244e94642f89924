"""Why a Warehouse is looked at, and so at how much of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from blocks.ledger.records import Definition, WarehouseStatus
from flows.warehouse.asking import Hint
from flows.warehouse.conditions import unread
from flows.warehouse.hints import from_json
from flows.warehouse.schedule import due, pending


@dataclass(frozen=True)
class Occasion:
    """What a look is for: `whole` for all of the Warehouse, else only for what the hints name.

    `thorough`: a person asked for all of it, so what is thought to be known is looked at again.
    """

    hints: tuple[Hint, ...] = ()
    whole: bool = True
    thorough: bool = False


WHOLE = Occasion()


def occasion(
    definition: Definition,
    status: WarehouseStatus,
    now: datetime,
    minimum: timedelta = timedelta(),
    *,
    asked: bool = False,
) -> Occasion | None:
    """Decide whether and why to look at a Warehouse now. `asked`: somebody waits for all of it, due or not.

    Hints are enough only when all subscriptions are known well: where one could not be read, all are asked again.
    """
    hints = [from_json(each.get("hint") or {}) for each in status.refreshes] if pending(status) else []
    everything = asked or (pending(status) and (not hints or Hint() in hints))
    is_due = due(definition, status, now, minimum)
    if not (everything or hints or is_due):
        return None
    if everything:
        return Occasion(thorough=True)
    return Occasion(tuple(dict.fromkeys(hints)), whole=is_due or unread(status))
