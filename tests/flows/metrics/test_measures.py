"""The four measures, from tables of what happened; and their text."""

import re
from datetime import timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from blocks.ledger.changes import Change
from blocks.ledger.ledger import Ledger
from blocks.ledger.records import AuditEvent
from deployments.metrics import shortened
from flows.metrics.measures import measured
from flows.metrics.openmetrics import openmetrics
from flows.metrics.read import read_measures
from tests.blocks.ledger.samples import at

OK, FAILED, ERRORED = "PromotionSucceeded", "PromotionFailed", "PromotionErrored"
GOOD, BAD, BROKEN = (f"FreightVerification{each}" for each in ("Succeeded", "Failed", "Errored"))
FOUND = {"f1": at(0), "f2": at(10), "f3": at(20)}


def changes(*events):
    """Events as (minute, type, freight, promotion)."""
    return [Change("prod", type, freight, promotion, at(minute)) for minute, type, freight, promotion in events]


def of(*events, first=None):
    """Measure them over ten days."""
    known = changes(*events)
    if first is None:
        first = {}
        for each in known:
            if each.type == OK:
                first.setdefault((each.stage, each.freight), each.at)
    return measured("p", ["prod"], known, FOUND, first, 10.0)[0]


def minutes(number):
    """A duration."""
    return timedelta(minutes=number)


ROWS = [
    pytest.param([], (0, 0, 0, None, None, None, False), id="nothing"),
    pytest.param([(5, OK, "f1", "a"), (6, GOOD, "f1", "a")], (1, 1, 0, 0.0, 5, None, False), id="one"),
    pytest.param(
        [(5, OK, "f1", "a"), (25, OK, "f2", "b"), (60, OK, "f3", "c")], (3, 3, 0, 0.0, 15, None, False), id="median"
    ),
    pytest.param(
        [(5, OK, "f1", "a"), (15, OK, "f2", "b"), (99, OK, "f1", "back")], (3, 3, 0, 0.0, 5, None, False), id="rollback"
    ),
    pytest.param([(5, FAILED, "f1", "a")], (1, 0, 1, 1.0, None, None, True), id="failed"),
    pytest.param(
        [(5, ERRORED, "f1", "a"), (9, FAILED, "f1", "b"), (12, OK, "f2", "c"), (20, GOOD, "f2", "c")],
        (3, 1, 2, 2 / 3, 2, 15, False),
        id="one-outage-of-two-failures",
    ),
    pytest.param(
        [(5, FAILED, "f1", "a"), (6, OK, "f1", "a"), (7, GOOD, "f1", "a")], (1, 1, 1, 1.0, 6, 2, False), id="retried"
    ),
    pytest.param(
        [(5, OK, "f1", "a"), (6, BAD, "f1", "a"), (8, GOOD, "f1", "a")], (1, 1, 1, 1.0, 5, 2, False), id="unverified"
    ),
    pytest.param(
        [(5, OK, "f1", "a"), (6, BROKEN, "f1", "a"), (7, OK, "f2", "b")],
        (2, 2, 1, 0.5, 2.5, None, True),
        id="still-failing",
    ),
    pytest.param([(5, BAD, "f9", "old"), (6, GOOD, "f9", "old")], (0, 0, 0, None, None, 1, False), id="brought-before"),
    pytest.param([(5, OK, "f9", "a")], (1, 1, 0, 0.0, None, None, False), id="created-before-the-trail"),
]


@pytest.mark.parametrize(("events", "expected"), ROWS)
def test_measures(events, expected):
    """Changes, deployments, failed ones, their rate, lead time and time to restore in minutes, and failing still."""
    found = of(*events)
    lead, restore = (each and each / minutes(1) for each in (found.lead_time, found.time_to_restore))
    assert (
        found.changes,
        found.deployments,
        found.failed_changes,
        found.change_failure_rate,
        lead,
        restore,
        found.failing_since is not None,
    ) == expected
    assert found.deployments_per_day == found.deployments / 10


def test_what_was_deployed_before_the_window_has_no_lead_time():
    """It is no first deployment, whatever the window shows."""
    assert of((50, OK, "f1", "a"), first={("prod", "f1"): at(-500)}).lead_time is None


SAMPLE = re.compile(r'^(drayage_[a-z_]+)\{project="((?:[^"\\\n]|\\["\\n])*)",stage="((?:[^"\\\n]|\\["\\n])*)"\} (\S+)$')
META = re.compile(r"^# (TYPE|UNIT|HELP) (drayage_[a-z_]+) (.+)$")


def test_openmetrics_text():
    """Families one after the other, each described once before its samples, units as suffixes, and an end."""
    odd = measured('p"\\\n', ["a", "b"], [Change("a", OK, "f1", "x", at(5))], FOUND, {("a", "f1"): at(5)}, 1.5)
    text = openmetrics(odd)
    assert text.endswith("\n# EOF\n")
    family, seen, samples = "", set(), 0
    for line in text.splitlines()[:-1]:
        if found := META.match(line):
            kind, name, said = found.groups()
            if kind == "TYPE":
                assert said == "gauge"
                assert name not in seen
                seen.add(family := name)
            assert name == family
            assert kind != "UNIT" or name.endswith(f"_{said}")
        else:
            name, project, _, value = SAMPLE.match(line).groups()
            assert (name, project) == (family, 'p\\"\\\\\\n')
            float(value)
            samples += 1
    assert 'drayage_lead_time_seconds{project="p\\"\\\\\\n",stage="a"} 300' in text
    assert 'drayage_lead_time_seconds{project="p\\"\\\\\\n",stage="b"}' not in text
    assert samples > 10
    assert openmetrics([]).endswith("# EOF\n")


def test_prometheus_reads_the_text():
    """The parser that Prometheus' own client has takes it, escapes and all, and finds the same numbers."""
    odd = measured('p"\\\n', ["a", "b"], [Change("a", OK, "f1", "x", at(5))], FOUND, {("a", "f1"): at(5)}, 1.5)
    families = {each.name: each for each in text_string_to_metric_families(openmetrics(odd))}
    assert {each.type for each in families.values()} == {"gauge"}
    lead = families["drayage_lead_time_seconds"]
    assert lead.unit == "seconds"
    assert [(each.labels, each.value) for each in lead.samples] == [({"project": 'p"\\\n', "stage": "a"}, 300.0)]
    assert len(families["drayage_window_seconds"].samples) == 2


async def test_more_than_is_looked_at(tmp_path):
    """Where more happened than is looked at, the time measured is shorter, rates are over that time, and it is said."""
    ledger = await Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    for minute in range(6):
        data = {"stage": "prod", "freight": "f1", "promotion": f"a{minute}"}
        await ledger.audit.record(AuditEvent("p", OK, f"Promotion/a{minute}", "ann", "m", at(minute * 1440), data))
    now = at(6 * 1440)
    [cut] = await read_measures(ledger, "p", ["prod"], at(-1440), now, limit=3)
    assert (cut.days, cut.deployments, cut.deployments_per_day) == (3.0, 3, 1.0)
    assert shortened([cut])[0].startswith("project 'p': only the last 3 days are measured")
    [whole] = await read_measures(ledger, "p", ["prod"], at(0), now, limit=6)
    assert (whole.days, whole.deployments, shortened([whole])) == (6.0, 6, [])
    await ledger.close()
