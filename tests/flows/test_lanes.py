"""Lanes: few jobs at once, and slow ones that make room."""

import asyncio

from flows.lanes import Lanes


async def started(lanes, jobs, until):
    """Which jobs had begun once `until` seconds passed; a job ends with its own event only."""
    begun, ends = [], asyncio.Event()

    async def job(number):
        async with lanes.turn():
            begun.append(number)
            await ends.wait()

    tasks = [asyncio.create_task(job(number)) for number in range(jobs)]
    await asyncio.sleep(until)
    seen = list(begun)
    ends.set()
    await asyncio.gather(*tasks)
    assert sorted(begun) == list(range(jobs))
    return seen


async def test_quick_jobs_come_first_come_first_served():
    """No more at once than the lane bears."""
    assert await started(Lanes(2, 5, 10.0), 6, 0.05) == [0, 1]


async def test_slow_jobs_make_room():
    """Those that take long move over, as many as the wider lane bears; the rest stay and hold their places."""
    assert await started(Lanes(2, 3, 0.05), 9, 0.6) == [0, 1, 2, 3, 4]


async def test_places_come_back():
    """Whether a job moved over, ended quickly, failed or was cancelled."""
    lanes = Lanes(1, 1, 0.02)

    async def job(seconds):
        async with lanes.turn():
            await asyncio.sleep(seconds)
            raise ZeroDivisionError

    for seconds in (0.0, 0.1, 0.0, 0.1):
        results = await asyncio.gather(job(seconds), return_exceptions=True)
        assert isinstance(results[0], ZeroDivisionError)
    cancelled = asyncio.create_task(job(10))
    await asyncio.sleep(0.05)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    assert lanes.slow_left == 1
    assert await started(lanes, 1, 0.01) == [0]
