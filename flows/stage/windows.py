"""Promotion windows: may a Stage be promoted to now, and when does that change? (Kargo: promotionWindows)

Open is when no Deny window is active and, where there are Allow windows about the Stage, one of them is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flows.stage.project_config import PromotionWindow
from flows.stage.schedule import Schedule, read_schedule

Windows = Sequence[PromotionWindow]

MOST_HOPS = 1_000
"""Ends and starts of windows that are looked at to find when promotion is possible again."""


@dataclass(frozen=True)
class WindowStatus:
    """How the windows about a Stage stand. `reason` says why it is closed; times are None when none is known."""

    closed: bool
    reason: str = ""
    next_open: datetime | None = None
    next_close: datetime | None = None
    next_close_reason: str = ""


def window_status(windows: Windows, now: datetime) -> WindowStatus | None:
    """Say how the windows about one Stage stand; None when there is none. Raises Invalid for one that cannot be read.

    All must be about the Stage.
    """
    if not windows:
        return None
    denies, allows = _of_kind(windows, "Deny"), _of_kind(windows, "Allow")
    closing = _active(denies, now) + ([] if _active(allows, now) else allows)
    if closing:
        opens = _opening(denies, allows, now)
        return WindowStatus(closed=True, reason=_sentence(closing, opens, now), next_open=opens)
    closes, why = _closing(denies, allows, now)
    return WindowStatus(closed=False, next_close=closes, next_close_reason=why)


def spoken(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Say a time as people of a zone would: the weekday suffices for the days to come."""
    there = at.astimezone(zone)
    if timedelta() <= at - now < timedelta(days=6):
        return f"{there:%a %H:%M} {zone.key}"
    return f"{there:%Y-%m-%d %H:%M} {zone.key}"


def _of_kind(windows: Windows, kind: str) -> list[PromotionWindow]:
    return [each for each in windows if each.kind == kind]


def _schedule(window: PromotionWindow) -> Schedule:
    return read_schedule(window.dtstart, window.dtend, window.rrule or "")


def _until(window: PromotionWindow, at: datetime) -> datetime | None:
    return _schedule(window).active_until(at)


def _active(windows: Windows, at: datetime) -> list[PromotionWindow]:
    return [each for each in windows if _until(each, at)]


def _last_end(windows: Windows, at: datetime) -> datetime | None:
    """When the last of those ends that are active at a time; None when none is."""
    return max((end for each in windows if (end := _until(each, at))), default=None)


def _first_start(windows: Windows, at: datetime) -> datetime | None:
    return min((start for each in windows if (start := _schedule(each).next_start(at))), default=None)


def _opening(denies: Windows, allows: Windows, now: datetime) -> datetime | None:
    """When promotion is possible again, from end to end and start to start."""
    at: datetime | None = now
    for _ in range(MOST_HOPS):
        if at is None:
            return None
        if end := _last_end(denies, at):
            at = end
        elif not allows or _active(allows, at):
            return at
        else:
            at = _first_start(allows, at)
    return None


def _closing(denies: Windows, allows: Windows, now: datetime) -> tuple[datetime | None, str]:
    """When promotion, possible now, is not any more, and why."""
    denied = _first_start(denies, now)
    ends, last = _allowed_until(allows, now)
    if denied and (ends is None or denied <= ends):
        return denied, f"window {_active(denies, denied)[0].name!r} begins"
    return (ends, f"window {last!r} ends") if ends else (None, "")


def _allowed_until(allows: Windows, now: datetime) -> tuple[datetime | None, str]:
    """When the last of the Allow windows that follow each other ends, with its name; None when none does."""
    at, last = now, ""
    for _ in range(MOST_HOPS):
        end = _last_end(allows, at)
        if end is None:
            return (at, last) if last else (None, "")
        last = next(each.name for each in allows if _until(each, at) == end)
        at = end
    return None, ""


def _sentence(closing: Windows, opens: datetime | None, now: datetime) -> str:
    names = " and ".join(repr(each.name) for each in closing)
    windows = f"window{'s' if len(closing) > 1 else ''} {names}"
    what = f"blocked by {windows}" if closing[0].kind == "Deny" else f"outside {windows}"
    if opens is None:
        return f"{what}, and no opening is known"
    return f"{what} until {spoken(opens, now, _schedule(closing[0]).zone)}"
