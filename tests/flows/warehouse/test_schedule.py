"""When Warehouses are looked at, and why."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from blocks.ledger.records import WarehouseStatus
from flows.warehouse.asking import Hint
from flows.warehouse.conditions import dated, ill, well
from flows.warehouse.hints import to_json
from flows.warehouse.occasion import Occasion, occasion
from flows.warehouse.schedule import due, due_at
from tests.flows.warehouse.looking import START, image, warehouse

MINUTE = timedelta(minutes=1)
TAG, BRANCH = Hint(tag="1.0.0"), Hint(branch="main")
WELL = dated(WarehouseStatus("acme", "main", 1, START), well(1), START)
UNREAD = dated(WELL, ill("DiscoveryFailed", "no"), START)
EMPTY = dated(WELL, ill("NoCommitsDiscovered", "none"), START)
LATER = START + timedelta(minutes=10)


@pytest.mark.parametrize("interval", [timedelta(minutes=5), timedelta(minutes=30)], ids=str)
def test_those_applied_together_spread(interval):
    """Looked at each minute when due, three hundred are soon spread over the interval, and none is ever late."""
    last, ticks = dict.fromkeys(map(str, range(300)), START), Counter()
    for tick in range(int(14 * interval / MINUTE)):
        now = START + tick * MINUTE
        for name, at in last.items():
            assert now - at <= interval
            if due_at(at, interval, name) <= now and tick:
                last[name] = now
                ticks[tick] += 1
    cycle = int(interval / MINUTE)
    final = [ticks[tick] for tick in sorted(ticks)[-cycle:]]
    assert sum(final) == pytest.approx(300, rel=0.02)
    assert max(final) < 3 * 300 / cycle + 5


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [("0s", 0), ("-5m", 0), ("10s", 10), ("1m", 60), ("2562047h", 2562047 * 3600)],
)
def test_odd_intervals(interval, seconds):
    """No interval at all, a short and a very long one are due in time, whatever the name."""
    definition = warehouse(image("ghcr.io/acme/app"), interval=interval)
    assert due(definition, WELL, START + timedelta(seconds=seconds))
    assert seconds == 0 or not due(definition, WELL, START + timedelta(seconds=seconds * 0.7))


def test_the_operators_minimum():
    """A shorter interval is lengthened to what the operator grants; what failed is tried again all the same."""
    definition, minimum = warehouse(image("ghcr.io/acme/app"), interval="10s"), timedelta(minutes=5)
    soon = START + timedelta(seconds=100)
    assert due(definition, WELL, soon)
    assert not due(definition, WELL, soon, minimum)
    assert due(definition, WELL, START + minimum, minimum)
    assert due(definition, UNREAD, soon, minimum)


def asked(status, *hints):
    """A status whose Warehouse was asked for."""
    refreshes = [
        {"token": str(n), "hint": to_json(hint)} if hint else {"token": str(n)} for n, hint in enumerate(hints)
    ]
    return replace(status, refresh_requested=str(len(hints)), refreshes=refreshes)


@pytest.mark.parametrize(
    ("status", "now", "expected"),
    [
        pytest.param(WELL, START, None, id="nothing"),
        pytest.param(WELL, LATER, Occasion(), id="due"),
        pytest.param(asked(WELL, None), START, Occasion(thorough=True), id="refresh"),
        pytest.param(asked(WELL, TAG, None), START, Occasion(thorough=True), id="refresh-subsumes"),
        pytest.param(replace(WELL, refresh_requested="7", refresh_handled="7"), START, None, id="nobody-asked-anew"),
        pytest.param(
            replace(WELL, refresh_requested="old"), START, Occasion(thorough=True), id="asked-before-hints-were-known"
        ),
        pytest.param(asked(WELL, TAG, BRANCH, TAG), START, Occasion((TAG, BRANCH), whole=False), id="hints"),
        pytest.param(asked(WELL, TAG), LATER, Occasion((TAG,)), id="hint-and-due"),
        pytest.param(asked(UNREAD, TAG), START, Occasion((TAG,)), id="hint-where-not-all-was-read"),
        pytest.param(asked(EMPTY, TAG), START, Occasion((TAG,), whole=False), id="hint-where-nothing-was-found"),
    ],
)
def test_occasions(status, now, expected):
    """Hints narrow a look; a person's refresh, the interval and what could not be read widen it."""
    assert occasion(warehouse(image("ghcr.io/acme/app")), replace(status, observed_generation=1), now) == expected


def test_who_waits_for_a_look_gets_all_of_it():
    """Also where it is not due and nothing was asked for in the ledger."""
    assert occasion(warehouse(image("ghcr.io/acme/app")), WELL, START, asked=True) == Occasion(thorough=True)


def test_a_changed_definition_is_looked_at_as_a_whole():
    """Whatever hints there are."""
    definition = warehouse(image("ghcr.io/acme/app"), generation=2)
    assert occasion(definition, asked(WELL, TAG), datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)) == Occasion((TAG,))
