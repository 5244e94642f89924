"""When a promotion window is active: its start, end and recurrence as iCalendar writes them (RFC 5545).

Times are wall-clock times of their zone, so a window from Friday 18:00 to Monday 08:00 ends on Monday at 08:00 also
when clocks change in between. A time that clocks skip is taken as the offset before says; of one they repeat, the
first is meant.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from blocks.errors import Invalid

MOST_SPANS = 200
"""Stretches of time worked out from one day on; more are worked out from a later day."""

MOST_OCCURRENCES = 20_000
LONGEST = timedelta(days=366)
YEARS = range(1900, 2400)

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY")

# The calendar repeats every 400 years. dateutil searches until the year 9999, and so no longer than needed when all
# happens in its last centuries.
_AHEAD = timedelta(days=146_097 * 19)
_MOMENT = re.compile(
    r"(?:(?:DTSTART|DTEND)[;:])?(?:TZID=(?P<zone>[^:;]+):)?(?P<day>\d{8})(?:T(?P<time>\d{6})(?P<utc>Z)?)?"
)
_RULE = re.compile(r"[A-Z]+=[^;=\s]+(;[A-Z]+=[^;=\s]+)*")


@dataclass(frozen=True)
class Span:
    """A stretch of time, its end excluded."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Moment:
    """A wall-clock time and its zone."""

    wall: datetime
    zone: ZoneInfo

    def instant(self, wall: datetime) -> datetime:
        """What another wall-clock time of the zone is in UTC."""
        return wall.replace(tzinfo=self.zone, fold=0).astimezone(UTC)


@dataclass(frozen=True)
class Schedule:
    """When a window is active. Without a `rule` that is once, from start to end."""

    start: Moment
    end: Moment
    rule: tuple[tuple[str, str], ...] = field(default=())

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which people think of it."""
        return self.start.zone

    def active_until(self, at: datetime) -> datetime | None:
        """When the stretch ends in which it is active at a time; None when it is not active then."""
        return next((span.end for span in _spans(self, _day(at)) if span.start <= at < span.end), None)

    def next_start(self, at: datetime) -> datetime | None:
        """When it is active the next time after a time at which it is not; None when it never is again."""
        return next((span.start for span in _spans(self, _day(at)) if span.start > at), None)


@lru_cache(maxsize=2_000)
def read_schedule(dtstart: str, dtend: str, rule: str = "") -> Schedule:
    """Read a window's times. Raises Invalid with a sentence that says what is wrong and what is expected."""
    start, end = read_moment(dtstart), read_moment(dtend)
    if end.instant(end.wall) <= start.instant(start.wall):
        raise Invalid(f"ends at {dtend!r}, which is not after its start {dtstart!r}; correct one of them")
    if not rule:
        return Schedule(start, end)
    if end.wall - start.wall > LONGEST:
        raise Invalid(f"lasts longer than {LONGEST.days} days, the limit for a window with 'rrule'; leave 'rrule' out")
    schedule = Schedule(start, end, tuple(_parts(rule).items()))
    try:
        first = next(_starts(schedule, start.wall), None)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise Invalid(f"rrule {rule!r} cannot be read: {error}; see RFC 5545, such as FREQ=WEEKLY;BYDAY=FR") from None
    if first is None:
        raise Invalid(f"rrule {rule!r} never comes true from {dtstart!r} on; correct it")
    return schedule


