"""When windows are active: iCalendar's times and rules, zones, clocks that change, and bounds."""

import time
from datetime import UTC, datetime

import pytest

from blocks.errors import Invalid
from flows.stage.schedule import read_schedule

BERLIN = "TZID=Europe/Berlin:"


def utc(text):
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def until(schedule, at):
    """When the active stretch ends, as text; empty when it is not active."""
    end = schedule.active_until(utc(at))
    return f"{end:%Y-%m-%dT%H:%M}" if end else ""


def following(schedule, at):
    """When it begins next, as text; empty when never."""
    start = schedule.next_start(utc(at))
    return f"{start:%Y-%m-%dT%H:%M}" if start else ""


@pytest.mark.parametrize(
    ("start", "end", "rule", "at", "active_until", "next_start"),
    [
        pytest.param("20260102T180000Z", "20260105T080000Z", "", "2026-01-03T00:00", "2026-01-05T08:00", "", id="once"),
        pytest.param("20260102T180000Z", "20260105T080000Z", "", "2026-01-01", "", "2026-01-02T18:00", id="once-ahead"),
        pytest.param("20260102T180000Z", "20260105T080000Z", "", "2026-01-05T08:00", "", "", id="end-is-not-in-it"),
        pytest.param("20260102", "20260103", "", "2026-01-02T12:00", "2026-01-03T00:00", "", id="days-are-utc"),
        pytest.param(
            f"DTSTART;{BERLIN}20260102T180000",
            f"DTEND;{BERLIN}20260105T080000",
            "RRULE:FREQ=WEEKLY;BYDAY=FR",
            "2026-03-27T18:00",
            "2026-03-30T06:00",
            "2026-04-03T16:00",
            id="weekend-in-which-clocks-go-forward",
        ),
        pytest.param(
            f"{BERLIN}20260102T180000",
            f"{BERLIN}20260105T080000",
            "FREQ=WEEKLY;BYDAY=FR",
            "2026-10-25T12:00",
            "2026-10-26T07:00",
            "2026-10-30T17:00",
            id="weekend-in-which-clocks-go-back",
        ),
        pytest.param(
            f"{BERLIN}20260301T023000",
            f"{BERLIN}20260301T050000",
            "FREQ=DAILY",
            "2026-03-29T00:00",
            "",
            "2026-03-29T01:30",
            id="a-start-that-clocks-skip",
        ),
        pytest.param(
            f"{BERLIN}20261001T023000",
            f"{BERLIN}20261001T050000",
            "FREQ=DAILY",
            "2026-10-25T00:00",
            "",
            "2026-10-25T00:30",
            id="of-a-start-that-clocks-repeat-the-first",
        ),
        pytest.param(
            "TZID=America/New_York:20260101T090000",
            f"{BERLIN}20260101T230000",
            "FREQ=DAILY",
            "2026-03-10T15:00",
            "2026-03-10T22:00",
            "2026-03-11T13:00",
            id="start-and-end-in-two-zones",
        ),
        pytest.param(
            "20260101T080000Z",
            "20260101T180000Z",
            "FREQ=DAILY;UNTIL=20260103",
            "2026-01-03T09:00",
            "2026-01-03T18:00",
            "",
            id="until-a-day-counts-that-day",
        ),
        pytest.param(
            f"{BERLIN}20260101T080000",
            f"{BERLIN}20260101T180000",
            "FREQ=DAILY;UNTIL=20260103T070000Z",
            "2026-01-02T20:00",
            "",
            "2026-01-03T07:00",
            id="until-in-utc",
        ),
        pytest.param(
            "20260101T080000Z",
            "20260101T180000Z",
            "FREQ=DAILY;COUNT=2",
            "2026-01-02T19:00",
            "",
            "",
            id="count-is-over",
        ),
        pytest.param(
            "20260101T000000Z",
            "20260102T000000Z",
            "FREQ=DAILY;COUNT=40",
            "2026-01-05T00:00",
            "2026-02-10T00:00",
            "",
            id="those-that-touch-are-one",
        ),
        pytest.param(
            "20200131T080000Z",
            "20200131T180000Z",
            "FREQ=MONTHLY;BYMONTHDAY=-1",
            "2026-02-28T09:00",
            "2026-02-28T18:00",
            "2026-03-31T08:00",
            id="last-day-of-the-month",
        ),
        pytest.param(
            "19990105T080000Z",
            "19990105T180000Z",
            "FREQ=WEEKLY;INTERVAL=2",
            "2026-01-01T00:00",
            "",
            "2026-01-13T08:00",
            id="every-other-week-since-long-ago",
        ),
        pytest.param(
            "20200229T080000Z", "20200301T080000Z", "FREQ=YEARLY", "2026-01-01", "", "2028-02-29T08:00", id="leap-day"
        ),
        pytest.param(
            "20260101T000000Z",
            "20260101T001000Z",
            "FREQ=HOURLY;BYHOUR=9,10;BYDAY=MO",
            "2031-06-02T09:05",
            "2031-06-02T09:10",
            "2031-06-02T10:00",
            id="hours",
        ),
        pytest.param(
            "20260101T000000Z",
            "20260103T000000Z",
            "FREQ=DAILY;UNTIL=20260110T000000Z",
            "2026-01-05T00:00",
            "2026-01-12T00:00",
            "",
            id="those-that-overlap-are-one",
        ),
    ],
)
def test_schedule(start, end, rule, at, active_until, next_start):
    """A window is active from its start, its end left out, in wall-clock time of its zone."""
    schedule = read_schedule(start, end, rule)
    assert (until(schedule, at), following(schedule, at)) == (active_until, next_start)


