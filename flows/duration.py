"""Durations as Go writes them (`1h30m`, `500ms`), read and written."""

import re
from datetime import timedelta
from functools import lru_cache

from blocks.errors import Invalid

NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
LONGEST = 2**63 - 1
"""Nanoseconds of the longest duration Go can hold, about 292 years."""

_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_WHOLE = re.compile(rf"[-+]?(?:0|(?:{_PART.pattern})+)", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Read a Go duration; finer than a microsecond is rounded. Raises Invalid for anything else."""
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        raise Invalid(f"{text!r} is not a duration: write numbers with units, such as 90s, 5m or 1h30m")
    return _read(text)


@lru_cache(maxsize=1_000)
def _read(text: str) -> timedelta:
    nanoseconds = sum(_nanoseconds(number, unit) for number, unit in _PART.findall(text))
    if nanoseconds > LONGEST:
        raise Invalid(f"{text!r} is longer than a duration can be, about 292 years")
    return timedelta(microseconds=round(-nanoseconds / 1000 if text.startswith("-") else nanoseconds / 1000))


def _nanoseconds(number: str, unit: str) -> int:
    whole, _, fraction = number.partition(".")
    scale = NANOSECONDS[unit]
    return int(whole or 0) * scale + (int(fraction) * scale // 10 ** len(fraction) if fraction else 0)


def format_duration(duration: timedelta) -> str:
    """Write a duration as Go prints it: `5m0s`, `1h0m0s`, `1.5s`, `20ms`, `0s`."""
    microseconds = duration // timedelta(microseconds=1)
    sign, microseconds = ("-", -microseconds) if microseconds < 0 else ("", microseconds)
    if microseconds < 1_000:
        return f"{sign}{microseconds}µs" if microseconds else "0s"
    if microseconds < 1_000_000:
        return f"{sign}{_decimal(microseconds, 1_000)}ms"
    hours, rest = divmod(microseconds, 3_600_000_000)
    minutes, rest = divmod(rest, 60_000_000)
    text = f"{_decimal(rest, 1_000_000)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return sign + (f"{hours}h{text}" if hours else text)


def _decimal(value: int, unit: int) -> str:
    whole, fraction = divmod(value, unit)
    digits = str(fraction).zfill(len(str(unit)) - 1).rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
