"""A metric's measurements as a picture: values over time, thresholds, and the verdict on each."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from urllib.parse import quote

from flows.verification.result import MetricResult, Point, fewer

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 28
LABEL = 56
LARGEST = 1e300
"""Beyond this, numbers are drawn as this one, for their differences would have no end."""

COLOURS = {"Successful": "#2a9d5c", "Failed": "#d1383d", "Inconclusive": "#c98a00", "Error": "#7a7f87"}
WAITING = "#3b6fd4"
MOST_THRESHOLDS = 4
MOST_DRAWN = 100
"""Points in a picture, whose address the Prefect UI also writes out."""

SAFE = " =:/(),;"
"""Characters that an address of this kind bears as they are; the fewer escapes, the shorter it is."""

NUMBER = r"(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
LENGTH = re.compile(r"len\([^()]*(?:\([^()]*\))?[^()]*\)\s*(?:[<>]=?|[=!]=)\s*" + NUMBER)
AFTER = re.compile(r"(?:[<>]=?|[=!]=)\s*" + NUMBER)
BEFORE = re.compile(r"(?<![\w.\])])" + NUMBER + r"\s*(?:[<>]=?|[=!]=)")


def thresholds(*conditions: str) -> list[float]:
    """The numbers that conditions compare with, but for lengths; each once, in their order."""
    found: list[float] = []
    for condition in conditions:
        text = LENGTH.sub("", condition)
        found += [float(number) for number in (*AFTER.findall(text), *BEFORE.findall(text))]
    return list(dict.fromkeys(found))[:MOST_THRESHOLDS]


def chart(result: MetricResult, limits: Sequence[float]) -> str:
    """Draw a metric as SVG; one without numbers shows its verdicts only."""
    points = fewer(result.points, MOST_DRAWN)
    plane = _plane(points, limits)
    colour = COLOURS.get(result.phase, WAITING)
    verdict = f"{result.phase}{' (dry run)' if result.dry_run else ''}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(12, 22, _cut(result.name, 48), size=15, fill="#1d2430"),
        _text(WIDTH - RIGHT, 22, verdict, size=15, anchor="end", fill=colour),
        *_axes(plane),
        *(_threshold(plane, limit, number) for number, limit in enumerate(limits)),
        *(part for point in points for part in _marks(plane, point)),
        "</svg>",
    ]
    return "".join(parts)


def data_url(svg: str) -> str:
    """An address that is the picture itself, for whoever shows images by address."""
    return f"data:image/svg+xml,{quote(svg, safe=SAFE)}"


@dataclass(frozen=True)
class _Plane:
    """Where times and values are in the picture."""

    start: datetime | None
    end: datetime | None
    low: float
    high: float

    def x(self, at: datetime) -> float:
        width = WIDTH - LEFT - RIGHT
        if self.start is None or self.end is None or self.end == self.start:
            return LEFT + width / 2
        return LEFT + width * ((at - self.start) / (self.end - self.start))

    def y(self, value: float) -> float:
        height = HEIGHT - TOP - BOTTOM
        part = (value - self.low) / (self.high - self.low)
        return TOP + height * (1 - min(1.0, max(0.0, part)))


def _plane(points: Sequence[Point], limits: Sequence[float]) -> _Plane:
    finite = [value for point in points for value in point.values if math.isfinite(value)]
    values = [max(-LARGEST, min(LARGEST, value)) for value in (*finite, *limits)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = (high - low) * 0.1 or abs(high) * 0.1 or 1.0
    # Most metrics cannot be negative, and an axis that says they could be misleads.
    floor = 0.0 if low >= 0 else low - margin
    return _Plane(points[0].at if points else None, points[-1].at if points else None, floor, high + margin)


def _axes(plane: _Plane) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#c5cad3"/>']
    parts += [_text(LEFT - 6, plane.y(value) + 4, _short(value), anchor="end") for value in (plane.low, plane.high)]
    if plane.start and plane.end:
        parts.append(_text(LEFT, HEIGHT - 9, f"{plane.start:%Y-%m-%d %H:%M:%S} UTC"))
        if plane.end != plane.start:
            parts.append(_text(right, HEIGHT - 9, f"{plane.end:%Y-%m-%d %H:%M:%S} UTC", anchor="end"))
    return parts


def _threshold(plane: _Plane, limit: float, number: int) -> str:
    """A line across; the numbers stand beside each other, for lines may be close."""
    y = plane.y(limit)
    line = f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#1d2430" stroke-dasharray="5 4" opacity=".6"/>'
    return line + _text(WIDTH - RIGHT - number * LABEL, y - 4, _short(limit), anchor="end")


def _marks(plane: _Plane, point: Point) -> list[str]:
    """A dot for each number; a cross at the bottom where there is none."""
    x, colour = plane.x(point.at), COLOURS.get(point.phase, WAITING)
    shown = [value for value in point.values if math.isfinite(value)]
    if not shown:
        y = HEIGHT - BOTTOM - 6
        cross = f"M{x - 4:.1f} {y - 4}l8 8m0-8l-8 8"
        return [f'<path d="{cross}" stroke="{colour}" stroke-width="2"/>']
    return [f'<circle cx="{x:.1f}" cy="{plane.y(value):.1f}" r="3.5" fill="{colour}"/>' for value in shown]


def _text(x: float, y: float, text: str, *, size: int = 11, anchor: str = "start", fill: str = "#596273") -> str:
    where = f'x="{x:g}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}"'
    return f"<text {where}>{escape(text)}</text>"


def _short(value: float) -> str:
    return f"{value:.4g}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
