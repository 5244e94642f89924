"""One Freight through the flow `promote`, on a real Prefect server with the warm worker."""

import asyncio

from deployments.answers import decide
from tests.servers.guestbook import Guestbook, until


async def test_one_image_walks_to_prod(guestbook: Guestbook):
    """A pushed image is promoted to test and uat by itself, waits for a person, and then enters prod."""
    freight = await guestbook.push("1.0.0")
    await guestbook.verified(freight, "test")
    await guestbook.verified(freight, "uat")
    waiting = await guestbook.promotion(freight, "prod")

    async def suspended() -> bool:
        return await guestbook.run_state(waiting) == "Suspended"

    await until(suspended, "the suspended run", 20)
    assert (await guestbook.standing(freight)).currently_in.keys() == {"test", "uat"}

    await asyncio.sleep(0.5)
    await decide(guestbook.here, guestbook.project, waiting.name, "approve", "ann", "go")
    await guestbook.verified(freight, "prod")
    decisions = await guestbook.here.ledger.promotions.decisions(guestbook.project, waiting.name)
    assert [(each.actor, each.approved, each.comment) for each in decisions] == [("ann (unauthenticated)", True, "go")]
    message = (await guestbook.commits("stage/prod"))[0]
    assert f"Drayage-Promotion: {waiting.name}" in message
    assert "Drayage-Stage: prod" in message
