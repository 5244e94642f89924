"""What stops all promotions into a Stage for a while, whatever the Freight: windows and freezes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from blocks.ledger.records import Freeze
from flows.stage.windows import WindowStatus, spoken

FREEZE = "freeze"
WINDOW = "window"


@dataclass(frozen=True)
class Stop:
    """One reason why nothing may begin. `until` is when time alone ends it, None when it takes a person."""

    name: str
    sentence: str
    until: datetime | None = None


def stops(freezes: Sequence[Freeze], status: WindowStatus | None, now: datetime) -> list[Stop]:
    """Name all there is now, freezes first. `freezes` are of the Stage's project or of all."""
    found = [_frozen(each, now) for each in freezes if each.holds(now)]
    return [*found, *_closed(status)]


def _frozen(freeze: Freeze, now: datetime) -> Stop:
    what = f"project {freeze.project!r} is frozen" if freeze.project else "all projects are frozen"
    lasts = f" until {spoken(freeze.until, now, ZoneInfo('UTC'))}" if freeze.until else ""
    lift = f"drayage unfreeze{f' -p {freeze.project}' if freeze.project else ' --all'}"
    since = freeze.since.astimezone(UTC)
    said = f"{what} by {freeze.actor} since {since:%Y-%m-%d %H:%M} UTC{lasts}: {freeze.reason} ('{lift}' ends it)"
    return Stop(FREEZE, said, freeze.until)


def _closed(status: WindowStatus | None) -> Iterator[Stop]:
    if status and status.closed:
        yield Stop(WINDOW, status.reason, status.next_open)
