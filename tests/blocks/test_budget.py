"""Budgets: how often a host is asked, and whose turn it is. In virtual time."""

import asyncio
import random
from datetime import timedelta

import pytest

from blocks import budget as budget_module
from blocks.budget import Budgets, Pace, account, asking_for
from blocks.errors import RateLimited
from blocks.records import BudgetState, Credentials
from tests.blocks.pacing.asked import FAST, NOW, ask, ask_for, clock, left
from tests.servers.virtual_time import run


@pytest.mark.parametrize(
    ("asked_at", "expected"),
    [
        pytest.param([0.0, 0.0], [0.0, 0.0], id="a-few-at-once"),
        pytest.param([0.0] * 4, [0.0, 0.0, 0.0, 1.0], id="one-too-many"),
        pytest.param([0.0] * 7, [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0], id="many-too-many"),
        pytest.param([0.0, 0.4, 0.8, 0.9, 1.1], [0.0, 0.4, 0.8, 1.0, 1.4], id="any-second-counts"),
        pytest.param([0.0, 0.5, 1.0, 1.5, 2.0], [0.0, 0.5, 1.0, 1.5, 2.0], id="slow-enough"),
    ],
)
def test_three_in_any_second(asked_at, expected):
    """A request starts at once unless as many as allowed started within the second before."""

    async def main():
        budget, start = Budgets(Pace(per_second=3)).of("ghcr.io"), clock()

        async def at(seconds):
            await asyncio.sleep(seconds)
            return await ask(budget) - start

        return await asyncio.gather(*map(at, asked_at))

    assert run(main()) == pytest.approx(expected)


def test_each_host_and_credential_has_its_own():
    """One busy account does not slow down another, nor one host another."""

    async def main():
        budgets, start = Budgets(Pace(per_second=1)), clock()
        wanted = [("a", ""), ("b", ""), ("a", "gold"), ("a", "")]
        return [await ask(budgets.of(*each)) - start for each in wanted]

    assert run(main()) == [0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        pytest.param(None, "", id="none"),
        pytest.param(Credentials("bot"), "bot", id="of-nobody"),
        pytest.param(Credentials("bot", "ana", "pa55word", owner="shop"), "shop/bot", id="of-a-project"),
    ],
)
def test_two_projects_may_call_their_credentials_the_same(credentials, expected):
    """An account is a Secret of a project, and shows nothing of what is in it."""
    assert account(credentials) == expected


def test_one_warehouse_cannot_starve_the_rest():
    """Of 20,000 requests of one and one of each of 249 others, those 249 are done in the first seconds."""

    async def main():
        budget, start = Budgets(Pace(per_second=20, concurrent=50, share=10)).of("ghcr.io"), clock()
        big = [asyncio.create_task(ask_for("p/big", budget, None, 0.02)) for _ in range(20_000)]
        await asyncio.sleep(0.5)
        small = await asyncio.gather(*(ask_for(f"p/w{number}", budget, None, 0.02) for number in range(249)))
        everything = await asyncio.gather(*big)
        return max(small) - start, max(everything) - start

    last_small, last_big = run(main())
    # The 249 need 12.45 s alone; every second turn of theirs goes to the big one only while both wait.
    assert last_small <= 1.0 + 250 / 20 + 1.0
    assert last_big == pytest.approx(20_249 / 20, abs=2.0)


@pytest.mark.parametrize(("askers", "expected"), [(1, 3), (2, 6), (5, 10)])
def test_so_many_at_the_same_time(askers, expected):
    """No asker has more than its share under way, and all together no more than there may be."""

    async def main():
        budget, running, most = Budgets(Pace(per_second=10_000, concurrent=10, share=3)).of("ghcr.io"), 0, 0

        async def one(number):
            nonlocal running, most
            with asking_for(f"p/w{number % askers}"):
                async with budget.turn():
                    running += 1
                    most = max(most, running)
                    await asyncio.sleep(1)
                    running -= 1

        await asyncio.gather(*map(one, range(60)))
        return most

    assert run(main()) == expected


