"""Charts show what was measured, whatever that was."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote
from xml.dom.minidom import parseString

import pytest

from blocks.ledger.records import VerificationRecord
from flows.show_verification import page
from flows.verification.chart import MOST_DRAWN, chart, data_url, thresholds
from flows.verification.result import MOST_POINTS, Measurement, MetricResult, Point, fewer, numbers

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        pytest.param(("result[0] < 0.05", ""), [0.05], id="one"),
        pytest.param(("result[0] < 0.05", "result[0] >= 0.2"), [0.05, 0.2], id="two"),
        pytest.param(("len(result) > 0 && result[0] <= 5",), [5.0], id="not-a-length"),
        pytest.param(("0.5 > result",), [0.5], id="turned-round"),
        pytest.param(("asFloat(result.a1) <= -1e-3",), [-0.001], id="exponent"),
        pytest.param(("default(result, 0) < 5",), [5.0], id="not-an-argument"),
        pytest.param(("result.ok",), [], id="none"),
        pytest.param(("",), [], id="no-condition"),
    ],
)
def test_thresholds(conditions, found):
    """The numbers that conditions compare with are drawn as lines."""
    assert thresholds(*conditions) == found


@pytest.mark.parametrize(
    "points",
    [
        pytest.param([], id="nothing-yet"),
        pytest.param([(0.5,)], id="one"),
        pytest.param([(0.5,), (0.5,)], id="all-the-same"),
        pytest.param([(), (float("nan"),), (float("inf"), 2.0)], id="no-numbers"),
        pytest.param([(-3.0,), (1e300,)], id="far-apart"),
        pytest.param([(-1.7e308,), (1.7e308,)], id="as-far-apart-as-can-be"),
        pytest.param([(float(index),) for index in range(MOST_POINTS)], id="many"),
    ],
)
def test_any_numbers(points):
    """Every chart is well-formed and short enough for an address."""
    drawn = tuple(Point(NOON + timedelta(minutes=index), values, "Failed") for index, values in enumerate(points))
    svg = chart(MetricResult("a <b> & 'c' " * 20, phase="Failed", dry_run=True, points=drawn), [0.5])
    parseString(svg)
    assert ">Failed (dry run)<" in svg
    assert unquote(data_url(svg)).partition(",")[2] == svg
    assert svg.count("<circle") <= MOST_DRAWN
    assert not re.search(r"nan|inf\b", svg)
    assert len(data_url(svg)) < 20_000


def test_points_are_thinned():
    """However long it soaks, the points stay few and span the whole time; what is kept is read back as it was."""
    result = MetricResult("m")
    for index in range(5 * MOST_POINTS):
        at = NOON + timedelta(minutes=index)
        result = result.plus(Measurement("Successful", at, at, numbers=(float(index),)), 2)
    assert len(result.points) <= MOST_POINTS
    assert (result.points[0].values, result.points[-1].values) == ((0.0,), (5.0 * MOST_POINTS - 1,))
    assert MetricResult.read(result.written()).points == result.points


def test_no_bad_point_is_lost():
    """One failure among thousands of good measurements is still there to see, wherever it was."""
    result = MetricResult("m")
    for index in range(2_000):
        at, phase = NOON + timedelta(minutes=index), "Failed" if index == 777 else "Successful"
        result = result.plus(Measurement(phase, at, at, numbers=(float(index),)), 2)
    assert [point.values for point in result.points if point.phase == "Failed"] == [(777.0,)]
    assert chart(result, []).count("#d1383d") == 1


@pytest.mark.parametrize("count", [1, 2, 3, 99, 100, 101, 199, 200, 401])
def test_fewer(count):
    """However many points there are, not more are left than wanted, the first and the newest among them."""
    points = tuple(Point(NOON + timedelta(minutes=index), (), "Successful") for index in range(count))
    left = fewer(points, 100)
    assert len(left) <= 100
    assert (left[0], left[-1]) == (points[0], points[-1])
    assert list(left) == sorted(left, key=lambda point: point.at)


@pytest.mark.parametrize(
    ("value", "found"),
    [(0.5, (0.5,)), ([1, 2.5, "x", True], (1.0, 2.5)), (True, ()), ("3", ()), ({"a": 1}, ()), (None, ())],
)
def test_numbers(value, found):
    """Numbers are drawn, and nothing else."""
    assert numbers(value) == found


def test_page():
    """The page tells each metric's verdict, its newest value, why, and all values as JSON."""
    taken = Measurement("Failed", NOON, NOON, "[0.5]", "too many", numbers=(0.5,))
    result = MetricResult("errors | <all>", phase="Failed", message="failed (1) > failureLimit (0)").plus(taken, 10)
    text = page(VerificationRecord("shop", "test", "v1", {}, "test.1", "user:ann", NOON), [result])
    assert "| [0.5] | 0 / 1 / 0 / 0 | failed (1) > failureLimit (0) |" in text
    assert '"values": [{"at": "2026-01-01T12:00:00+00:00", "value": 0.5, "phase": "Failed"}]' in text
