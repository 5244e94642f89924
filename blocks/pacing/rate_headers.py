"""What an answer says about limits: `Retry-After`, and the rate-limit headers of the servers there are.

GitHub: `x-ratelimit-limit/remaining/reset`, the last a Unix time. GitLab: `ratelimit-*`, likewise. Docker Hub:
`ratelimit-limit: 100;w=21600` without a time of reset, and `x-retry-after` as a Unix time. IETF drafts: seconds
from now, or all in one field `ratelimit: "default";r=50;t=30`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

UNIX_TIME, MILLISECONDS = 1_000_000_000, 1_000_000_000_000
"""Numbers from here on are a time and not a duration, and one in milliseconds."""

SECONDARY_WAIT = 60.0
"""Seconds to wait when GitHub says we were too fast and names no time (as it asks for)."""

_TOO_FAST = (b"secondary rate limit", b"abuse detection")
_READ = 4_096
"""Bytes of an error's body that are looked through."""

_FIELD = re.compile(r'(?:^|[;,\s])(r|t|q|remaining|reset|limit)\s*=\s*"?(\d{1,15})')
_NAMES = {"r": "remaining", "t": "reset", "q": "limit"}


@dataclass(frozen=True)
class Quota:
    """How many requests are left of how many, and the seconds until there are all again; None where unsaid."""

    limit: int | None = None
    remaining: int | None = None
    resets_in: float | None = None


def read_quota(headers: Iterable[tuple[str, str]], now: datetime) -> Quota | None:
    """Read what the headers of an answer say about limits; None when they say nothing.

    A time of reset counts from the server's own `Date`, so that its clock need not agree with ours.
    """
    said: dict[str, str] = {}
    date = ""
    for name, value in headers:
        lower = name.lower()
        if "ratelimit" in lower:
            said[lower.removeprefix("x-")] = value
        elif lower == "date":
            date = value
    if not said or said.get("ratelimit-resource", "core") != "core":
        return None
    values = _combined(said.get("ratelimit", ""))
    limit, remaining, reset = (
        values.get(name, _first_number(said.get(f"ratelimit-{name}", ""))) for name in ("limit", "remaining", "reset")
    )
    if limit is None and remaining is None:
        return None
    return Quota(limit, remaining, None if reset is None else _seconds(reset, _server_time(date, now)))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read `Retry-After` as seconds from now, whether it holds seconds or a date; None when absent or garbage."""
    server = _server_time(headers.get("date", ""), now)
    waits = (_wait(headers.get(name, ""), server) for name in ("retry-after", "x-retry-after"))
    return next((wait for wait in waits if wait is not None), None)


def wait_asked(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> float | None:
    """Seconds an error asks to wait; None when it names no time. A 403 that names one is about limits."""
    if (wait := retry_after(headers, now)) is not None:
        return wait
    if status in (403, 429):
        quota = read_quota(headers.items(), now)
        if quota and quota.remaining == 0 and quota.resets_in is not None:
            return quota.resets_in
        if any(said in body[:_READ].lower() for said in _TOO_FAST):
            return SECONDARY_WAIT
    return None


def _combined(value: str) -> dict[str, int]:
    """The one header of later drafts; of several policies the one with the least left."""
    policies = [
        {_NAMES.get(name, name): int(number) for name, number in _FIELD.findall(part)}
        for part in re.split(r',(?=\s*")', value)
    ]
    return min((each for each in policies if "remaining" in each), key=lambda each: each["remaining"], default={})


def _first_number(value: str) -> int | None:
    found = re.match(r"\s*(\d{1,15})", value)
    return int(found[1]) if found else None


def _seconds(number: float, server: datetime) -> float:
    seconds = number / 1_000 if number >= MILLISECONDS else number
    return max(0.0, seconds - server.timestamp()) if seconds >= UNIX_TIME else seconds


def _wait(value: str, server: datetime) -> float | None:
    if re.fullmatch(r"[ \t]*[0-9]{1,15}(\.[0-9]{1,15})?[ \t]*", value):
        return _seconds(float(value), server)
    said = _date(value)
    return None if said is None else max(0.0, (said - server).total_seconds())


def _server_time(date: str, now: datetime) -> datetime:
    return _date(date) or now


def _date(value: str) -> datetime | None:
    try:
        said = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return said if said.tzinfo else None
