"""Answers of registries that are shared for a moment."""

import asyncio

import pytest

from blocks.registry import shared as module
from blocks.registry.shared import Shared


class Question:
    """Counts how often it is asked; its answers are numbered lists."""

    def __init__(self):
        self.asked = 0
        self.pause = 0.0

    async def __call__(self):
        self.asked += 1
        answer = [self.asked]
        await asyncio.sleep(self.pause)
        return answer


async def test_kept_for_a_moment():
    """Within the time the same answer, after it a new one."""
    shared, ask = Shared(0.1), Question()
    assert await shared.get("key", ask) == await shared.get("key", ask) == [1]
    assert await shared.get("other", ask) == [2]
    await asyncio.sleep(0.15)
    assert await shared.get("key", ask) == [3]


async def test_not_kept_at_all():
    """With no time each who asks later asks anew; those at the same time still share."""
    shared, ask = Shared(0), Question()
    assert await asyncio.gather(*(shared.get("key", ask) for _ in range(3))) == [[1]] * 3
    assert await shared.get("key", ask) == [2]


async def test_fresh():
    """Who knows that something changed gets an answer younger than that, and others get it too from then on."""
    shared, ask = Shared(10), Question()
    ask.pause = 0.1
    early = asyncio.ensure_future(shared.get("key", ask))
    await asyncio.sleep(0.05)
    assert await shared.get("key", ask, fresh=True) == [2]
    assert await early == [1]
    assert await shared.get("key", ask) == [2]


async def test_a_late_answer_does_not_replace_a_younger():
    """A question asked before another, and answered after it, is forgotten."""
    shared, slow, quick = Shared(10), Question(), Question()
    slow.pause = 0.1
    early = asyncio.ensure_future(shared.get("key", slow))
    await asyncio.sleep(0.01)
    quick.asked = 10
    assert await shared.get("key", quick, fresh=True) == [11]
    assert await early == [1]
    assert await shared.get("key", slow) == [11]


async def test_errors_are_not_kept():
    """The next asks anew."""
    shared, ask = Shared(10), Question()

    async def fail():
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await shared.get("key", fail)
    assert await shared.get("key", ask) == [1]


async def test_the_oldest_goes(monkeypatch):
    """So many are kept and no more."""
    monkeypatch.setattr(module, "KEPT", 2)
    shared, ask = Shared(10), Question()
    for key in "abc":
        await shared.get(key, ask)
    assert await shared.get("b", ask) == [2]
    assert await shared.get("a", ask) == [4]
