"""Budgets: how often a host is asked, whose turn it is, and when it is left alone. In virtual time."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from blocks import budget as budget_module
from blocks.budget import Budgets, Pace, account, asking_for
from blocks.errors import BadAnswer, NotFound, RateLimited, Unavailable, Unreachable
from blocks.pacing.backoff import LONGEST, LONGEST_OWN
from blocks.pacing.budget import LONGEST_WAIT
from blocks.pacing.host import WITNESSES
from blocks.records import BudgetState, Credentials
from tests.servers.virtual_time import run

FAST = Pace(per_second=10_000, concurrent=50, share=10)
NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)


def clock():
    """The virtual time."""
    return asyncio.get_running_loop().time()


async def ask(budget, error=None, seconds=0.0, headers=None):
    """Ask once; returns when the request began, or the error of being turned away or of the answer."""
    try:
        async with budget.turn() as learn:
            began = clock()
            await asyncio.sleep(seconds)
            learn((headers or {}).items())
            if error:
                raise error
    except (RateLimited, Unreachable, Unavailable, BadAnswer, NotFound) as raised:
        return raised
    return began


async def ask_for(asker, budget, error=None, seconds=0.0):
    """Ask once for somebody."""
    with asking_for(asker):
        return await ask(budget, error, seconds)


def left(remaining, limit=5_000, reset=3_000):
    """The headers of an answer that says what is left."""
    return {"ratelimit-limit": str(limit), "ratelimit-remaining": str(remaining), "ratelimit-reset": str(reset)}


async def trip(budgets, host="down.example.com"):
    """Let a host fail as many askers as it takes."""
    for number in range(WITNESSES):
        await ask_for(f"p/w{number}", budgets.of(host), Unreachable("no answer"))


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
