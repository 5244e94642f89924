"""Telling how much hosts still let us ask: to the ledger for everybody, and in an artifact for people."""

import logging
from dataclasses import replace
from datetime import UTC, datetime

from prefect.artifacts import acreate_table_artifact

from blocks.ledger.budgets import KEPT
from blocks.records import BudgetState
from flows.warehouse.budgets import notable, rows
from flows.world import World

log = logging.getLogger("drayage")

KEY = "budgets"

RENEWED = KEPT / 10
"""How long what has not changed is left alone."""


async def report_budgets(here: World) -> None:
    """Write down the budgets that changed since they were last told, and renew the artifact when that is notable.

    They only inform: when ledger or Prefect do not take them, that is logged and survived.
    """
    now = datetime.now(UTC)
    states = [state for budgets in here.budgets for state in budgets.states(now)]
    fresh = [state for state in states if _changed(here, state)]
    if not fresh:
        return
    try:
        await here.ledger.budgets.record(fresh)
        if any(_notable(here, state) for state in fresh):
            table = rows(await here.ledger.budgets.list())
            await acreate_table_artifact(table=table, key=KEY, description="How much hosts still let us ask")
    except Exception as error:
        log.warning("cannot tell what is left of %d budgets: %s", len(fresh), type(error).__name__)
        return
    here.reported = {state.key: state if state in fresh else here.reported[state.key] for state in states}


def _changed(here: World, state: BudgetState) -> bool:
    before = here.reported.get(state.key)
    if before is None or state.seen_at - before.seen_at > RENEWED:
        return True
    return replace(before, seen_at=state.seen_at) != state


def _notable(here: World, state: BudgetState) -> bool:
    before = here.reported.get(state.key)
    return before is None or notable(before) != notable(state)
