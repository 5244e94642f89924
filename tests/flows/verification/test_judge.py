"""Metrics are judged as Argo Rollouts judges them."""

from datetime import UTC, datetime, timedelta

import pytest

from flows.verification.judge import Done, MeasureAt, assessed, next_measurement, overall
from flows.verification.model import Metric
from flows.verification.result import Measurement, MetricResult

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PHASES = {"S": "Successful", "F": "Failed", "I": "Inconclusive", "E": "Error"}


def metric(**fields):
    provider = {"prometheus": {"address": "http://p", "query": "up"}}
    return Metric.model_validate({"name": "m", "provider": provider} | fields)


def measured(letters, retain=10):
    """A result after measurements, one letter each: S, F, I, E; the n-th ended n seconds after noon."""
    result = MetricResult("m")
    for second, letter in enumerate(letters, 1):
        at = NOON + timedelta(seconds=second)
        result = result.plus(Measurement(PHASES[letter], at, at, message="no route" if letter == "E" else ""), retain)
    return result


@pytest.mark.parametrize(
    ("fields", "letters", "phase", "message"),
    [
        pytest.param({}, "", "Pending", "", id="nothing-yet"),
        pytest.param({}, "S", "Successful", "count (1) reached", id="once"),
        pytest.param({}, "F", "Failed", "failed (1) > failureLimit (0)", id="once-failed"),
        pytest.param({}, "I", "Inconclusive", "inconclusive (1) > inconclusiveLimit (0)", id="once-inconclusive"),
        pytest.param({}, "E", "Running", "", id="an-error-is-tried-again"),
        pytest.param({}, "EEEE", "Running", "", id="four-errors-are-borne"),
        pytest.param(
            {}, "EEEEE", "Error", "consecutiveErrors (5) > consecutiveErrorLimit (4): no route", id="five-are-not"
        ),
        pytest.param({}, "EEEES", "Successful", "count (1) reached", id="errors-do-not-count"),
        pytest.param(
            {"consecutiveErrorLimit": 0, "interval": "1s"},
            "SE",
            "Error",
            "consecutiveErrors (1) > consecutiveErrorLimit (0): no route",
            id="error-limit-zero",
        ),
        pytest.param({"interval": "1s", "count": 3}, "SS", "Running", "", id="counting"),
        pytest.param({"interval": "1s", "count": 3}, "SSS", "Successful", "count (3) reached", id="counted"),
        pytest.param({"interval": "1s", "count": 3}, "SES", "Running", "", id="counting-past-an-error"),
        pytest.param(
            {"interval": "1s", "count": 3, "failureLimit": 1}, "SFS", "Successful", "count (3) reached", id="borne"
        ),
        pytest.param(
            {"interval": "1s", "count": 3, "failureLimit": 1},
            "FF",
            "Failed",
            "failed (2) > failureLimit (1)",
            id="too-many-failures-end-it-early",
        ),
        pytest.param(
            {"interval": "1s", "count": 5, "inconclusiveLimit": 2}, "IISSS", "Successful", "count (5) reached", id="ii"
        ),
        pytest.param({"interval": "1s"}, "SSSSSSSSSSSS", "Running", "", id="endless"),
        pytest.param({"interval": "1s"}, "SF", "Failed", "failed (1) > failureLimit (0)", id="endless-until-failed"),
        pytest.param(
            {"interval": "1s", "failureLimit": 5, "consecutiveSuccessLimit": 3},
            "SFSSS",
            "Successful",
            "3 successes in a row (consecutiveSuccessLimit)",
            id="enough-successes-in-a-row",
        ),
        pytest.param(
            {"interval": "1s", "failureLimit": 5, "consecutiveSuccessLimit": 3}, "SSESS", "Running", "", id="broken-row"
        ),
        pytest.param(
            {"interval": "1s", "failureLimit": -1, "consecutiveSuccessLimit": 1}, "FFFF", "Running", "", id="no-limit"
        ),
        pytest.param(
            {"interval": "1s", "count": 2, "failureLimit": -1, "consecutiveSuccessLimit": 2},
            "SF",
            "Failed",
            "count (2) reached without 2 successes in a row (consecutiveSuccessLimit)",
            id="row-not-reached-without-limit",
        ),
        pytest.param(
            {"interval": "1s", "count": 3, "failureLimit": 1, "consecutiveSuccessLimit": 2},
            "SFS",
            "Inconclusive",
            "count (3) reached without 2 successes in a row (consecutiveSuccessLimit)",
            id="row-not-reached-within-limit",
        ),
    ],
)
def test_assessed(fields, letters, phase, message):
    """The counts so far decide a metric, failures before inconclusive ones before errors before the count."""
    result = assessed(metric(**fields), measured(letters))
    assert (result.phase, result.message) == (phase, message)


