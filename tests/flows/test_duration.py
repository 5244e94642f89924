"""Go durations are read and written as Go does."""

from datetime import timedelta

import pytest

from blocks.errors import Invalid
from flows.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", timedelta()),
        ("0s", timedelta()),
        ("90s", timedelta(seconds=90)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("-1.5h", timedelta(hours=-1.5)),
        ("+5m", timedelta(minutes=5)),
        (".5s", timedelta(milliseconds=500)),
        ("1.s", timedelta(seconds=1)),
        ("100us", timedelta(microseconds=100)),
        ("100µs", timedelta(microseconds=100)),
        ("100μs", timedelta(microseconds=100)),
        ("1ms2s", timedelta(seconds=2, milliseconds=1)),
        ("2562047h47m16.854775807s", timedelta(microseconds=9223372036854776)),
    ],
)
def test_a_duration_is_read(text, expected):
    """Signs, fractions, all units and repeated groups are understood."""
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "5", "m", "1d", "1 m", " 1m", "1m ", ".s", "--1s", "1h-1m", "2562048h", "1e3s", "٣s"]
)
def test_anything_else_is_refused(text):
    """A text without units, with unknown ones, with spaces or too long is Invalid, and the message names it."""
    with pytest.raises(Invalid) as failure:
        parse_duration(text)
    assert repr(text) in str(failure.value)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=1.5), "1.5s"),
        (timedelta(minutes=5), "5m0s"),
        (timedelta(hours=1), "1h0m0s"),
        (timedelta(days=7), "168h0m0s"),
        (timedelta(milliseconds=20), "20ms"),
        (timedelta(microseconds=1500), "1.5ms"),
        (timedelta(microseconds=7), "7µs"),
        (timedelta(seconds=-90), "-1m30s"),
    ],
)
def test_a_duration_is_written(duration, expected):
    """The text is Go's, and reading it gives the duration back."""
    assert format_duration(duration) == expected
    assert parse_duration(expected) == duration
