"""Times, durations and zones as Go has them: nanoseconds, years before 1, Go's layouts elsewhere."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows.expression.errors import Fault

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

_EPOCH = date(1970, 1, 1).toordinal()
_CYCLE_DAYS, _CYCLE_YEARS = 146_097, 400  # the Gregorian calendar repeats
_FIRST, _LAST = -62_135_596_800 + 172_800, 253_402_300_799 - 172_800  # what datetime can hold, in seconds


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time in nanoseconds."""

    nanoseconds: int


@dataclass(frozen=True, slots=True)
class Location:
    """A time zone: an IANA name, or a fixed offset with an abbreviation."""

    name: str
    zone: tzinfo

    def at(self, seconds: int) -> tuple[int, str]:
        """Return the offset in seconds and the abbreviation that hold at an instant (Unix seconds)."""
        moment = datetime.fromtimestamp(min(max(seconds, _FIRST), _LAST), self.zone)
        offset = moment.utcoffset() or timedelta(0)
        return int(offset.total_seconds()), self.name if isinstance(self.zone, timezone) else moment.tzname() or ""


UTC_LOCATION = Location("UTC", UTC)


def fixed(name: str, offset: int) -> Location:
    """Make a zone with one offset, in seconds."""
    if abs(offset) >= 86_400:
        raise Fault("a time zone is out of range")
    return Location(name, timezone(timedelta(seconds=offset)))


@lru_cache(maxsize=128)
def location(name: str) -> Location:
    """Find a zone by its IANA name; the host's own zone is not among them."""
    if name in ("", "UTC"):
        return UTC_LOCATION
    try:
        return Location(name, ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Fault("there is no such time zone") from None


@dataclass(frozen=True, slots=True)
class Civil:
    """The fields of a time on the calendar and clock of its zone."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    weekday: int  # Sunday is 0
    year_day: int
    offset: int
    zone: str


@dataclass(frozen=True, slots=True)
class Time:
    """An instant (Unix seconds and nanoseconds) seen in a zone."""

    seconds: int
    nanoseconds: int
    location: Location = UTC_LOCATION

    @classmethod
    def of(cls, moment: datetime) -> "Time":
        """Take Python's datetime; one without zone is UTC."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        whole = aware - datetime(1970, 1, 1, tzinfo=UTC)
        seconds = whole.days * 86_400 + whole.seconds
        offset = int((aware.utcoffset() or timedelta(0)).total_seconds())
        return cls(seconds, moment.microsecond * 1000, fixed("", offset) if offset else UTC_LOCATION)

    @property
    def instant(self) -> int:
        """Nanoseconds since 1970."""
        return self.seconds * SECOND + self.nanoseconds

    def moved(self, nanoseconds: int) -> "Time":
        """The time this much later."""
        seconds, rest = divmod(self.instant + nanoseconds, SECOND)
        return replace(self, seconds=seconds, nanoseconds=rest)

    def within(self, place: Location) -> "Time":
        """The same instant in another zone."""
        return replace(self, location=place)

    def civil(self) -> Civil:
        """Split into calendar and clock."""
        offset, zone = self.location.at(self.seconds)
        days, clock = divmod(self.seconds + offset, 86_400)
        year, month, day = civil_date(days)
        year_day = days - days_before(year, 1, 1) + 1
        hour, rest = divmod(clock, 3600)
        return Civil(year, month, day, hour, rest // 60, rest % 60, (days + 4) % 7, year_day, offset, zone)


def days_before(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date; days and months beyond their range carry over."""
    carried, month0 = divmod(month - 1, 12)
    year += carried
    shift = (year - 1) // _CYCLE_YEARS
    first = date(year - shift * _CYCLE_YEARS, month0 + 1, 1).toordinal()
    return first + shift * _CYCLE_DAYS - _EPOCH + day - 1


def civil_date(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 1970-01-01."""
    shift, within = divmod(days + _EPOCH - 1, _CYCLE_DAYS)
    found = date.fromordinal(within + 1)
    return found.year + shift * _CYCLE_YEARS, found.month, found.day


def local(fields: tuple[int, int, int, int, int, int], nanoseconds: int, place: Location) -> Time:
    """The time that calendar and clock show these fields (year to second) in a zone."""
    year, month, day, hour, minute, second = fields
    wall = days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
    seconds = wall - place.at(wall)[0]
    before = place.at(seconds)[0]
    if wall - before != seconds:
        seconds = wall - before
    return Time(seconds, nanoseconds, place)
