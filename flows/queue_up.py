"""The gate and the queue: a Promotion starts when its Freight may still enter and the Stage is free."""

from datetime import UTC, datetime, timedelta

from blocks.ledger.records import PromotionRecord
from flows.auto_rollback import give_up_overtaken
from flows.current_run import CurrentRun, come_back
from flows.promotion.turn import NotYet, ask_for_turn, stand_in_line
from flows.world import World

IN_PLACE_SECONDS = 10.0
"""After this long at most a script's run asks again, which nobody can wake."""


async def wait_for_turn(here: World, record: PromotionRecord, run: CurrentRun) -> PromotionRecord:
    """Take the Stage for this run, or leave the worker and come back; a script's run waits where it is.

    Returns the record Running and owned by this run, or terminal when it may not start any more.
    """
    told = ""
    while isinstance(answer := await _ask_for_turn(here, record, run), NotYet):
        if answer.sentence != told:
            await stand_in_line(here.ledger, record, answer)
            told = answer.sentence
        seconds = answer.seconds if run.deployed else min(answer.seconds, IN_PLACE_SECONDS)
        await come_back(run, seconds, answer.state, answer.sentence)
    return answer


async def _ask_for_turn(here: World, record: PromotionRecord, run: CurrentRun) -> PromotionRecord | NotYet:
    """Take the Stage once, or say what is before it."""
    now = datetime.now(UTC)
    if (record := await give_up_overtaken(here, record, now)).phase.terminal:
        return record
    return await ask_for_turn(here.ledger, record, (run.owner, timedelta(seconds=here.settings.lease_seconds)), now)
