"""What happens when many do the same at once, in one process and in two, or die doing it."""

import asyncio
import random

import pytest

from blocks.ledger.ledger import Ledger
from blocks.ledger.promotion_claims import Busy, Over, Started
from blocks.ledger.records import Phase
from tests.blocks.ledger.samples import ORIGIN, at, freight, promotion, start, verification
from tests.blocks.ledger.worker import answer, spawn

pytestmark = pytest.mark.usefixtures("stocked")


async def test_many_tasks_start_promotions_of_one_stage(ledger):
    """Exactly one begins, and all others are told its name."""
    names = [f"n{number}" for number in range(20)]
    await asyncio.gather(*(ledger.promotions.create(promotion(name)) for name in names))

    came = await asyncio.gather(*(start(ledger, name, owner=name) for name in names))

    begun = [outcome.record.name for outcome in came if isinstance(outcome, Started)]
    assert len(begun) == 1
    assert [outcome for outcome in came if isinstance(outcome, Busy)] == [Busy(by=begun[0])] * 19


async def test_many_owners_take_over_one_promotion(ledger):
    """One of them gets the lapsed lease."""
    await ledger.promotions.create(promotion("a"))
    await start(ledger, "a", owner="dead")

    came = await asyncio.gather(*(start(ledger, "a", owner=f"o{n}", minutes=5) for n in range(20)))

    assert sorted(type(outcome).__name__ for outcome in came) == ["Busy"] * 19 + ["Started"]


async def test_two_processes_start_promotions_of_the_same_stages(ledger, url):
    """Each Stage is begun by exactly one of the two, and the database agrees."""
    stages = 25
    for stage in range(stages):
        for owner in ("one", "two"):
            await ledger.promotions.create(promotion(f"{stage}.{owner}", stage=str(stage)))

    processes = [spawn(url, "claim_all", owner, str(stages)) for owner in ("one", "two")]
    begun = [await asyncio.to_thread(answer, process) for process in processes]

    assert sorted(begun[0] + begun[1]) == list(range(stages))
    assert len(await ledger.promotions.list("p", phases=[Phase.RUNNING])) == stages


async def test_a_process_killed_in_a_transaction_leaves_nothing_of_it(ledger, url):
    """What it had not committed never was; the next owner takes over and finishes."""
    await ledger.promotions.create(promotion("a"))
    await start(ledger, "a", owner="dead")

    process = spawn(url, "die_writing", "a")
    code = await asyncio.to_thread(process.wait, 60)

    assert code == -9
    assert (await ledger.promotions.get("p", "a")).phase is Phase.RUNNING
    assert isinstance(await start(ledger, "a", owner="next", minutes=5), Started)
    await ledger.promotions.finish("p", "a", "next", Phase.SUCCEEDED, "", at(6))
    assert list(await ledger.stages.current("p", "test")) == [ORIGIN]


async def test_finish_and_abort_at_once_agree_on_one_end(ledger):
    """Whoever is second sees the first one's end; the Stage and the trail say the same."""
    for number in range(10):
        name, stage = f"n{number}", f"s{number}"
        await ledger.promotions.create(promotion(name, stage=stage))
        await start(ledger, name)
        both = [
            ledger.promotions.finish("p", name, "run", Phase.SUCCEEDED, "", at(1)),
            ledger.promotions.abort("p", name, "ann", "", at(1)),
        ]
        random.Random(number).shuffle(both)
        await asyncio.gather(*both, return_exceptions=True)

        phase = (await ledger.promotions.get("p", name)).phase
        assert bool(await ledger.stages.current("p", stage)) == (phase is Phase.SUCCEEDED)
        told = [event.type for event in await ledger.audit.list("p", subject=f"Promotion/{name}")]
        assert told == [f"Promotion{phase}", "PromotionCreated"]


async def test_aliases_stay_unique_when_many_want_the_same(ledger):
    """Freight recorded at once share the wished aliases out among them, and each is told once."""
    wished = ["merry-otter", "brave-hare", "calm-wren"]
    names = [f"{number:040x}" for number in range(5)]

    came = await asyncio.gather(
        *(ledger.freight.record(freight(name), wished, at(0)) for name in names for _ in range(3))
    )

    stored = (await ledger.freight.many("p", names)).values()
    assert sum(new for _, new in came) == len(stored) == 5
    assert len({one.alias for one in stored}) == 5
    assert {one.alias for one in stored} > set(wished)
    assert {record.alias for record, _ in came} == {one.alias for one in stored}
    assert len(await ledger.audit.list("p", type="FreightCreated")) == 5


async def test_one_verification_is_open_per_stage(ledger):
    """Everybody who asks at once gets the same one."""
    came = await asyncio.gather(
        *(ledger.verifications.create(verification(f"v{n}", {ORIGIN: "f1"})) for n in range(10))
    )

    assert len({one.id for one in came}) == 1
    assert len(await ledger.verifications.open()) == 1


async def test_cancelled_writers_leave_the_ledger_usable(ledger):
    """A cancelled flow, at whatever moment, neither holds a lock nor half a transaction."""
    dice = random.Random(7)
    for name in (names := [f"n{number}" for number in range(30)]):
        task = asyncio.create_task(ledger.promotions.create(promotion(name, stage=name)))
        await asyncio.sleep(dice.uniform(0, 0.01))
        task.cancel()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 20)  # less than writers wait for a lock

    created = {event.subject for event in await ledger.audit.list("p")}
    assert created == {f"Promotion/{one.name}" for one in await ledger.promotions.list("p")}
    await asyncio.wait_for(asyncio.gather(*(ledger.promotions.create(promotion(n, stage=n)) for n in names)), 20)
    assert len(await ledger.promotions.list("p")) == 30


async def test_several_ledgers_in_one_process_write_at_once(ledger, url):
    """Two openings of the same database do not fail each other."""
    other = await Ledger.open(url)
    both = [ledger, other]

    came = await asyncio.gather(
        *(both[n % 2].leases.take("one", f"owner{n}", at(1), at(0)) for n in range(30)), return_exceptions=True
    )

    await other.close()
    assert came.count(True) == 1
    assert came.count(False) == 29


async def test_start_after_the_end_of_another(ledger):
    """Starting while the running one ends gives Busy or Started, never an error, and Over for the ended one."""
    await ledger.promotions.create(promotion("a"))
    await ledger.promotions.create(promotion("b", "f2"))
    await start(ledger, "a")

    _, came = await asyncio.gather(
        ledger.promotions.finish("p", "a", "run", Phase.SUCCEEDED, "", at(1)),
        start(ledger, "b", owner="b", collection={ORIGIN: "f2"}),
    )

    assert isinstance(came, Busy | Started)
    assert await start(ledger, "a") == Over(Phase.SUCCEEDED)
