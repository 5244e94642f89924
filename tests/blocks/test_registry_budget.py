"""How often a registry is asked, and how long one that asked for peace is left alone."""

import time

import pytest

from blocks.errors import RateLimited, Unavailable
from blocks.image_registry import ImageRegistry
from blocks.registry.budget import PER_SECOND, Budget
from blocks.registry.patience import LONGEST, Patience
from tests.servers.git_http import bad_server


def starts(asked_at, per_second, host="ghcr.io"):
    """When requests that come at these times may start."""
    budget = Budget(per_second)
    return [now + budget.reserve(host, now) for now in asked_at]


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
    assert starts(asked_at, 3) == pytest.approx(expected)


def test_each_host_has_its_own_budget():
    """One busy registry does not slow down another."""
    budget = Budget(1)
    assert [budget.reserve(host, 5.0) for host in ("a", "b", "a", "b")] == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("error", "then", "left"),
    [
        pytest.param(RateLimited("429", 60.0), 59.0, 1.0, id="before"),
        pytest.param(RateLimited("429", 60.0), 60.0, None, id="after"),
        pytest.param(Unavailable("503", 60.0), 10.0, 50.0, id="unavailable-for-so-long"),
        pytest.param(RateLimited("429"), 0.0, None, id="no-time-named"),
        pytest.param(RateLimited("429", float("inf")), LONGEST - 1, 1.0, id="for-ever"),
        pytest.param(RateLimited("429", float("inf")), LONGEST, None, id="not-for-ever"),
    ],
)
def test_patience(error, then, left):
    """A server that named a time is not asked before, but never longer than the limit."""
    patience = Patience("the registry")
    patience.learn(error, 0.0)
    if left is None:
        return patience.check(then)
    with pytest.raises(RateLimited, match="the registry asked for no requests") as raised:
        patience.check(then)
    assert raised.value.retry_after == left
    return None


async def test_a_real_client_keeps_to_the_budget():
    """Two requests more than a second allows take a second longer, and all of them arrive."""
    with bad_server(200, b'{"tags": []}') as server:
        registry = ImageRegistry()
        began = time.monotonic()
        for number in range(PER_SECOND + 2):
            await registry.tags(f"{server.url.removeprefix('http://')}/acme/app{number}")
        await registry.aclose()
    assert time.monotonic() - began >= 1.0
    assert len(server.seen) == PER_SECOND + 2