def read_moment(text: str) -> Moment:
    """Read a time such as `TZID=Europe/Berlin:20260102T180000` or `20260102T170000Z`; without a zone it is UTC."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None or (found["zone"] and found["utc"]):
        raise Invalid(f"{text!r} is no iCalendar time, expected such as TZID=Europe/Berlin:20260102T180000; write that")
    try:
        wall = datetime.strptime(found["day"] + (found["time"] or "000000"), "%Y%m%d%H%M%S")
    except ValueError:
        raise Invalid(f"{text!r} names a day or time that there is not; correct it") from None
    if wall.year not in YEARS:
        raise Invalid(f"{text!r} is not between {YEARS.start} and {YEARS.stop - 1}; correct the year")
    return Moment(wall, _zone(found["zone"] or "UTC"))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        raise Invalid(f"time zone {name!r} is unknown, expected one such as Europe/Berlin or UTC; correct it") from None


def _parts(rule: str) -> dict[str, str]:
    """Take a recurrence rule apart, and refuse what could not be worked out in bounded time."""
    text = rule.strip().upper().removeprefix("RRULE:")
    if not _RULE.fullmatch(text):
        raise Invalid(f"rrule {rule!r} cannot be read, expected such as FREQ=WEEKLY;BYDAY=FR; correct it")
    parts = dict(pair.split("=", 1) for pair in text.split(";"))
    if parts.get("FREQ") not in FREQUENCIES:
        raise Invalid(f"rrule {rule!r} needs a FREQ of {', '.join(FREQUENCIES)}; correct it")
    if parts["FREQ"] == "HOURLY" and "BYSETPOS" in parts:
        raise Invalid(f"rrule {rule!r} has BYSETPOS, which means nothing within an hour; use FREQ=DAILY with BYHOUR")
    limits = {"INTERVAL": 10_000, "COUNT": 10_000}
    for key, most in limits.items():
        value = parts.get(key, "1")
        if not (value.isdecimal() and 1 <= int(value) <= most):
            raise Invalid(f"rrule {rule!r} has {key} {value}, expected a number from 1 to {most}; correct it")
    for key, most in {"BYSECOND": 1, "BYMINUTE": 4}.items():
        if len(parts.get(key, "").split(",")) > most:
            raise Invalid(f"rrule {rule!r} has more than {most} values in {key}; use fewer")
    return parts


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


@lru_cache(maxsize=4_000)
def _spans(schedule: Schedule, day: date) -> tuple[Span, ...]:
    """The stretches that end after a day's beginning, those that touch put together, the first of them all."""
    begin = datetime.combine(day, time(), UTC)
    spans: list[Span] = []
    length = schedule.end.wall - schedule.start.wall
    since = begin.replace(tzinfo=None) - length - timedelta(days=2)
    for wall in islice(_starts(schedule, since), MOST_OCCURRENCES):
        start = schedule.start.instant(wall)
        end = schedule.end.instant(wall + length)
        if end <= max(begin, start):
            continue
        if spans and start <= spans[-1].end:
            spans[-1] = Span(spans[-1].start, max(end, spans[-1].end))
        elif len(spans) == MOST_SPANS:
            break
        else:
            spans.append(Span(start, end))
    return tuple(spans)


def _starts(schedule: Schedule, since: datetime) -> Iterator[datetime]:
    """The wall-clock starts at or after a time, in order."""
    first = schedule.start.wall
    if not schedule.rule:
        yield from [first] if first >= since else []
        return
    for found in _rrule(schedule, since).xafter(since + _AHEAD, inc=True):
        yield found - _AHEAD


def _rrule(schedule: Schedule, since: datetime) -> rrule:
    parts = dict(schedule.rule)
    if until := parts.get("UNTIL"):
        parts["UNTIL"] = f"{_until(until, schedule.zone) + _AHEAD:%Y%m%dT%H%M%S}"
    first = schedule.start.wall if "COUNT" in parts else _later(schedule.start.wall, parts, since)
    read = rrulestr(";".join(f"{key}={value}" for key, value in parts.items()), dtstart=first + _AHEAD)
    assert isinstance(read, rrule)
    return read


def _until(text: str, zone: ZoneInfo) -> datetime:
    """The wall-clock time after which nothing begins; a day counts to its end."""
    if len(text) == len("20260101"):
        return datetime.strptime(text, "%Y%m%d") + timedelta(days=1, seconds=-1)
    if text.endswith("Z"):
        at = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return at.astimezone(zone).replace(tzinfo=None)
    return datetime.strptime(text, "%Y%m%dT%H%M%S")


def _later(first: datetime, parts: dict[str, str], since: datetime) -> datetime:
    """A start whole intervals later, at least one before `since`, from which the same times follow."""
    frequency, every = parts["FREQ"], int(parts.get("INTERVAL", "1"))
    length = {"HOURLY": timedelta(hours=every), "DAILY": timedelta(days=every), "WEEKLY": timedelta(weeks=every)}
    if frequency in length:
        times = (since - first) // length[frequency] - 1
        return first + max(0, times) * length[frequency]
    if first.day > 28:  # not every month has that day
        return first
    months = every * (12 if frequency == "YEARLY" else 1)
    times = ((since.year - first.year) * 12 + since.month - first.month) // months - 1
    year, month = divmod(first.year * 12 + first.month - 1 + max(0, times) * months, 12)
    return first.replace(year=year, month=month + 1)
