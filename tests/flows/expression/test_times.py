"""Times and durations follow Go."""

import pytest

from flows.expression import ExpressionError, evaluate


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param("date('Mon, 02 Jan 2006 15:04:05 MST')", "2006-01-02 15:04:05 +0000 MST", id="rfc1123"),
        pytest.param("date('Monday, 02-Jan-06 15:04:05 UTC')", "2006-01-02 15:04:05 +0000 UTC", id="rfc850"),
        pytest.param("date('2023-08-14T10:20:30.123+05:30')", "2023-08-14 10:20:30.123 +0530 +0530", id="offset"),
        pytest.param("date('2023-03-26 02:30:00', '2006-01-02 15:04:05', 'Europe/Zurich')",
                     "2023-03-26 03:30:00 +0200 CEST", id="gap"),
        pytest.param("date('2024-01-31').AddDate(0, 1, 0)", "2024-03-02 00:00:00 +0000 UTC", id="month-overflow"),
        pytest.param("date('2024-01-01').Add(duration('-1ns'))", "2023-12-31 23:59:59.999999999 +0000 UTC", id="add"),
        pytest.param("date('2024-05-06 07:08:09').Truncate(duration('24h'))",
                     "2024-05-06 00:00:00 +0000 UTC", id="day"),
        pytest.param("date('2024-07-01').In(timezone('America/Chicago'))", "2024-06-30 19:00:00 -0500 CDT", id="in"),
        pytest.param("date('60', '06')", "2060-01-01 00:00:00 +0000 UTC", id="short-year"),
        pytest.param("date('1 pm', '3 pm')", "0000-01-01 13:00:00 +0000 UTC", id="year-zero"),
        pytest.param("date('2024 060', '2006 002')", "2024-02-29 00:00:00 +0000 UTC", id="year-day"),
        pytest.param("duration('1h15m30.918273645s').Round(duration('1ms'))", "1h15m30.918s", id="round"),
        pytest.param("duration('1.5h').Truncate(duration('1h'))", "1h0m0s", id="truncate"),
        pytest.param("duration('1500us')", "1.5ms", id="milliseconds"),
        pytest.param("duration('-0.5s')", "-500ms", id="negative"),
        pytest.param("date('2024-01-02').Sub(date('2024-01-01'))", "24h0m0s", id="sub"),
    ],
)  # fmt: skip
def test_text(source: str, text: str):
    """A time or duration, written as Go writes it."""
    assert evaluate(f"string({source})", {}) == text


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        pytest.param("Monday, 2 January 2006", "Tuesday, 4 July 2023", id="long"),
        pytest.param("Jan _2 06 03:04:05PM", "Jul  4 23 03:04:05PM", id="padded"),
        pytest.param("2006-01-02T15:04:05.000Z07:00", "2023-07-04T15:04:05.600Z", id="fixed-fraction"),
        pytest.param("15:04:05.999 -0700 MST", "15:04:05.6 +0000 UTC", id="trimmed-fraction"),
        pytest.param("__2 002 1/2", "185 185 7/4", id="days"),
        pytest.param("Janet Mondays", "Janet Tuesdays", id="words"),
    ],
)
def test_format(layout: str, text: str):
    """Every element of a layout is replaced, everything else stays."""
    assert evaluate("date('2023-07-04T15:04:05.6Z').Format(layout)", {"layout": layout}) == text


@pytest.mark.parametrize(
    "source",
    ["date('2023-13-01')", "date('2023-02-30')", "date('25:00:00')", "date('2023-01-01x')", "duration('1')",
     "duration('')", "duration('1h 30m')", "duration('9999999999h')", "timezone('Nowhere/Town')",
     "timezone('../etc/passwd')",
     "date('2023-01-01').Add(1)", "date('2023-01-01').In('UTC')"],
)  # fmt: skip
def test_refused(source: str):
    """What is no time is an error."""
    with pytest.raises(ExpressionError):
        evaluate(source, {})
