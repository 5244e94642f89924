"""Retrying: a failed Promotion goes on, when its Freight may still enter."""

from datetime import datetime

from blocks.ledger.ledger import Ledger
from blocks.ledger.records import PromotionRecord
from flows.promotion.admission import Wish, check_wish


async def retry(ledger: Ledger, failed: PromotionRecord, actor: str, reason: str, now: datetime) -> PromotionRecord:
    """Have a failed Promotion wait for its turn again.

    Raises Refused when it did not fail, when its Stage has moved on, and when its Freight may not enter any more.
    """
    wish = Wish(
        failed.project, failed.stage, failed.actor, failed.freight, reason=failed.reason, break_glass=failed.break_glass
    )
    await check_wish(ledger, wish, now)
    return await ledger.promotions.retry(failed.project, failed.name, actor, reason, now)
