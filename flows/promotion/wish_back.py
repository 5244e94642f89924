"""A person's wish to go back, made into the wish for one Freight."""

from dataclasses import replace
from datetime import datetime

from blocks.errors import Refused
from blocks.ledger.ledger import Ledger
from flows.promotion.admission import Wish
from flows.promotion.refused import refusals_told
from flows.stage.history import read_history
from flows.stage.pipeline import read_pipeline
from flows.stage.rollback import GoBack, by_hand, undone


async def wish_back(ledger: Ledger, wish: Wish, now: datetime) -> Wish:
    """Say which Freight a person's rollback means, where they name none, and what it takes back.

    Once the run has its Promotion the wish is returned as it is. Raises Refused when there is nothing to go back to,
    NotFound for an unknown Stage or Freight.
    """
    if wish.flow_run_id and await ledger.promotions.by_flow_run(wish.flow_run_id):
        return wish
    (await read_pipeline(ledger, wish.project)).stage(wish.stage)
    history = await read_history(ledger, wish.project, wish.stage)
    if wish.freight:
        freight = await ledger.freight.find(wish.project, wish.freight)
        return replace(wish, rollback=undone(history, freight.origin))
    verdict = by_hand(history, wish.origin)
    if isinstance(verdict, GoBack):
        return replace(wish, freight=verdict.freight, rollback=verdict.undoes, reason=wish.reason or verdict.why)
    async with refusals_told(ledger, wish.project, wish.stage, wish.actor, f"take Stage {wish.stage!r} back", now):
        raise Refused(f"{verdict.sentence}; name the Freight to go back to")
