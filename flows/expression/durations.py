"""Durations as text, the way Go writes and reads them, and their methods."""

import re
from typing import Any

from flows.expression.errors import Fault
from flows.expression.operators import truncate
from flows.expression.times import HOUR, MINUTE, SECOND, Duration
from flows.expression.values import expose, type_name

_UNITS = {"ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 1_000_000, "s": SECOND, "m": MINUTE, "h": HOUR}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")


def parse_duration(text: str) -> Duration:
    """Read `1h30m`, `-1.5s`, `0`; raise Fault for anything else or what 64 bits cannot hold."""
    sign, body = (-1 if text[:1] == "-" else 1), text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return Duration(0)
    total = position = 0
    while found := _PART.match(body, position):
        if not (found[1] or found[2]):
            break
        total += _nanoseconds(found)
        position = found.end()
    if not body or position != len(body) or total > (1 << 63) - (sign > 0):
        raise Fault("a text is no duration such as 1h30m")
    return Duration(sign * total)


def _nanoseconds(found: re.Match[str]) -> int:
    unit, fraction = _UNITS[found[3]], (found[2] or "")[:30]
    return int(found[1][:30] or 0) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)


def format_duration(duration: Duration) -> str:
    """Write a duration as `1h0m0s`, `1.5s`, `300ms`."""
    rest = abs(duration.nanoseconds)
    sign = "-" if duration.nanoseconds < 0 else ""
    if rest < SECOND:
        return sign + _below_second(rest)
    hours, rest = divmod(rest, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    head = f"{hours}h{minutes}m" if hours else (f"{minutes}m" if minutes else "")
    return f"{sign}{head}{_decimal(rest, SECOND)}s"


def _below_second(rest: int) -> str:
    for unit, name in ((1_000_000, "ms"), (1000, "µs"), (1, "ns")):
        if rest >= unit:
            return _decimal(rest, unit) + name
    return "0s"


def _decimal(value: int, unit: int) -> str:
    whole, fraction = divmod(value, unit)
    digits = f"{fraction:0{len(str(unit)) - 1}d}".rstrip("0") if fraction else ""
    return f"{whole}.{digits}" if digits else str(whole)


def rounded(duration: Duration, unit: Any) -> Duration:
    """To the nearest multiple of a unit, halves away from zero."""
    size = _unit(unit)
    if size <= 0:
        return duration
    value = abs(duration.nanoseconds)
    nearest = (value + size // 2) // size * size if size % 2 == 0 else (2 * value + size) // (2 * size) * size
    return Duration(nearest if duration.nanoseconds >= 0 else -nearest)


def truncated(duration: Duration, unit: Any) -> Duration:
    """Towards zero, to a multiple of a unit."""
    size = _unit(unit)
    if size <= 0:
        return duration
    value = abs(duration.nanoseconds) // size * size
    return Duration(value if duration.nanoseconds >= 0 else -value)


def _unit(value: Any) -> int:
    if value.__class__ is Duration:
        return int(value.nanoseconds)
    raise Fault(f"a duration is needed, not {type_name(value)}")


def _whole(unit: int) -> Any:
    return lambda duration: truncate(int(abs(duration.nanoseconds) // unit) * (1 if duration.nanoseconds >= 0 else -1))


expose(
    Duration,
    "time.Duration",
    {
        "Hours": lambda duration: duration.nanoseconds / HOUR,
        "Minutes": lambda duration: duration.nanoseconds / MINUTE,
        "Seconds": lambda duration: duration.nanoseconds / SECOND,
        "Milliseconds": _whole(1_000_000),
        "Microseconds": _whole(1000),
        "Nanoseconds": _whole(1),
        "String": format_duration,
        "Round": rounded,
        "Truncate": truncated,
        "Abs": lambda duration: Duration(min(abs(duration.nanoseconds), (1 << 63) - 1)),
    },
)
