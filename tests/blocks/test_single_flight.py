"""Work that many want at once is done once."""

import asyncio

import pytest

from blocks.single_flight import SingleFlight


class Work:
    """Counts how often it was begun, and ends when told."""

    def __init__(self):
        self.begun = 0
        self.ended = 0
        self.go = asyncio.Event()

    async def __call__(self):
        self.begun += 1
        try:
            await self.go.wait()
        finally:
            self.ended += 1
        return f"result {self.begun}"


async def started(*flights):
    """Let everybody come to where they wait."""
    tasks = [asyncio.ensure_future(flight) for flight in flights]
    await asyncio.sleep(0.01)
    return tasks


async def test_once_for_all_who_ask_meanwhile():
    """All get the one result; who asks after it has ended has it done again."""
    flights, work = SingleFlight(), Work()
    tasks = await started(*(flights.do("key", work) for _ in range(5)))
    work.go.set()

    assert await asyncio.gather(*tasks) == ["result 1"] * 5
    assert await flights.do("key", work) == "result 2"


async def test_keys_are_apart():
    """Different keys do not wait for one another."""
    flights, work, other = SingleFlight(), Work(), Work()
    await started(flights.do("hangs", work))
    other.go.set()

    assert await asyncio.wait_for(flights.do("other", other), 1) == "result 1"


async def test_a_failure_is_everybodys_and_not_kept():
    """All who wait get the error; the next tries again."""
    flights = SingleFlight()

    async def fail():
        await asyncio.sleep(0.01)
        raise ValueError("broken")

    results = await asyncio.gather(*(flights.do("key", fail) for _ in range(3)), return_exceptions=True)

    assert [ValueError] * 3 == [type(each) for each in results]
    with pytest.raises(ValueError, match="broken"):
        await flights.do("key", fail)


async def test_who_gives_up_takes_nothing_from_the_others():
    """The first to ask is cancelled, the second still gets the result of the same work."""
    flights, work = SingleFlight(), Work()
    first, second = await started(flights.do("key", work), flights.do("key", work))
    first.cancel()
    await asyncio.sleep(0.01)
    work.go.set()

    assert await second == "result 1"
    assert first.cancelled()


async def test_work_nobody_waits_for_ends():
    """When all have given up the work is cancelled, and the next to ask does not get the cancellation."""
    flights, work = SingleFlight(), Work()
    tasks = await started(flights.do("key", work), flights.do("key", work))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.01)
    assert (work.begun, work.ended) == (1, 1)

    work.go.set()
    assert await flights.do("key", work) == "result 2"
