"""What happened in one Stage, read from the ledger for decisions about going back."""

import asyncio

from blocks.ledger.ledger import Ledger
from flows.stage.rollback import History

PROMOTIONS = 50
"""The newest Promotions of a Stage that are looked at; all that are open are among them, or it is very busy."""


async def read_history(ledger: Ledger, project: str, stage: str) -> History:
    """Gather what rollbacks of a Stage are decided from."""
    stays, promotions, verification = await asyncio.gather(
        ledger.rollbacks.stays(project, stage),
        ledger.promotions.list(project, stage, limit=PROMOTIONS),
        ledger.verifications.latest(project, stage),
    )
    return History(stage, stays, promotions, verification)
