"""Promotions from request to end."""

from blocks.ledger.promotion_claims import PromotionClaims
from blocks.ledger.promotion_clean_ups import PromotionCleanUps
from blocks.ledger.promotion_ends import PromotionEnds
from blocks.ledger.promotion_queries import PromotionQueries
from blocks.ledger.promotion_queue import PromotionQueue
from blocks.ledger.promotion_requests import PromotionRequests
from blocks.ledger.promotion_retries import PromotionRetries
from blocks.ledger.promotion_steps import PromotionSteps


class Promotions(
    PromotionQueries,
    PromotionClaims,
    PromotionSteps,
    PromotionEnds,
    PromotionRetries,
    PromotionCleanUps,
    PromotionRequests,
    PromotionQueue,
):
    """Each transition is one transaction that checks the phase it leaves and who holds the promotion."""
