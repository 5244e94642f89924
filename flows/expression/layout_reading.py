"""Reads times as Go's layouts show them."""

import re
from calendar import monthrange
from typing import Any

from flows.expression.errors import Fault
from flows.expression.layouts import DAYS, MONTHS, OFFSET, tokens
from flows.expression.times import UTC_LOCATION, Location, Time, civil_date, days_before, fixed, local


def parse_time(layout: str, text: str, place: Location = UTC_LOCATION) -> Time:
    """Read a time written as a layout shows it; without zone in the text it is in `place`."""
    if len(text) > 1000 or len(layout) > 1000:
        raise Fault("a date or its layout is too long")
    fields = _Fields()
    rest = text
    parts = list(tokens(layout))
    for number, (literal, token) in enumerate(parts):
        rest = fields.read(token, _without(literal, rest))
        if token in ("05", "5") and not (number + 1 < len(parts) and _is_fraction(*parts[number + 1])):
            rest = fields.read_unasked_fraction(rest)
    if rest:
        raise _wrong()
    return fields.time(place)


def _wrong() -> Fault:
    return Fault("a date does not fit its layout")


def _is_fraction(literal: str, token: str) -> bool:
    return not literal and token[:1] in (".", ",")


def _without(literal: str, text: str) -> str:
    """Skip literal text; a space in the layout stands for any run of spaces."""
    for character in literal:
        if character == " ":
            if text and not text.startswith(" "):
                raise _wrong()
            text = text.lstrip(" ")
        elif text.startswith(character):
            text = text[1:]
        else:
            raise _wrong()
    return text


_PATTERNS: dict[str, tuple[str, re.Pattern[str]]] = {
    "2006": ("year", re.compile(r"[0-9]{4}")),
    "06": ("short_year", re.compile(r"[0-9]{2}")),
    "01": ("month", re.compile(r"[0-9]{2}")),
    "1": ("month", re.compile(r"[0-9]{1,2}")),
    "02": ("day", re.compile(r"[0-9]{2}")),
    "_2": ("day", re.compile(r" ?[0-9]{1,2}")),
    "2": ("day", re.compile(r"[0-9]{1,2}")),
    "002": ("year_day", re.compile(r"[0-9]{3}")),
    "__2": ("year_day", re.compile(r" {0,2}[0-9]{1,3}")),
    "15": ("hour", re.compile(r"[0-9]{1,2}")),
    "03": ("hour12", re.compile(r"[0-9]{2}")),
    "3": ("hour12", re.compile(r"[0-9]{1,2}")),
    "04": ("minute", re.compile(r"[0-9]{2}")),
    "4": ("minute", re.compile(r"[0-9]{1,2}")),
    "05": ("second", re.compile(r"[0-9]{2}")),
    "5": ("second", re.compile(r"[0-9]{1,2}")),
}
_RANGES = {"month": (1, 12), "hour": (0, 23), "hour12": (0, 12), "minute": (0, 59), "second": (0, 59)}
_ZONE_NAME = re.compile(
    r"(?:GMT[+-][0-9]{1,2}|ChST|MeST|WITA|[A-Z]{4}T|[A-Z]{3}T|[A-Z]{3}|[+-]0*(?:1?[0-9]|2[0-3])(?![0-9]))(?![A-Z])"
)


