"""Availability explains itself: each sentence says what would change it."""

from datetime import UTC, datetime, timedelta

import pytest

from blocks.ledger.records import FreightRecord, Standing, Verified
from flows.stage.availability import Available, Unavailable, available
from flows.stage.model import StageSpec

NOON = datetime(2025, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _spec(**sources):
    return StageSpec.model_validate({"requestedFreight": [{"origin": {"name": "main"}, "sources": sources}]})


def _freight(project="demo", origin="main"):
    return FreightRecord(project, "0" * 40, "f1", origin, {}, NOON, NOON)


@pytest.mark.parametrize(
    ("sources", "standing", "expected"),
    [
        pytest.param(
            {"direct": True}, Standing(), Available("'prod' takes f1 straight from Warehouse 'main'"), id="direct"
        ),
        pytest.param(
            {"stages": ["test"]},
            Standing(approved_for={"prod": NOON}),
            Available("f1 is approved for 'prod'"),
            id="approved",
        ),
        pytest.param(
            {"stages": ["test"]},
            Standing(verified_in={"test": Verified(NOON)}),
            Available("f1 is verified in 'test'"),
            id="verified",
        ),
        pytest.param(
            {"stages": ["test", "uat"], "availabilityStrategy": "All"},
            Standing(verified_in={"test": Verified(NOON), "uat": Verified(NOON)}),
            Available("f1 is verified in 'test' and 'uat'"),
            id="verified-in-all",
        ),
        pytest.param(
            {"stages": ["test", "uat"]},
            Standing(),
            Unavailable("f1 is not yet verified in 'test' or 'uat'"),
            id="unverified",
        ),
        pytest.param(
            {"stages": ["a", "b", "c"]},
            Standing(),
            Unavailable("f1 is not yet verified in 'a', 'b' or 'c'"),
            id="unverified-in-three",
        ),
        pytest.param(
            {"stages": ["test"], "requiredSoakTime": "1h"},
            Standing(verified_in={"test": Verified(NOON)}, currently_in={"test": NOON}),
            Unavailable("f1 soaks in 'test' until 13:00 UTC", until=NOON + HOUR),
            id="soaking",
        ),
        pytest.param(
            {"stages": ["test"], "requiredSoakTime": "24h"},
            Standing(verified_in={"test": Verified(NOON)}, currently_in={"test": NOON + timedelta(seconds=5)}),
            Unavailable(
                "f1 soaks in 'test' until 2025-07-02 12:00:05 UTC", until=NOON + timedelta(hours=24, seconds=5)
            ),
            id="soaking-until-another-day",
        ),
        pytest.param(
            {"stages": ["slow", "fast"], "requiredSoakTime": "1h"},
            Standing(
                verified_in={"slow": Verified(NOON), "fast": Verified(NOON)},
                currently_in={"slow": NOON, "fast": NOON - HOUR / 2},
            ),
            Unavailable("f1 soaks in 'fast' until 12:30 UTC", until=NOON + HOUR / 2),
            id="soonest-of-two",
        ),
        pytest.param(
            {"stages": ["test"], "requiredSoakTime": "1h"},
            Standing(verified_in={"test": Verified(NOON, HOUR / 2)}),
            Unavailable(
                "f1 left 'test' after 30m0s of the 1h0m0s it must stay; promote it to 'test' again or approve it"
            ),
            id="left-too-early",
        ),
        pytest.param(
            {"stages": ["a", "b"], "availabilityStrategy": "All", "requiredSoakTime": "1h"},
            Standing(verified_in={"a": Verified(NOON)}, currently_in={"a": NOON}),
            Unavailable("f1 soaks in 'a' until 13:00 UTC, and f1 is not yet verified in 'b'"),
            id="all-waits-for-both",
        ),
        pytest.param(
            {"stages": ["a", "b"], "availabilityStrategy": "All", "requiredSoakTime": "1h"},
            Standing(verified_in={"a": Verified(NOON), "b": Verified(NOON, 2 * HOUR)}, currently_in={"a": NOON}),
            Unavailable("f1 soaks in 'a' until 13:00 UTC", until=NOON + HOUR),
            id="all-waits-for-time-alone",
        ),
    ],
)
def test_available(sources, standing, expected):
    """What opens the door is named, and what is missing, with the instant when time alone supplies it."""
    assert expected == available("demo", "prod", _spec(**sources), _freight(), standing, NOON)


@pytest.mark.parametrize(
    ("freight", "sentence"),
    [
        (
            _freight(origin="infra"),
            "f1 comes from Warehouse 'infra'; Stage 'prod' takes Freight from Warehouse 'main'",
        ),
        (_freight(project="other"), "f1 belongs to project 'other'; Stage 'prod' is in 'demo'"),
    ],
    ids=["origin", "project"],
)
def test_approval_opens_no_foreign_origin(freight, sentence):
    """Freight of an origin or project the Stage did not ask for stays out, approved or not."""
    standing = Standing(approved_for={"prod": NOON})
    assert available("demo", "prod", _spec(direct=True), freight, standing, NOON) == Unavailable(sentence)