@pytest.mark.parametrize(
    ("start", "end", "rule", "message"),
    [
        pytest.param("2026-01-01", "20260102", "", "no iCalendar time", id="not-iso"),
        pytest.param("20260101T080000Z", "20260101T080000Z", "", "not after its start", id="no-time"),
        pytest.param("20261301", "20270101", "", "there is not", id="month-13"),
        pytest.param("18260101", "20270101", "", "between 1900 and 2399", id="long-ago"),
        pytest.param("TZID=Mars/Base:20260101", "20270101", "", "'Mars/Base' is unknown", id="zone"),
        pytest.param("TZID=../etc/passwd:20260101", "20270101", "", "is unknown", id="zone-is-no-path"),
        pytest.param("TZID=Europe:20260101", "20270101", "", "is unknown", id="zone-is-a-folder"),
        pytest.param("TZID=UTC:20260101T000000Z", "20270101", "", "no iCalendar time", id="two-zones"),
        pytest.param("20260101", "20270301", "FREQ=YEARLY", "longer than 366 days", id="too-long"),
        pytest.param("20260101", "20260102", "weekly", "cannot be read", id="not-a-rule"),
        pytest.param("20260101", "20260102", "FREQ=SECONDLY", "needs a FREQ", id="too-often"),
        pytest.param("20260101", "20260102", "FREQ=DAILY;INTERVAL=0", "INTERVAL 0", id="interval-0"),
        pytest.param("20260101", "20260102", "FREQ=DAILY;COUNT=99999", "from 1 to 10000", id="count"),
        pytest.param("20260101", "20260102", "FREQ=DAILY;BYDAY=XX", "BYDAY", id="no-day"),
        pytest.param("20260101", "20260102", "FREQ=DAILY;COLOUR=RED", "COLOUR", id="unknown-part"),
        pytest.param("20260101", "20260102", "FREQ=DAILY;UNTIL=soon", "cannot be read", id="until"),
        pytest.param("20260101", "20260102", "FREQ=HOURLY;BYSETPOS=1", "BYSETPOS", id="position-within-an-hour"),
        pytest.param("20260101", "20260102", "FREQ=HOURLY;BYMINUTE=1,2,3,4,5", "use fewer", id="minutes"),
        pytest.param("20260101", "20260102", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never comes true", id="never"),
        pytest.param("20260101", "20260102", "FREQ=DAILY;INTERVAL=7;BYDAY=MO", "never comes true", id="never-monday"),
    ],
)
def test_what_cannot_be_is_said(start, end, rule, message):
    """Each problem is a sentence, also of a rule that would be searched for ever."""
    with pytest.raises(Invalid, match=message):
        read_schedule(start, end, rule)


def test_asking_again_costs_little():
    """A day is worked out once: 10,000 questions about it take little time."""
    schedule = read_schedule(f"{BERLIN}20200102T180000", f"{BERLIN}20200105T080000", "FREQ=WEEKLY;BYDAY=FR,SU")
    schedule.active_until(utc("2026-03-27T18:00"))
    began = time.process_time()
    for _ in range(10_000):
        schedule.next_start(utc("2026-03-27T18:00"))
    assert time.process_time() - began < 5
