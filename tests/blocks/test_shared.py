"""One answer for everybody who asks the same at the same time."""

import asyncio

import pytest

from blocks.shared import Shared


class Source:
    """Counts how often it is asked, and answers with that number when it is let."""

    def __init__(self):
        self.calls = 0
        self.running = 0
        self.let = asyncio.Event()

    async def __call__(self):
        self.calls += 1
        self.running += 1
        assert self.running == 1
        try:
            number = self.calls
            await self.let.wait()
            return number
        finally:
            self.running -= 1


async def started(shared, source, count, **how):
    """`count` askers that all have asked."""
    tasks = [asyncio.create_task(shared.ask("x", source, **how)) for _ in range(count)]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_all_share_one_call():
    """However many ask at once, there is one call."""
    shared, source = Shared(), Source()
    tasks = await started(shared, source, 60, seconds=3)
    source.let.set()
    assert await asyncio.gather(*tasks) == [1] * 60


async def test_who_wants_news_shares_the_next_call():
    """A call that began before does not serve who asks for an answer of now; all such share one that follows."""
    shared, source = Shared(), Source()
    first = await started(shared, source, 2, seconds=3)
    second = await started(shared, source, 20)
    third = await started(shared, source, 5, seconds=3)
    source.let.set()
    assert await asyncio.gather(*first) == [1, 1]
    assert await asyncio.gather(*second) == [2] * 20
    assert await asyncio.gather(*third) == [1] * 5


async def test_an_answer_serves_for_a_while():
    """An answer is used again until it is too old for who asks."""
    shared, source = Shared(), Source()
    source.let.set()
    assert await shared.ask("x", source) == 1
    assert await shared.ask("x", source, seconds=5) == 1
    assert await shared.ask("x", source) == 2
    await asyncio.sleep(0.05)
    assert await shared.ask("x", source, seconds=0.02) == 3


async def test_a_failure_is_shared_and_not_remembered():
    """All who wait get the failure, the next one a new call."""
    shared, calls = Shared(), []

    async def fail():
        calls.append(1)
        await asyncio.sleep(0.01)
        raise ValueError(str(len(calls)))

    for expected in ("1", "2"):
        tasks = await started(shared, fail, 3, seconds=60)
        assert {str(error) for error in await asyncio.gather(*tasks, return_exceptions=True)} == {expected}


async def test_who_gives_up_stops_nobody_else():
    """A cancelled asker leaves the call to the others; when all have left, it ends, and the next begins anew."""
    shared, source = Shared(), Source()
    one, other = await started(shared, source, 2, seconds=3)
    one.cancel()
    await asyncio.sleep(0.01)
    assert source.running == 1
    other.cancel()
    await asyncio.sleep(0.01)
    assert source.running == 0
    (again,) = await started(shared, source, 1, seconds=3)
    source.let.set()
    assert await again == 2


async def test_old_answers_are_forgotten():
    """Only so many answers are kept, the newest."""
    shared, source = Shared(remembered=2), Source()
    source.let.set()
    for key in "abc":
        await shared.ask(key, source)
    assert await shared.ask("c", source, seconds=60) == 3
    assert await shared.ask("a", source, seconds=60) == 4


@pytest.mark.parametrize("seconds", [0, 3])
async def test_different_questions_do_not_wait_for_each_other(seconds):
    """A call that hangs holds up its own question only."""
    shared, hangs, answers = Shared(), Source(), Source()
    answers.let.set()
    (waiting,) = await started(shared, hangs, 1, seconds=seconds)
    assert await shared.ask("y", answers, seconds=seconds) == 1
    waiting.cancel()


async def test_an_answer_is_let_go_in_time():
    """Who wants no answers kept for longer than a moment has their memory back after it."""
    shared, source = Shared(kept=0.02), Source()
    source.let.set()
    assert await shared.ask("x", source) == 1
    assert await shared.ask("x", source, seconds=60) == 1
    await asyncio.sleep(0.05)
    assert await shared.ask("x", source, seconds=60) == 2
