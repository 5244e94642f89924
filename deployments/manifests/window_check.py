"""Checks promotion windows: times, recurrence, selectors."""

from collections.abc import Iterator, Sequence

from blocks.errors import Invalid
from deployments.manifests.warehouse_check import tried
from flows.stage.model import StageSelector
from flows.stage.project_config import PromotionWindow
from flows.stage.schedule import read_moment, read_schedule
from flows.stage.selector import name_pattern


def window_problems(windows: Sequence[PromotionWindow]) -> Iterator[tuple[str, str]]:
    """Say what is wrong with windows, each as its path in the spec and a sentence."""
    for index, window in enumerate(windows):
        path = f"promotionWindows[{index}]"
        for key in ("stage_selector", "project_selector"):
            selector: StageSelector | None = getattr(window, key, None)
            if selector and selector.name:
                yield from tried(f"{path}.{_camel(key)}.name", name_pattern, selector.name)
        found = [
            *tried(f"{path}.dtstart", read_moment, window.dtstart),
            *tried(f"{path}.dtend", read_moment, window.dtend),
        ]
        yield from found or _schedule(path, window)


def _schedule(path: str, window: PromotionWindow) -> Iterator[tuple[str, str]]:
    try:
        read_schedule(window.dtstart, window.dtend, window.rrule or "")
    except Invalid as error:
        yield f"{path}.{'rrule' if str(error).startswith('rrule') else 'dtend'}", str(error)


def _camel(key: str) -> str:
    first, second = key.split("_")
    return first + second.title()
