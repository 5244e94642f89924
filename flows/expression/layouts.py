"""Go's time layouts: the reference time 2006-01-02 15:04:05 MST shows how a time is written."""

import re
from collections.abc import Callable, Iterator

from flows.expression.times import Civil, Time

RFC3339 = "2006-01-02T15:04:05Z07:00"
RFC3339_NANO = "2006-01-02T15:04:05.999999999Z07:00"
_RFC822 = "02 Jan 06 15:04 MST"
_RFC850 = "Monday, 02-Jan-06 15:04:05 MST"
_RFC1123 = "Mon, 02 Jan 2006 15:04:05 MST"
USUAL = ("2006-01-02", "15:04:05", "2006-01-02 15:04:05", RFC3339, _RFC822, _RFC850, _RFC1123)
"""Layouts tried in turn when none is given."""

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
_TOKEN = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|(?<=_)2006"
    r"|[Z-](?:07:00:00|070000|07:00|0700|07)|__2|002|_2(?!006)|0[1-6]|15|1|2|3|4|5|PM|pm|[.,](?:0+|9+)(?![0-9])"
)
OFFSET = re.compile(r"[Z-]07")


def tokens(layout: str) -> Iterator[tuple[str, str]]:
    """Split a layout into (literal text, token) pairs; the last token is empty."""
    position = 0
    for found in _TOKEN.finditer(layout):
        yield layout[position : found.start()], found.group()
        position = found.end()
    yield layout[position:], ""


def format_time(time: Time, layout: str) -> str:
    """Write a time as a layout shows it."""
    civil = time.civil()
    return "".join(literal + _written(token, civil, time.nanoseconds) for literal, token in tokens(layout))


_WRITERS: dict[str, Callable[[Civil], str]] = {
    "": lambda _civil: "",
    "2006": lambda civil: f"{civil.year:04d}",
    "06": lambda civil: f"{civil.year % 100:02d}",
    "January": lambda civil: MONTHS[civil.month - 1],
    "Jan": lambda civil: MONTHS[civil.month - 1][:3],
    "01": lambda civil: f"{civil.month:02d}",
    "1": lambda civil: str(civil.month),
    "Monday": lambda civil: DAYS[civil.weekday],
    "Mon": lambda civil: DAYS[civil.weekday][:3],
    "02": lambda civil: f"{civil.day:02d}",
    "_2": lambda civil: f"{civil.day:2d}",
    "2": lambda civil: str(civil.day),
    "002": lambda civil: f"{civil.year_day:03d}",
    "__2": lambda civil: f"{civil.year_day:3d}",
    "15": lambda civil: f"{civil.hour:02d}",
    "03": lambda civil: f"{civil.hour % 12 or 12:02d}",
    "3": lambda civil: str(civil.hour % 12 or 12),
    "04": lambda civil: f"{civil.minute:02d}",
    "4": lambda civil: str(civil.minute),
    "05": lambda civil: f"{civil.second:02d}",
    "5": lambda civil: str(civil.second),
    "PM": lambda civil: "PM" if civil.hour >= 12 else "AM",
    "pm": lambda civil: "pm" if civil.hour >= 12 else "am",
    "MST": lambda civil: civil.zone or _offset_text("-0700" if civil.offset % 3600 else "-07", civil.offset),
}


def _written(token: str, civil: Civil, nanoseconds: int) -> str:
    if token in _WRITERS:
        return _WRITERS[token](civil)
    if OFFSET.match(token):
        return _offset_text(token, civil.offset)
    digits = f"{nanoseconds:09d}"[: len(token) - 1].ljust(len(token) - 1, "0")
    if token[1] == "9":
        digits = digits.rstrip("0")
        return token[0] + digits if digits else ""
    return token[0] + digits


def _offset_text(token: str, offset: int) -> str:
    if token[0] == "Z" and offset == 0:
        return "Z"
    minutes, seconds = divmod(abs(offset), 60)
    parts = [f"{minutes // 60:02d}", f"{minutes % 60:02d}", f"{seconds:02d}"]
    shown = {2: 1, 4: 2, 6: 3}[len(token[1:].replace(":", ""))]
    return ("-" if offset < 0 else "+") + (":" if ":" in token else "").join(parts[:shown])