class _Fields:
    """What has been read of a time so far."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}
        self.nanoseconds = 0
        self.afternoon: bool | None = None
        self.offset: int | None = None
        self.zone = ""

    def read(self, token: str, text: str) -> str:
        """Take what a token stands for from the front of the text and return the rest."""
        if not token:
            return text
        if token in _PATTERNS:
            return self._read_number(*_PATTERNS[token], text)
        if token in ("January", "Jan", "Monday", "Mon"):
            return self._read_name(token, text)
        if token in ("PM", "pm"):
            return self._read_half(token, text)
        if token == "MST":  # noqa: S105 - a layout's token
            return self._read_zone(text)
        if OFFSET.match(token):
            return self._read_offset(token, text)
        return self._read_fraction(token, text)

    def _read_number(self, field: str, pattern: re.Pattern[str], text: str) -> str:
        found = pattern.match(text)
        if not found:
            raise _wrong()
        value = int(found.group())
        least, most = _RANGES.get(field, (0, 9999))
        if not least <= value <= most:
            raise Fault(f"a date's {field} is out of range")
        if field == "short_year":
            field, value = "year", value + (1900 if value >= 69 else 2000)
        self.found[field] = value
        return text[found.end() :]

    def _read_name(self, token: str, text: str) -> str:
        names = MONTHS if token.startswith("J") else DAYS
        for number, full in enumerate(names):
            name = full if token in ("January", "Monday") else full[:3]
            if text[: len(name)].lower() == name.lower():
                if names is MONTHS:
                    self.found["month"] = number + 1
                return text[len(name) :]
        raise _wrong()

    def _read_half(self, token: str, text: str) -> str:
        halves = {"AM": False, "PM": True} if token == "PM" else {"am": False, "pm": True}  # noqa: S105
        if text[:2] not in halves:
            raise _wrong()
        self.afternoon = halves[text[:2]]
        return text[2:]

    def _read_zone(self, text: str) -> str:
        found = _ZONE_NAME.match(text)
        if not found:
            raise _wrong()
        self.zone = found.group()
        if self.zone == "UTC":
            self.offset = 0
        return text[found.end() :]

    def _read_offset(self, token: str, text: str) -> str:
        if token[0] == "Z" and text[:1] == "Z":
            self.offset, self.zone = 0, "UTC"
            return text[1:]
        shape = re.sub("[0-9]", "[0-9]", token[1:].replace(":", ":"))
        found = re.match(rf"[+-](?:{shape})", text)
        if not found:
            raise _wrong()
        digits = found.group()[1:].replace(":", "").ljust(6, "0")
        hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:])
        if hours > 24 or minutes > 60 or seconds > 60:
            raise Fault("a date's zone is out of range")
        self.offset = (hours * 3600 + minutes * 60 + seconds) * (-1 if text[0] == "-" else 1)
        return text[found.end() :]

    def _read_fraction(self, token: str, text: str) -> str:
        digits = len(token) - 1
        if token[1] == "0":
            found = re.match(rf"[.,]([0-9]{{{digits}}})", text)
            if not found:
                raise _wrong()
            return self._take_fraction(found, text)
        return self.read_unasked_fraction(text)

    def read_unasked_fraction(self, text: str) -> str:
        """Take a fraction of a second if there is one: texts may have it where layouts do not."""
        found = re.match(r"[.,]([0-9]+)", text)
        return self._take_fraction(found, text) if found else text

    def _take_fraction(self, found: re.Match[str], text: str) -> str:
        self.nanoseconds = int(found[1][:9].ljust(9, "0"))
        return text[found.end() :]

    def time(self, place: Location) -> Time:
        """Put the fields together and check the day."""
        year = self.found.get("year", 0)
        month, day = self._date(year)
        clock = (self._hour(), self.found.get("minute", 0), self.found.get("second", 0))
        fields = (year, month, day, *clock)
        if self.offset is None:
            return self._named(local(fields, self.nanoseconds, place), fields, place)
        return self._shifted(local(fields, self.nanoseconds, UTC_LOCATION).moved(-self.offset * 1_000_000_000), place)

    def _date(self, year: int) -> tuple[int, int]:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        year_day = self.found.get("year_day")
        if year_day is not None:
            if not 1 <= year_day <= 365 + leap:
                raise Fault("a date's day of the year is out of range")
            return self._of_year_day(year, year_day)
        month, day = self.found.get("month", 1), self.found.get("day", 1)
        if not 1 <= day <= monthrange(2000 if leap else 2001, month)[1]:
            raise Fault("a date's day is out of range")
        return month, day

    def _of_year_day(self, year: int, year_day: int) -> tuple[int, int]:
        _, month, day = civil_date(days_before(year, 1, 1) + year_day - 1)
        if self.found.get("month", month) != month or self.found.get("day", day) != day:
            raise Fault("a date's day of the year contradicts its month or day")
        return month, day

    def _hour(self) -> int:
        hour = self.found.get("hour", self.found.get("hour12", 0))
        if self.afternoon and hour < 12:
            return hour + 12
        return 0 if self.afternoon is False and hour == 12 else hour

    def _shifted(self, time: Time, place: Location) -> Time:
        assert self.offset is not None
        if self.zone == "UTC":
            return time
        offset, name = place.at(time.seconds)
        if offset == self.offset and self.zone in ("", name) and place is not UTC_LOCATION:
            return time.within(place)
        return time.within(fixed(self.zone, self.offset))

    def _named(self, time: Time, fields: Any, place: Location) -> Time:
        if not self.zone or place.at(time.seconds)[1] == self.zone:
            return time
        hours = int(self.zone[3:]) if self.zone.startswith("GMT") and len(self.zone) > 3 else 0
        return (
            local(fields, self.nanoseconds, UTC_LOCATION)
            .moved(-hours * 3_600_000_000_000)
            .within(fixed(self.zone, hours * 3600))
        )
