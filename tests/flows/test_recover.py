"""What the sweep does about open promotions and verifications, by what the ledger and Prefect say of them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import (
    AwaitingRetry,
    Cancelled,
    Cancelling,
    Completed,
    Crashed,
    Failed,
    Paused,
    Pending,
    Running,
    Scheduled,
    Suspended,
)

from blocks.ledger.records import Phase, PromotionRecord, VerificationRecord
from flows.recover import MOST_STARTS, judge, judge_lost, judge_soaking, lost, soaks

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
LEASE = timedelta(seconds=30)
DEPLOYMENT = uuid4()


def ago(seconds: float) -> datetime:
    """A moment before now."""
    return NOW - timedelta(seconds=seconds)


def promotion(phase: Phase = Phase.PENDING, created: float = 3600, lease: float | None = None) -> PromotionRecord:
    """An open promotion; `lease` seconds from now."""
    until = None if lease is None else ago(-lease)
    return PromotionRecord(
        "p", "test.1", "test", "f", "w", "user:ann", ago(created), phase=phase, lease_until=until, flow_run_id="r"
    )


def run(state=None, since: float = 3600, starts: int = 1, deployment=DEPLOYMENT) -> FlowRun:
    """A flow run whose state has lasted `since` seconds; a script's has no deployment."""
    told = state.model_copy(update={"timestamp": ago(since)}) if state else None
    return FlowRun(flow_id=uuid4(), state=told, run_count=starts, deployment_id=deployment)


PENDING, RUNNING = Phase.PENDING, Phase.RUNNING


@pytest.mark.parametrize(
    ("record", "of", "what"),
    [
        pytest.param(promotion(created=11), None, "start", id="no run, not new"),
        pytest.param(promotion(created=9), None, "leave", id="no run, its maker may be about to start it"),
        pytest.param(promotion(created=11), run(None), "start", id="a run without a state"),
        pytest.param(promotion(), run(Scheduled(), 3600), "leave", id="waiting for its turn, however long"),
        pytest.param(promotion(RUNNING), run(AwaitingRetry()), "leave", id="handed over, waiting for a worker"),
        pytest.param(promotion(), run(Suspended()), "leave", id="waiting for people"),
        pytest.param(promotion(), run(Paused()), "leave", id="paused"),
        pytest.param(promotion(), run(Pending(), 29), "leave", id="just taken by a worker"),
        pytest.param(promotion(), run(Pending(), 31), "resume", id="taken by a worker that died"),
        pytest.param(promotion(), run(Running(), 29), "leave", id="running, about to be started"),
        pytest.param(promotion(), run(Running(), 31), "resume", id="running, killed before it was started"),
        pytest.param(promotion(RUNNING, lease=1), run(Running()), "leave", id="at work"),
        pytest.param(promotion(RUNNING, lease=-1), run(Running()), "resume", id="killed at work"),
        pytest.param(promotion(RUNNING, lease=-1), run(Running(), 29), "leave", id="taken up again, about to claim"),
        pytest.param(promotion(RUNNING), run(Running()), "resume", id="handed over, but Prefect was not told"),
        pytest.param(promotion(RUNNING), run(Crashed(), 0), "resume", id="crashed"),
        pytest.param(promotion(), run(Crashed(), 0), "resume", id="crashed before it was started"),
        pytest.param(promotion(RUNNING, lease=-1), run(Running(), deployment=None), "replace", id="a killed script"),
        pytest.param(promotion(RUNNING, lease=1), run(Running(), deployment=None), "leave", id="a script at work"),
        pytest.param(promotion(), run(Crashed(), 0, deployment=None), "replace", id="a crashed script"),
        pytest.param(promotion(), run(Crashed(), 0, MOST_STARTS), "fail", id="crashed again and again"),
        pytest.param(promotion(), run(Failed(), 0), "fail", id="failed"),
        pytest.param(promotion(RUNNING, lease=1), run(Completed(), 0), "fail", id="completed, the promotion open"),
        pytest.param(promotion(), run(Cancelled(), 11), "abort", id="cancelled while it waited"),
        pytest.param(promotion(RUNNING, lease=20), run(Cancelled(), 9), "leave", id="cancelled just now"),
        pytest.param(promotion(RUNNING, lease=-1), run(Cancelling(), 11), "abort", id="cancelled, its worker dead"),
        pytest.param(promotion(RUNNING, lease=20), run(Cancelling(), 9), "leave", id="being cancelled"),
    ],
)
def test_an_open_promotion(record, of, what):
    """Nothing alive is touched, everything dead goes on, and every decision but to leave it has its sentence."""
    verdict = judge(record, of, NOW, LEASE)

    assert verdict.what == what
    assert bool(verdict.sentence) == (what != "leave")


