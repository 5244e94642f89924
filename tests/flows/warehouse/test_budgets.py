"""Budgets in a Warehouse's conditions, in its status and in words."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from blocks.budget import asking_for
from blocks.ledger.records import WarehouseStatus
from blocks.records import BudgetState, Credentials
from flows.warehouse.budgets import MOST, asked_by, asking, notable, rows, sentence
from tests.flows.warehouse.looking import image, warehouse
from tests.servers.odd import OddRegistry, listening

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 3, 1, 14, 4, 10, tzinfo=UTC)
GITHUB = BudgetState("http", "api.github.com", "bot", 5_000, 4_210, RESET, 0, None, NOON)
QUIET = BudgetState("http", "quay.io", "", None, None, None, 0, None, NOON)
HUB = replace(QUIET, host="registry-1.docker.io", limit=100, remaining=76)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(GITHUB, "4,210 of 5,000 left until 14:05 UTC", id="left"),
        pytest.param(HUB, "76 of 100 left", id="no-time"),
        pytest.param(QUIET, "no limit known", id="nothing"),
        pytest.param(replace(QUIET, backing_off_until=NOON), "not asked until 12:00 UTC", id="peace"),
        pytest.param(replace(QUIET, waiting=1_250), "1,250 waiting", id="waiting"),
        pytest.param(
            replace(GITHUB, remaining=0, waiting=2, backing_off_until=RESET),
            "not asked until 14:05 UTC, 0 of 5,000 left until 14:05 UTC, 2 waiting",
            id="all",
        ),
    ],
)
def test_sentence(state, expected):
    """What is left of how many and until when, and who waits."""
    assert sentence(state) == expected


def test_rows():
    """One row per host and credential, hosts by the names people know."""
    table = rows([GITHUB, HUB, replace(QUIET, kind="git")])
    assert [each["budget"] for each in table] == [
        "GitHub: 4,210 of 5,000 left until 14:05 UTC",
        "Docker Hub: 76 of 100 left",
        "quay.io: no limit known",
    ]
    assert [(each["by"], each["credentials"]) for each in table] == [("HTTP", "bot"), ("HTTP", "—"), ("Git", "—")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"remaining": 4_205}, False, id="a-few-less"),
        pytest.param({"resets_at": NOON, "seen_at": NOON + timedelta(hours=1)}, False, id="another-hour"),
        pytest.param({"remaining": 3_900}, True, id="many-less"),
        pytest.param({"remaining": 0}, True, id="none"),
        pytest.param({"remaining": None}, True, id="unknown"),
        pytest.param({"waiting": 1}, True, id="somebody-waits"),
        pytest.param({"backing_off_until": NOON}, True, id="peace"),
    ],
)
def test_notable(change, expected):
    """Only what people would want to see anew."""
    assert (notable(replace(GITHUB, **change)) != notable(GITHUB)) is expected


def test_the_last_request_is_notable():
    """One left and none left are two things, however large the limit is."""
    assert notable(replace(GITHUB, remaining=1)) != notable(replace(GITHUB, remaining=0))


GIT = ("git", "github.com", "bot")
SEEN = WarehouseStatus("p", "w", observed_generation=2, budgets=[["http", "ghcr.io", ""]])


@pytest.mark.parametrize(
    ("generation", "asked", "expected"),
    [
        pytest.param(2, {GIT}, [[*GIT], ["http", "ghcr.io", ""]], id="more"),
        pytest.param(2, set(), [["http", "ghcr.io", ""]], id="nothing-asked"),
        pytest.param(3, {GIT}, [[*GIT]], id="changed"),
    ],
)
def test_whom_a_warehouse_asks(generation, asked, expected):
    """What a look asked, and what looks before it asked, until the Warehouse is changed."""
    status = asking(replace(SEEN, observed_generation=generation), SEEN, asked)
    assert status.budgets == expected


def test_it_remembers_so_many():
    """A Warehouse whose credentials change all the time does not grow."""
    asked = {("http", "ghcr.io", f"secret-{number}") for number in range(2 * MOST)}
    assert len(asking(SEEN, SEEN, asked).budgets) == MOST


def test_a_warehouse_shows_only_its_own():
    """Not what others ask, nor the same host with the credentials of others."""
    status = WarehouseStatus("p", "w", budgets=[["http", "quay.io", ""], ["http", "api.github.com", "other"]])
    assert asked_by(status, [GITHUB, HUB, QUIET]) == [QUIET]


@pytest.fixture
async def spent(looker):
    """A registry that has granted its last request for a quarter of an hour."""
    async with listening(OddRegistry()) as odd:
        odd.push("1.0.0")
        reply = odd.answer

        async def answer(request):
            status, headers, body = await reply(request)
            left = {"ratelimit-limit": "200", "ratelimit-remaining": "0", "ratelimit-reset": f"{time.time() + 900:.0f}"}
            return status, {**headers, **(left if "/tags/" in request.target else {})}, body

        odd.answer = answer
        yield odd


async def test_a_spent_limit_is_said(looker, spent):
    """The condition names host, credentials, time and remedy; who has other credentials goes on."""
    looker.credentials["image"] = Credentials("gold", "ana", "pa55word")
    definition = warehouse(image(spent.repo))
    await looker.look(definition)
    status, reason, message = await looker.condition(definition)
    assert (status, reason) == ("False", "DiscoveryFailed")
    assert f"{spent.address} asks to wait until " in message
    assert "UTC with credentials 'gold': 0 of 200 requests are left; a longer interval" in message
    assert "pa55word" not in message
    asked = len(spent.asked)
    await looker.look(definition, 30)
    assert len(spent.asked) == asked

    spent.answer = spent.reply
    looker.credentials["image"] = Credentials("silver", "ana", "pa55word")
    assert await looker.look(definition, 60)


async def test_whom_it_asks_is_noted_while_it_shares(looker, spent):
    """Also when the answer comes from the request of another."""
    spent.answer = spent.reply
    definition = warehouse(image(spent.repo))
    for asker in ("p/a", "p/b"):
        with asking_for(asker) as asked:
            await looker.look(definition)
        assert asked == {("http", spent.address, "")}