@pytest.mark.parametrize(
    ("fields", "letters", "phase"),
    [
        pytest.param({}, "", "Successful", id="never-measured"),
        pytest.param({"interval": "1s", "count": 3}, "S", "Successful", id="cut-short"),
        pytest.param({"interval": "1s", "failureLimit": 1}, "FF", "Failed", id="already-failed"),
    ],
)
def test_terminating(fields, letters, phase):
    """A metric that another one cuts short does not speak against the Freight, unless it already did."""
    assert assessed(metric(**fields), measured(letters), terminating=True).phase == phase


def test_counts_outlive_measurements():
    """Dropping old measurements forgets no failure."""
    result = measured("FSSSF", retain=2)
    assert (len(result.measurements), result.count, result.failed) == (2, 5, 2)
    assert assessed(metric(interval="1s", count=9, failureLimit=1), result).phase == "Failed"


def test_results_survive_json():
    """What is recorded reads back as what was recorded."""
    result = assessed(metric(), measured("EES"))
    assert MetricResult.read(result.written()) == result


@pytest.mark.parametrize(
    ("fields", "letters", "after"),
    [
        pytest.param({}, "", 0, id="at-once"),
        pytest.param({"initialDelay": "1m30s"}, "", 90, id="delayed"),
        pytest.param({"initialDelay": "1h", "interval": "5s", "count": 2}, "S", 6, id="interval-after-the-last-end"),
        pytest.param({"interval": "5s"}, "SS", 7, id="endless"),
        pytest.param({}, "E", 11, id="error-without-interval"),
        pytest.param({"interval": "3s"}, "E", 11, id="error-with-interval"),
        pytest.param({"interval": "6h"}, "SE", 12, id="error-with-a-long-interval"),
        pytest.param({"interval": "6h"}, "ES", 6 * 3600 + 2, id="success-after-an-error"),
    ],
)
def test_next_measurement(fields, letters, after):
    """The next measurement is due an interval after the last one ended, the first after its delay."""
    wanted = metric(**fields)
    due = next_measurement(wanted, assessed(wanted, measured(letters)), NOON)
    assert due == MeasureAt(NOON + timedelta(seconds=after))


def test_nothing_follows_a_verdict():
    """A decided metric is measured no more."""
    wanted = metric()
    due = next_measurement(wanted, assessed(wanted, measured("F")), NOON)
    assert due == Done("Failed", "failed (1) > failureLimit (0)")


@pytest.mark.parametrize(
    ("phases", "phase", "message"),
    [
        pytest.param(["Successful", "Successful"], "Successful", "", id="all-well"),
        pytest.param(["Successful", "Running"], "Running", "", id="not-done"),
        pytest.param(["Pending"], "Running", "", id="not-begun"),
        pytest.param(
            ["Inconclusive", "Successful"], "Inconclusive", "metric '0' assessed Inconclusive due to x", id="i"
        ),
        pytest.param(["Inconclusive", "Error"], "Error", "metric '1' assessed Error due to x", id="error-is-worse"),
        pytest.param(["Failed", "Error"], "Failed", "metric '0' assessed Failed due to x", id="failed-is-worst"),
        pytest.param(["Failed", "Failed"], "Failed", "metric '0' assessed Failed due to x", id="first-of-equals"),
    ],
)
def test_overall(phases, phase, message):
    """All metrics together are as bad as the worst one, once all are done."""
    results = [MetricResult(str(index), each, "x") for index, each in enumerate(phases)]
    assert overall(results) == (phase, message)


def test_dry_runs_do_not_count():
    """A failed dry run is waited for and then ignored, alone or beside others."""
    dry = MetricResult("d", "Failed", "x", dry_run=True)
    assert overall([dry, MetricResult("m", "Successful")]) == ("Successful", "")
    assert overall([dry]) == ("Successful", "")
    assert overall([MetricResult("d", "Running", dry_run=True), MetricResult("m", "Successful")]) == ("Running", "")
