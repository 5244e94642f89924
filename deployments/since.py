"""How people say from when on: `12h`, `30d`, `2w`, or a time."""

import re
from datetime import UTC, datetime, timedelta

from blocks.errors import Invalid

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"(\d{1,9})([smhdw])")


def read_since(text: str, now: datetime) -> datetime:
    """Read since when: how long ago, or a date or time in ISO 8601, in UTC where it names no zone. Raises Invalid."""
    if found := _AGO.fullmatch(text.strip()):
        try:
            return now - timedelta(seconds=int(found[1]) * UNITS[found[2]])
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Invalid(f"{text!r} is no time: say how long ago, such as 12h or 30d, or 2026-03-01T12:00Z") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
