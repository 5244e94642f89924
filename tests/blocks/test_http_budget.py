"""The one way to ask over HTTP, within a budget, against servers that say what they grant."""

import time
from datetime import UTC, datetime

import pytest

from blocks import http_client
from blocks.budget import Budgets, Pace
from blocks.errors import RateLimited, Unauthorized, Unreachable
from blocks.http_client import Limits
from blocks.image_registry import ImageRegistry
from tests.servers.odd import Odd, listening

ONCE = Limits(timeout=2.0, attempts=1)
PER_SECOND = 20


@pytest.fixture
async def odd():
    """A server on a free loopback port that answers 200 unless told otherwise."""
    async with listening(Odd()) as server:
        server.answer = answering(200)
        yield server


@pytest.fixture
async def http():
    """A client."""
    async with http_client.client() as opened:
        yield opened


def answering(*answers):
    """Answer with a status, headers and body each, the last one ever after."""
    left = [each if isinstance(each, tuple) else (each, {}, {}) for each in answers]

    async def answer(_request):
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


async def ask(http, odd, budget, limits=ONCE, **options):
    """Ask the server once."""
    return await http_client.request(http, "GET", f"http://{odd.address}/", limits=limits, budget=budget, **options)


async def test_a_real_client_keeps_to_the_budget(odd):
    """Two requests more than a second allows take a second longer, and all of them arrive."""
    odd.answer = answering((200, {}, {"tags": []}))
    registry = ImageRegistry(budgets=Budgets(Pace(per_second=PER_SECOND)))
    began = time.monotonic()
    for number in range(PER_SECOND + 2):
        await registry.tags(f"{odd.address}/acme/app{number}")
    await registry.aclose()
    assert time.monotonic() - began >= 1.0
    assert len(odd.asked) == PER_SECOND + 2


async def test_what_is_left_is_learned(odd, http):
    """From every answer, also one that is an error."""
    budget = Budgets().of(odd.address)
    for status, left in ((200, 4_210), (404, 4_209)):
        odd.answer = answering((status, {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": str(left)}, {}))
        await ask(http, odd, budget, accept_errors=(404,))
        assert budget.state("http", datetime.now(UTC)).remaining == left


async def test_a_server_that_granted_its_last_is_left_alone(odd, http):
    """After the answer that says so no request goes out before the time of reset."""
    spent = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 900)}
    odd.answer = answering((200, spent, {}))
    budget = Budgets().of(odd.address)
    await ask(http, odd, budget)
    with pytest.raises(RateLimited, match=r"asks to wait until .* UTC: 0 of 60 requests are left") as raised:
        await ask(http, odd, budget, Limits(attempts=3))
    assert 800 < raised.value.retry_after <= 900
    assert len(odd.asked) == 1


SECONDARY = b'{"message": "You have exceeded a secondary rate limit"}'


@pytest.mark.parametrize(
    ("answer", "accepted", "expected"),
    [
        pytest.param((403, {}, {}), (), Unauthorized, id="forbidden"),
        pytest.param((403, {"retry-after": "60"}, {}), (), RateLimited, id="says-when"),
        pytest.param((403, {}, SECONDARY), (), RateLimited, id="says-why"),
        pytest.param((403, {"retry-after": "60"}, {}), (401, 403), RateLimited, id="even-when-403-is-an-answer"),
    ],
)
async def test_a_403_may_be_a_limit(odd, http, answer, accepted, expected):
    """GitHub answers 403 for limits too; that is no matter of rights, and keeps everybody away for a while."""
    odd.answer = answering(answer)
    budget = Budgets().of(odd.address)
    with pytest.raises(expected):
        await ask(http, odd, budget, accept_errors=accepted)
    away = budget.state("http", datetime.now(UTC)).backing_off_until is not None
    assert away == (expected is RateLimited)


async def test_a_403_among_all_answers_is_one(odd, http):
    """Who takes every status for an answer gets this one."""
    odd.answer = answering((403, {"retry-after": "60"}, {}))
    assert (await ask(http, odd, Budgets().of(odd.address), accept_errors=tuple(range(400, 600)))).status_code == 403


async def test_where_a_redirect_leads_teaches_nothing(odd, http):
    """The limits of the server that stores the contents are not those of the registry."""
    async with listening(Odd()) as store:
        store.answer = answering((200, {"x-ratelimit-limit": "7", "x-ratelimit-remaining": "0"}, {}))
        ours = {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "99", "location": f"http://{store.address}/blob"}
        odd.answer = answering((307, ours, {}))
        budget = Budgets().of(odd.address)
        await ask(http, odd, budget)
    state = budget.state("http", datetime.now(UTC))
    assert (state.limit, state.remaining) == (100, 99)


async def test_every_try_takes_a_turn(odd, http):
    """A 429 without a time is repeated after a pause that everybody keeps."""
    odd.answer = answering(429, 200)
    budget = Budgets(Pace(per_second=1, concurrent=1, share=1)).of(odd.address)
    began = time.monotonic()
    assert (await ask(http, odd, budget, Limits(attempts=2))).status_code == 200
    assert time.monotonic() - began >= 1.0
    assert budget.idle


async def test_a_server_that_is_gone(http):
    """A refused connection is said as such, and gives the turn back."""
    async with listening(Odd()) as odd:
        pass
    budget = Budgets().of(odd.address)
    with pytest.raises(Unreachable):
        await ask(http, odd, budget)
    assert budget.idle
