"""Built-ins on times, and the methods of times and zones."""

from collections.abc import Callable
from typing import Any

from flows.expression.calendar_names import Month, Weekday
from flows.expression.durations import parse_duration, rounded, truncated
from flows.expression.errors import Fault
from flows.expression.frame import Frame
from flows.expression.go_format import GO_TIME
from flows.expression.layout_reading import parse_time
from flows.expression.layouts import USUAL, format_time
from flows.expression.operators import subtract, truncate
from flows.expression.times import UTC_LOCATION, Duration, Location, Time, local, location
from flows.expression.values import expose, type_name


def _text(name: str, value: Any) -> str:
    if value.__class__ is not str:
        raise Fault(f"{name} takes a string, not {type_name(value)}")
    return str(value)


def now(frame: Frame, place: Any = UTC_LOCATION) -> Time:
    """The present, in a zone or in UTC."""
    if place.__class__ is not Location:
        raise Fault("now takes a time zone or nothing")
    return Time.of(frame.clock()).within(place)


def date(_frame: Frame, *values: Any) -> Time:
    """date(text[, layout[, zone]]), optionally with a zone value in front."""
    place = values[0] if values[0].__class__ is Location else None
    texts = [_text("date", value) for value in (values[1:] if place else values)]
    if not 1 <= len(texts) <= 3:
        raise Fault("date takes a text, a layout and a time zone")
    if len(texts) == 3:
        return parse_time(texts[1], texts[0], location(texts[2]))
    if len(texts) == 2:
        return parse_time(texts[1], texts[0], place or UTC_LOCATION)
    return _usual(texts[0], place or UTC_LOCATION)


def _usual(text: str, place: Location) -> Time:
    for layout in USUAL:
        try:
            return parse_time(layout, text, place)
        except Fault:
            continue
    raise Fault("a text is no date in any of the usual layouts")


def _civil(field: str) -> Callable[[Time], int]:
    return lambda time: int(getattr(time.civil(), field))


def _moved(time: Time, span: Any) -> Time:
    if span.__class__ is not Duration:
        raise Fault(f"Add takes a duration, not {type_name(span)}")
    return time.moved(span.nanoseconds)


def _other(value: Any) -> Time:
    if value.__class__ is not Time:
        raise Fault(f"a time is needed, not {type_name(value)}")
    return value


def _within(time: Time, place: Any) -> Time:
    if place.__class__ is not Location:
        raise Fault(f"In takes a time zone, not {type_name(place)}")
    return time.within(place)


def _add_date(time: Time, years: Any, months: Any, days: Any) -> Time:
    civil = time.civil()
    steps = [truncate(value) for value in (years, months, days)]
    if any(abs(step) > 1_000_000 for step in steps):
        raise Fault("AddDate takes at most a million years, months or days")
    fields = (civil.year + steps[0], civil.month + steps[1], civil.day + steps[2])
    return local((*fields, civil.hour, civil.minute, civil.second), time.nanoseconds, time.location)


def _to_unit(time: Time, unit: Any, rule: Callable[[Duration, Any], Duration]) -> Time:
    since_year_one = time.instant + 62_135_596_800 * 1_000_000_000
    return time.moved(rule(Duration(since_year_one), unit).nanoseconds - since_year_one)


_DATE_METHODS: dict[str, Callable[..., Any]] = {
    "Year": _civil("year"),
    "Month": lambda time: Month(time.civil().month),
    "Day": _civil("day"),
    "Hour": _civil("hour"),
    "Minute": _civil("minute"),
    "Second": _civil("second"),
    "Weekday": lambda time: Weekday(time.civil().weekday),
    "YearDay": _civil("year_day"),
    "Nanosecond": lambda time: time.nanoseconds,
    "Unix": lambda time: time.seconds,
    "UnixMilli": lambda time: time.instant // 1_000_000,
    "UnixMicro": lambda time: time.instant // 1000,
    "UnixNano": lambda time: time.instant,
    "Format": lambda time, layout: format_time(time, _text("Format", layout)),
    "String": lambda time: format_time(time, GO_TIME),
    "Add": _moved,
    "AddDate": _add_date,
    "Sub": lambda time, other: subtract(time, _other(other)),
    "Before": lambda time, other: time.instant < _other(other).instant,
    "After": lambda time, other: time.instant > _other(other).instant,
    "Equal": lambda time, other: time.instant == _other(other).instant,
    "Compare": lambda time, other: (time.instant > _other(other).instant) - (time.instant < other.instant),
    "IsZero": lambda time: time.seconds == -62_135_596_800 and time.nanoseconds == 0,
    "In": _within,
    "UTC": lambda time: time.within(UTC_LOCATION),
    "Location": lambda time: time.location,
    "Round": lambda time, unit: _to_unit(time, unit, rounded),
    "Truncate": lambda time, unit: _to_unit(time, unit, truncated),
}
expose(Time, "time.Time", _DATE_METHODS)
expose(Location, "time.Location", {"String": lambda place: place.name})

TABLE: dict[str, tuple[Callable[..., Any], int, int]] = {
    "now": (now, 0, 1),
    "date": (date, 1, 4),
    "duration": (lambda _frame, value: parse_duration(_text("duration", value)), 1, 1),
    "timezone": (lambda _frame, value: location(_text("timezone", value)), 1, 1),
}
"""Name: function, least and most arguments."""
