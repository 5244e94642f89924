"""A promotion begins by the freezes that its gates were asked with, or they are asked again."""

import asyncio

from blocks.ledger.promotion_claims import Outdated, Started
from blocks.ledger.records import Freeze, Phase
from tests.blocks.ledger.samples import NOON, promotion, start

FREEZE = Freeze("p", "audit", "user:bob", NOON)


async def test_a_freeze_set_after_the_gates_were_asked(ledger, stocked):
    """It does not begin, whoever was about to; nor by a freeze that was ended, or is another by now."""
    await ledger.promotions.create(promotion("test.1"))
    await ledger.freezes.freeze(FREEZE)
    assert await start(ledger, "test.1", freezes=[]) == Outdated()
    assert (await ledger.promotions.get("p", "test.1")).phase is Phase.PENDING
    await ledger.freezes.freeze(Freeze("", "outage", "user:eve", NOON))
    assert await start(ledger, "test.1", freezes=[FREEZE]) == Outdated()
    known = await ledger.freezes.list("p")
    await ledger.freezes.unfreeze("", "user:eve", "", NOON)
    assert await start(ledger, "test.1", freezes=known) == Outdated()

    # Whether these let it begin is the gates' answer, such as for who breaks the glass.
    assert isinstance(await start(ledger, "test.1", freezes=await ledger.freezes.list("p")), Started)
    await ledger.freezes.freeze(Freeze("p", "another", "user:eve", NOON))
    assert isinstance(await start(ledger, "test.1", freezes=[]), Started), "what runs goes on"


async def test_once_frozen_nothing_begins(ledger, stocked):
    """Twenty that were decided before are on their way while somebody freezes the project."""
    stages = [f"s{number}" for number in range(20)]
    for stage in stages:
        await ledger.promotions.create(promotion(f"{stage}.1", stage=stage))

    async def begin(stage):
        return await start(ledger, f"{stage}.1", freezes=[])

    async def freeze():
        await ledger.freezes.freeze(FREEZE)
        return await running()

    async def running():
        return {each.name for each in await ledger.promotions.open("p") if each.phase is Phase.RUNNING}

    first, frozen, second = await asyncio.gather(
        asyncio.gather(*map(begin, stages[:10])), freeze(), asyncio.gather(*map(begin, stages[10:]))
    )
    begun = {each.record.name for each in [*first, *second] if isinstance(each, Started)}
    assert frozen == begun == await running()