def test_a_hanging_warehouse_keeps_no_turn_of_others():
    """With its whole share hanging, others are served as if it were not there."""

    async def main():
        budget, start = Budgets(FAST).of("ghcr.io"), clock()
        hanging = [asyncio.create_task(ask_for("p/hangs", budget, None, 600)) for _ in range(100)]
        await asyncio.sleep(1)
        served = await asyncio.gather(*(ask_for(f"p/w{number}", budget, None, 0.1) for number in range(249)))
        for task in hanging:
            task.cancel()
        return max(served) - start

    assert run(main()) < 3.0


def test_who_gives_up_loses_no_turn():
    """Waiting that is cancelled, at whatever moment, leaves every turn to others."""

    async def main():
        budget = Budgets(Pace(per_second=10_000, concurrent=2, share=2)).of("ghcr.io")
        for delay in (0.0, 0.5, 1.0, 1.5):
            tasks = [asyncio.create_task(ask_for(f"p/w{number % 3}", budget, None, 1.0)) for number in range(9)]
            await asyncio.sleep(delay)
            for task in random.sample(tasks, 5):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        start = clock()
        return await asyncio.gather(*(ask(budget, None, 1.0) for _ in range(4))), start, budget.idle

    began, start, idle = run(main())
    assert sorted(each - start for each in began) == [0.0, 0.0, 1.0, 1.0]
    assert idle


def test_state():
    """Limits as the server said, who waits, and until when nobody asks."""

    async def main():
        budgets = Budgets(Pace(concurrent=1))
        await ask(budgets.of("api.github.com", "bot"), headers=left(4_210, reset=300))
        await ask(budgets.of("ghcr.io"), RateLimited("429", 10.0))
        waiting = [asyncio.create_task(ask(budgets.of("ghcr.io"))) for _ in range(3)]
        await asyncio.sleep(0)
        states = budgets.states(NOW)
        await asyncio.gather(*waiting)
        await asyncio.sleep(300)
        return states, budgets.states(NOW)

    (github, ghcr), (later, quiet) = run(main())
    assert github == BudgetState(
        "http", "api.github.com", "bot", 5_000, 4_210, NOW + timedelta(seconds=300), 0, None, NOW
    )
    assert (ghcr.waiting, ghcr.limit) == (3, None)
    assert NOW + timedelta(seconds=10) <= ghcr.backing_off_until <= NOW + timedelta(seconds=11)
    assert (later.limit, later.remaining, later.resets_at) == (5_000, None, None)
    assert (quiet.waiting, quiet.backing_off_until) == (0, None)


def test_only_so_many_are_remembered(monkeypatch):
    """Budgets at rest are forgotten, the longest unused first; one that is in use never."""
    monkeypatch.setattr(budget_module, "MAX_BUDGETS", 3)

    async def main():
        budgets = Budgets(FAST)
        for number in range(10):
            await ask(budgets.of(f"host-{number}"))
        kept = [state.host for state in budgets.states(NOW)]
        async with budgets.of("busy").turn():
            for number in range(10):
                budgets.of(f"host-{number}")
            busy = "busy" in [state.host for state in budgets.states(NOW)]
        return kept, busy

    assert run(main()) == (["host-7", "host-8", "host-9"], True)


def test_what_is_asked_is_known():
    """Of an asker it is known which budgets it asked, tasks it started included, and of nobody else's."""

    async def main():
        budgets, git = Budgets(FAST), Budgets(FAST, kind="git")
        with asking_for("p/a") as first:
            await asyncio.gather(asyncio.create_task(ask(budgets.of("ghcr.io", "bot"))), ask(git.of("github.com")))
        with asking_for("p/b") as second:
            pass
        await ask(budgets.of("quay.io"))
        return first, second

    assert run(main()) == ({("http", "ghcr.io", "bot"), ("git", "github.com", "")}, set())
