"""Retrying: a failed Promotion goes on, when its Freight may still enter."""

from datetime import datetime

from blocks.ledger.ledger import Ledger
from blocks.ledger.records import PromotionRecord
from flows.promotion.admission import Wish, check_wish
from flows.promotion.refused import refusals_told


async def retry(ledger: Ledger, failed: PromotionRecord, actor: str, reason: str, now: datetime) -> PromotionRecord:
    """Have a failed Promotion wait for its turn again.

    Raises Refused when it did not fail, when its Stage has moved on, and when its Freight may not enter any more.
    """
    wish = Wish(
        failed.project, failed.stage, failed.actor, failed.freight, reason=failed.reason, break_glass=failed.break_glass
    )
    wanted = f"retry Promotion {failed.name!r}"
    async with refusals_told(
        ledger, failed.project, failed.stage, actor, wanted, now, freight=failed.freight, promotion=failed.name
    ):
        await check_wish(ledger, wish, now)
        return await ledger.promotions.retry(failed.project, failed.name, actor, reason, now)