def test_the_sentence_of_a_failure_is_the_runs():
    """People read why in the promotion, without opening Prefect."""
    assert judge(promotion(), run(Failed(message="no such image")), NOW, LEASE).sentence == "no such image"
    assert judge(promotion(), run(Failed(message="")), NOW, LEASE).sentence == "its run failed"


@pytest.mark.parametrize(
    ("started", "lease", "expected"),
    [
        pytest.param(29, None, False, id="made, about to be claimed"),
        pytest.param(31, None, True, id="made and never claimed"),
        pytest.param(3600, 1, False, id="at work"),
        pytest.param(3600, 0, False, id="at its very last moment"),
        pytest.param(3600, -1, True, id="killed"),
    ],
)
def test_an_open_verification(started, lease, expected):
    """It is lost when nobody claimed it in time, or the claim has lapsed."""
    until = None if lease is None else ago(-lease)
    record = VerificationRecord("p", "test", "v", {}, "test.1", "user:ann", ago(started), lease_until=until)

    assert lost(record, NOW, LEASE) is expected


@pytest.mark.parametrize(
    ("of", "what"),
    [
        pytest.param(None, "start", id="its run was deleted"),
        pytest.param(run(None), "start", id="its run has no state"),
        pytest.param(run(Running(), 31), "resume", id="its run hangs"),
        pytest.param(run(Running(), 29), "leave", id="its run was just taken up again"),
        pytest.param(run(Crashed(), 0), "resume", id="its run crashed"),
        pytest.param(run(Running(), 31, deployment=None), "replace", id="its script was killed"),
        pytest.param(run(Scheduled(), 3600), "leave", id="its run waits for a worker"),
        pytest.param(run(Pending(), 0), "leave", id="its run is about to begin"),
        pytest.param(run(Completed(), 0), "start", id="its run ended without it"),
        pytest.param(run(Failed(), 0), "start", id="its run failed"),
        pytest.param(run(Cancelled(), 0), "abort", id="its run was cancelled"),
        pytest.param(run(Cancelling(), 0), "abort", id="its run is cancelled, the worker dead"),
    ],
)
def test_a_lost_verification(of, what):
    """It goes on in its own run while that hangs, else in a new one, and ends when its run was cancelled."""
    verdict = judge_lost(of, NOW, LEASE)

    assert verdict.what == what
    assert bool(verdict.sentence) == (what != "leave")


@pytest.mark.parametrize(
    ("owner", "lease", "expected"),
    [
        pytest.param("", 3600, True, id="left its worker"),
        pytest.param("", -1, False, id="should have come back"),
        pytest.param("run/1", 3600, False, id="at work"),
        pytest.param("", None, False, id="just made"),
    ],
)
def test_a_verification_that_soaks(owner, lease, expected):
    """It belongs to nobody until its next measurement is due."""
    until = None if lease is None else ago(-lease)
    record = VerificationRecord("p", "t", "v", {}, "t.1", "user:ann", ago(9), owner=owner, lease_until=until)

    assert soaks(record, NOW) is expected


@pytest.mark.parametrize(
    ("of", "what"),
    [
        pytest.param(run(Scheduled(), 3600), "leave", id="its run waits for its time"),
        pytest.param(run(Running(), 3600), "leave", id="its run is about to leave"),
        pytest.param(run(Cancelled(), 0), "abort", id="a person cancelled its run"),
        pytest.param(run(Crashed(), 0), "resume", id="its run crashed as it came back"),
        pytest.param(None, "start", id="its run was deleted"),
    ],
)
def test_the_run_of_a_verification_that_soaks(of, what):
    """Nothing is done before its time, unless its run will never come back."""
    assert judge_soaking(of, NOW, LEASE).what == what
