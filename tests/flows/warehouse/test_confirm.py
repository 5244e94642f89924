"""When a tag is confirmed."""

from datetime import UTC, datetime, timedelta

import pytest

from flows.warehouse.confirm import lapsed

AT = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("after", "passed", "expected"),
    [
        pytest.param(HOUR, timedelta(minutes=29), {False}, id="before-half"),
        pytest.param(HOUR, timedelta(minutes=45), {False, True}, id="between"),
        pytest.param(HOUR, HOUR, {True}, id="at-the-end"),
        pytest.param(timedelta(), timedelta(), {True}, id="always"),
        pytest.param(HOUR, timedelta(minutes=-5), {False}, id="clock-set-back"),
    ],
)
def test_lapsed(after, passed, expected):
    """None before half of the interval, all at its end."""
    assert {lapsed(f"1.{number}.0", AT, AT + passed, after) for number in range(100)} == expected


def test_tags_confirmed_together_lapse_apart():
    """In each sixth of the second half about a sixth of them, and not the same ones the next time."""

    def minutes(tag, confirmed_at):
        return next(m for m in range(61) if lapsed(tag, confirmed_at, confirmed_at + timedelta(minutes=m), HOUR))

    tags = [f"1.{number}.0" for number in range(100)]
    first, second = ([minutes(tag, AT + timedelta(hours=later)) for tag in tags] for later in (0, 1))
    for start in range(31, 61, 5):
        assert 5 <= sum(start <= minute < start + 5 for minute in first) <= 30
    assert first != second
