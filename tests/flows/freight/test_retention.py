"""Which old Freight and Promotions stay, and why."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blocks.ledger.records import Visit
from blocks.ledger.retention import Aged, Reach
from flows.freight.retention import Goes, Limits, Stays, fate, way_back

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KARGO = Limits(keep=20, age=timedelta(hours=336))


def old(newer: int = 20, hours: float = 336) -> Aged:
    """One thing of that age, so many newer ones behind the oldest in use."""
    return Aged("f1", NOW - timedelta(hours=hours), "calm-wren", newer)


@pytest.mark.parametrize(
    ("aged", "needed", "expected"),
    [
        pytest.param(
            old(), [], Goes("calm-wren goes: nothing needs it, and 20 newer ones are kept behind the oldest in use"),
            id="beyond-all",
        ),
        pytest.param(
            old(newer=19), [], Stays("calm-wren stays: the 20 newest older than the oldest in use do"), id="newest",
        ),
        pytest.param(old(hours=335.9), [], Stays("calm-wren stays until it is 336 h old"), id="young"),
        pytest.param(
            old(), ["Stage 'test' runs it", "ann holds it"],
            Stays("calm-wren stays: Stage 'test' runs it, ann holds it"), id="needed",
        ),
    ],
)  # fmt: skip
def test_fate(aged, needed, expected):
    """Kargo's rule: beyond the number kept, old enough, and here also needed by nothing."""
    assert expected == fate(aged, needed, KARGO, NOW)


@given(
    newer=st.integers(0, 200),
    hours=st.floats(0, 2_000),
    needed=st.lists(st.just("Stage 'test' runs it"), max_size=2),
    keep=st.integers(1, 50),
    age=st.floats(1, 1_000),
)
def test_what_is_needed_young_or_among_the_newest_never_goes(newer, hours, needed, keep, age):
    """Whatever the limits are; and everything else goes."""
    verdict = fate(old(newer, hours), needed, Limits(keep, timedelta(hours=age)), NOW)

    spared = bool(needed) or newer < keep or timedelta(hours=hours) < timedelta(hours=age)
    assert isinstance(verdict, Stays if spared else Goes)


@pytest.mark.parametrize(
    ("id", "left", "expected"),
    [
        pytest.param(7, 10, True, id="among-the-last-stays"),
        pytest.param(6, 10, False, id="long-ago"),
        pytest.param(6, 2, True, id="left-within-the-promotions-kept"),
        pytest.param(6, 3, True, id="left-as-they-begin"),
    ],
)
def test_way_back(id, left, expected):
    """A Stage can go back to its last stays and to what it left since the oldest Promotion kept."""
    entered = NOW - timedelta(hours=100)
    visit = Visit(id, "p", "test", "w", "f1", "a", entered, None, NOW - timedelta(hours=left))

    assert way_back(visit, Reach(visit=7, since=NOW - timedelta(hours=3))) is expected
