"""Budgets: when a host is left alone, who is told so, and who goes first afterwards. In virtual time."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from blocks.budget import Budgets, Pace, asking_for
from blocks.errors import BadAnswer, NotFound, RateLimited, Unavailable, Unreachable
from blocks.pacing.backoff import LONGEST, LONGEST_OWN
from blocks.pacing.budget import LONGEST_WAIT
from blocks.pacing.host import WITNESSES
from blocks.records import BudgetState
from tests.blocks.pacing.asked import FAST, NOW, ask, ask_for, clock, left, trip
from tests.servers.virtual_time import run


@pytest.mark.parametrize(
    ("error", "shortest", "longest"),
    [
        pytest.param(RateLimited("429", 10.0), 10.0, 11.0, id="names-a-time"),
        pytest.param(Unavailable("503", 10.0), 10.0, 11.0, id="unavailable-for-so-long"),
        pytest.param(RateLimited("429"), 0.5, 1.0, id="names-none"),
        pytest.param(RateLimited("429", 0.0), 0.0, 0.01, id="names-now"),
        pytest.param(Unavailable("500"), 0.0, 0.01, id="one-failure-is-not-the-host"),
        pytest.param(BadAnswer("html"), 0.0, 0.01, id="it-answers"),
        pytest.param(NotFound("404"), 0.0, 0.01, id="not-found"),
    ],
)
def test_patience(error, shortest, longest):
    """After a failure nobody asks for as long as the server asked, or a moment."""

    async def main():
        budget = Budgets(FAST).of("ghcr.io")
        assert await ask(budget, error) is error
        failed = clock()
        return await ask(budget) - failed

    assert shortest <= run(main()) <= longest


@pytest.mark.parametrize(
    ("asked", "then", "turned_away"),
    [
        pytest.param(60.0, 0.0, True, id="before"),
        pytest.param(60.0, 39.0, True, id="still-too-long"),
        pytest.param(60.0, 42.0, False, id="short-enough-to-wait"),
        pytest.param(float("inf"), LONGEST - LONGEST_WAIT - 1.0, True, id="for-ever"),
        pytest.param(float("inf"), LONGEST - LONGEST_WAIT + 2.0, False, id="not-for-ever"),
    ],
)
def test_who_would_wait_for_long_is_turned_away(asked, then, turned_away):
    """With a sentence that names host, credentials and time, and how long it is."""

    async def main():
        budgets = Budgets(FAST)
        await ask(budgets.of("github.com", "bot"), RateLimited("429", asked))
        await asyncio.sleep(then)
        other = await ask(budgets.of("github.com", "other"))
        return await ask(budgets.of("github.com", "bot")), other

    answer, other = run(main())
    assert isinstance(other, float)
    assert isinstance(answer, RateLimited) == turned_away
    if turned_away:
        assert str(answer).startswith("GitHub asks to wait until ")
        assert str(answer).endswith(" UTC with credentials 'bot'")
        assert answer.retry_after > LONGEST_WAIT


def test_those_who_wait_already_are_turned_away_too():
    """When the server asks for a long peace, nobody keeps waiting for it in vain."""

    async def main():
        budget, start = Budgets(Pace(concurrent=1)).of("ghcr.io"), clock()
        first = asyncio.create_task(ask_for("p/a", budget, RateLimited("429", 600.0), 1.0))
        await asyncio.sleep(0)
        others = await asyncio.gather(*(ask_for(f"p/w{number}", budget) for number in range(250)))
        await first
        return others, clock() - start

    others, seconds = run(main())
    assert {type(each) for each in others} == {RateLimited}
    assert seconds == 1.0


def test_backoff_grows_and_ends():
    """Each failed try doubles the pause up to a limit; one success ends it."""

    async def main():
        budget, pauses = Budgets(FAST).of("ghcr.io"), []
        await ask(budget, RateLimited("429"))
        for _ in range(8):
            before = clock()
            while isinstance(answer := await ask(budget, RateLimited("still 429")), RateLimited) and answer.retry_after:
                await asyncio.sleep(answer.retry_after)
            pauses.append(clock() - before)
        while isinstance(answer := await ask(budget), RateLimited):
            await asyncio.sleep(answer.retry_after)
        return pauses, await ask(budget) - answer

    random.seed(7)
    pauses, after = run(main())
    for number, pause in enumerate(pauses):
        full = min(LONGEST_OWN, 2.0**number)
        assert full / 2 - 0.01 <= pause <= full + 0.01
    assert after == 0.0


def test_one_goes_first_after_peace():
    """When the time is over a single request tries; the rest follow when it succeeded."""

    async def main():
        budget = Budgets(FAST).of("ghcr.io")
        await ask(budget, RateLimited("429", 10.0))
        began = await asyncio.gather(*(ask_for(f"p/w{number}", budget, None, 0.3) for number in range(250)))
        return sorted(each - min(began) for each in began)

    began = run(main())
    assert began[1] == pytest.approx(0.3)
    assert began[-1] < 3.0


def test_a_host_that_is_down_is_tried_by_one():
    """Failing several askers closes a host for every credential; one request a while finds it well again."""

    async def main():
        budgets, tries = Budgets(FAST), 0

        async def one(number):
            nonlocal tries
            budget = budgets.of("down.example.com", f"secret-{number % 5}")
            with asking_for(f"p/w{number}"):
                try:
                    async with budget.turn():
                        tries += 1
                        raise Unreachable("no answer")
                except Unreachable as error:
                    return error

        await trip(budgets)
        start = clock()
        errors = await asyncio.gather(*map(one, range(250)))
        down = clock() - start
        return errors, tries, down

    errors, tries, down = run(main())
    assert tries <= 8
    assert down <= 2 * LONGEST_OWN + LONGEST_WAIT
    turned_away = [str(each) for each in errors if str(each) != "no answer"]
    assert len(turned_away) == 250 - tries
    assert all(each.startswith("down.example.com fails whoever asks; it is asked again at ") for each in turned_away)


def test_a_host_that_is_well_again_serves_all_at_once():
    """Who waits with other credentials is let go as soon as one request succeeded."""

    async def main():
        budgets = Budgets(FAST)
        await trip(budgets)
        names = [f"secret-{number}" for number in range(100)]
        began = await asyncio.gather(*(ask(budgets.of("down.example.com", name)) for name in names))
        return max(began) - min(began)

    assert run(main()) == 0.0


@pytest.mark.parametrize(
    ("between", "expected"), [(None, 0.5), (NotFound("404"), 0.0)], ids=["in-a-row", "with-an-answer-between"]
)
def test_failures_in_a_row(between, expected):
    """A host is down only when it answered nobody meanwhile."""

    async def main():
        budget = Budgets(FAST).of("ghcr.io")
        for number in range(WITNESSES):
            if between:
                await ask_for("p/well", budget, between)
            await ask_for(f"p/w{number}", budget, Unavailable("500"))
        failed = clock()
        return await ask(budget) - failed

    assert expected <= run(main()) <= 2 * expected


def test_a_broken_repository_is_not_the_host():
    """However often one asker fails, others are served."""

    async def main():
        budget = Budgets(FAST).of("ghcr.io")
        for _ in range(50):
            await ask_for("p/broken", budget, Unreachable("no answer"), 15.0)
        failed = clock()
        return await ask_for("p/well", budget) - failed

    assert run(main()) == 0.0


def test_the_one_that_tries_may_hang():
    """When the request that goes first gets no answer, the next goes a second later."""

    async def main():
        budgets = Budgets(FAST)
        await trip(budgets)
        budget = budgets.of("down.example.com")
        hanging = asyncio.create_task(ask_for("p/hangs", budget, Unreachable("no answer"), 15.0))
        await asyncio.sleep(1.1)
        start = clock()
        began = await asyncio.gather(*(ask_for(f"p/w{number}", budget) for number in range(9)))
        hanging.cancel()
        return max(began) - start

    assert run(main()) <= 2.0


def test_answers_of_before_say_nothing():
    """Requests that were under way when a limit was hit neither open the host nor make it worse."""

    async def main():
        budget, start = Budgets(FAST).of("ghcr.io"), clock()
        tasks = [asyncio.create_task(ask_for("p/a", budget, RateLimited("429", 8.0), 0.1))]
        tasks += [asyncio.create_task(ask_for("p/b", budget, None, 0.2)) for _ in range(5)]
        tasks += [asyncio.create_task(ask_for("p/c", budget, RateLimited("429"), 0.3)) for _ in range(5)]
        await asyncio.gather(*tasks)
        return await ask(budget) - start

    assert 8.1 <= run(main()) <= 9.2


def test_nobody_asks_when_nothing_is_left():
    """Until the time of reset all are turned away, with what is left; then they are served."""

    async def main():
        budget = Budgets(FAST).of("api.github.com", "bot")
        await ask(budget, headers=left(0))
        refused = await ask(budget)
        await asyncio.sleep(2_990)
        start = clock()
        return refused, await ask(budget) - start

    refused, waited = run(main())
    assert isinstance(refused, RateLimited)
    assert str(refused).endswith("with credentials 'bot': 0 of 5,000 requests are left")
    assert waited == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("remaining", "reset", "seconds"),
    [
        pytest.param(250, 1_000, 0.0, id="plenty"),
        pytest.param(200, 1_000, 5.0, id="scarce"),
        pytest.param(100, 1_000, 10.0, id="scarcer"),
    ],
)
def test_little_is_made_to_last(remaining, reset, seconds):
    """Below a twentieth of the limit, what is left is spread over the time left."""

    async def main():
        budget, start = Budgets(FAST).of("api.github.com"), clock()
        await ask(budget, headers=left(remaining, reset=reset))
        return await ask(budget) - start

    assert run(main()) == pytest.approx(seconds)


def test_who_would_wait_for_a_scarce_request_is_turned_away():
    """With a sentence about what is left and a time when it may be had, although nobody has to wait now."""

    async def main():
        budget = Budgets(FAST).of("api.github.com")
        await ask(budget, headers=left(100, reset=1_000))
        await asyncio.sleep(60)
        return await asyncio.gather(*(ask_for(f"p/w{number}", budget, None, 1.0) for number in range(9)))

    answers = run(main())
    refused = [each for each in answers if isinstance(each, RateLimited)]
    assert 0 < len(refused) < 9
    assert all(str(each).endswith(" UTC: 100 of 5,000 requests are left") for each in refused)


def test_more_than_is_left_never_goes():
    """Requests under way count already: with three left, three go, however many want to."""

    async def main():
        budget = Budgets(FAST).of("gitlab.com")
        await ask(budget, headers=left(3, limit=10, reset=15))
        return sorted(await asyncio.gather(*(ask_for("p/a", budget, None, 1.0) for _ in range(4))))

    began = run(main())
    assert began[:3] == [began[0]] * 3
    assert began[3] >= began[0] + 1.0


def test_a_limit_without_a_time_stops_nobody():
    """Docker Hub counts only some requests and names no time of reset: its 429 tells when it is enough."""

    async def main():
        budget, start = Budgets(FAST).of("registry-1.docker.io"), clock()
        await ask(budget, headers={"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600"})
        return await ask(budget) - start, budget.state("http", NOW)

    waited, state = run(main())
    assert waited == 0.0
    assert (state.limit, state.remaining, state.resets_at) == (100, 0, None)


def test_a_restart_keeps_the_peace():
    """A process that begins within a time of peace knows of it, and of what is left."""
    now = datetime.now(UTC)
    states = [
        BudgetState("http", "github.com", "bot", 5_000, 0, now + timedelta(hours=1), 0, None, now),
        BudgetState("http", "ghcr.io", "", None, None, None, 0, now + timedelta(seconds=300), now),
        BudgetState("http", "quay.io", "", None, None, None, 0, now - timedelta(seconds=1), now),
        BudgetState("git", "gitlab.com", "", None, None, None, 0, now + timedelta(hours=1), now),
    ]

    async def main():
        budgets = Budgets(FAST)
        budgets.recall(states)
        hosts = [("github.com", "bot"), ("ghcr.io", ""), ("quay.io", ""), ("gitlab.com", ""), ("ghcr.io", "other")]
        refused = [isinstance(await ask(budgets.of(*each)), RateLimited) for each in hosts]
        await asyncio.sleep(301)
        return refused, isinstance(await ask(budgets.of("ghcr.io")), float)

    assert run(main()) == ([True, True, False, False, False], True)
