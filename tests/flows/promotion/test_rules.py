"""What attempts mean, in tables: the pure rules of the engine."""

from datetime import timedelta

import pytest

from blocks.errors import Invalid, RateLimited, Terminal, Unreachable
from blocks.ledger.records import Phase, StepRun, StepStatus
from flows.promotion import rules
from flows.promotion.result import Failed, Skipped, Succeeded, Waiting
from flows.promotion.rules import Attempted, Limits
from tests.flows.promotion.workspace import START

RUN = StepRun(0, "bump", "yaml-update", attempts=1, started_at=START)
MINUTE = timedelta(minutes=1)


def _raised(error):
    try:
        raise error
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    ("answer", "status", "error", "terminal"),
    [
        pytest.param(Succeeded(), StepStatus.SUCCEEDED, False, False, id="succeeded"),
        pytest.param(Skipped("nothing to do"), StepStatus.SKIPPED, False, False, id="skipped"),
        pytest.param(Waiting("not yet"), StepStatus.RUNNING, False, False, id="waiting"),
        pytest.param(Failed("no"), StepStatus.FAILED, True, True, id="failed"),
        pytest.param(Failed("not yet", terminal=False), StepStatus.FAILED, False, False, id="failed-without-error"),
        pytest.param(Terminal("never"), StepStatus.ERRORED, True, True, id="terminal"),
        pytest.param(Unreachable("down"), StepStatus.ERRORED, True, False, id="retryable"),
        pytest.param(OSError(28, "No space left on device"), StepStatus.ERRORED, True, False, id="system"),
        pytest.param(KeyError("token"), StepStatus.ERRORED, True, True, id="panic"),
        pytest.param("Weird", StepStatus.ERRORED, True, True, id="no-result"),
    ],
)
def test_an_answer_is_read(answer, status, error, terminal):
    """Results and exceptions become a status, and say whether they are errors and final ones."""
    read = rules.attempted(_raised(answer) if isinstance(answer, BaseException) else answer)
    assert (read.status, read.error, read.terminal) == (status, error, terminal)


@pytest.mark.parametrize(
    "error", [KeyError("s3cret"), ValueError("s3cret"), OSError(2, "No such file", "/home/s3cret/values.yaml")]
)
def test_an_unexpected_error_tells_no_value(error):
    """The text of an exception nobody worded stays out of the message."""
    message = rules.attempted(_raised(error)).message
    assert "s3cret" not in message
    assert type(error).__name__ in message or "values.yaml" in message


@pytest.mark.parametrize(
    ("step", "default", "expected"),
    [
        pytest.param({}, None, Limits(None, 1), id="none"),
        pytest.param({}, 300.0, Limits(timedelta(minutes=5), 1), id="of-the-kind"),
        pytest.param({"retry": {"timeout": "90s", "errorThreshold": 3}}, 300.0, Limits(MINUTE * 1.5, 3), id="given"),
        pytest.param({"retry": {"timeout": "0s"}}, 300.0, Limits(None, 1), id="zero-is-none"),
        pytest.param({"retry": {"timeout": "-1s", "errorThreshold": 0}}, None, Limits(None, 1), id="negative-is-none"),
    ],
)
def test_limits(step, default, expected):
    """A step's own limits come before its kind's."""
    assert rules.limits(step, default) == expected


def test_limits_that_cannot_be_read():
    """A timeout that is no duration is refused."""
    with pytest.raises(Invalid):
        rules.limits({"retry": {"timeout": "soon"}}, None)


ERROR = Attempted(StepStatus.ERRORED, "down", error=True)
WAITING = Attempted(StepStatus.RUNNING, "not yet")


@pytest.mark.parametrize(
    ("attempt", "limits", "after", "status", "finished", "message"),
    [
        pytest.param(ERROR, Limits(), 0, StepStatus.ERRORED, True, "down", id="first-error-ends"),
        pytest.param(ERROR, Limits(error_threshold=2), 0, StepStatus.ERRORED, False, "down", id="one-of-two"),
        pytest.param(WAITING, Limits(MINUTE), 60, StepStatus.RUNNING, False, "not yet", id="at-the-deadline"),
        pytest.param(
            WAITING,
            Limits(MINUTE),
            61,
            StepStatus.ERRORED,
            True,
            "step 'bump' was not done within 1m0s; last: not yet",
            id="after-the-deadline",
        ),
        pytest.param(
            ERROR,
            Limits(MINUTE, 9),
            61,
            StepStatus.ERRORED,
            True,
            "step 'bump' was not done within 1m0s; last: down",
            id="error-after-the-deadline",
        ),
    ],
)
def test_an_attempt_is_settled(attempt, limits, after, status, finished, message):
    """An attempt leaves the step finished or to be attempted again."""
    run = rules.settled(RUN, attempt, limits, START + timedelta(seconds=after))
    assert (run.status, run.finished_at is not None, run.message) == (status, finished, message)


def test_outputs_of_an_earlier_attempt_are_kept():
    """An attempt that puts nothing out leaves what the one before put out, for the next to attach to."""
    waiting = rules.settled(RUN, Attempted(StepStatus.RUNNING, outputs={"pr": 7}), Limits(), START)
    assert rules.settled(waiting, ERROR, Limits(error_threshold=2), START).output == {"pr": 7}


@pytest.mark.parametrize(
    ("attempt", "errors", "deadline", "chance", "expected"),
    [
        pytest.param(Attempted(StepStatus.RUNNING, again_in=7.0), 0, None, 0.9, 7.0, id="as-the-step-wishes"),
        pytest.param(Attempted(StepStatus.RUNNING, again_in=0.0), 0, None, 0.9, 0.1, id="never-at-once"),
        pytest.param(Attempted(StepStatus.RUNNING, again_in=90.0), 0, MINUTE, 0.9, 60.0, id="until-the-deadline"),
        pytest.param(ERROR, 1, None, 0.0, 1.0, id="first-error"),
        pytest.param(ERROR, 3, None, 0.0, 4.0, id="third-error"),
        pytest.param(ERROR, 3, None, 1.0, 8.0, id="third-error-other-chance"),
        pytest.param(ERROR, 5000, None, 1.0, 300.0, id="bounded"),
    ],
)
def test_pause(attempt, errors, deadline, chance, expected):
    """Between attempts goes what the step wishes, or twice as long after each error."""
    run = StepRun(0, "bump", "http", error_count=errors, started_at=START)
    assert rules.pause(run, attempt, Limits(deadline), START, chance) == expected


@pytest.mark.parametrize(("errors", "expected"), [(1, 30.0), (2, 60.0), (9, 300.0)])
def test_own_backoff(errors, expected):
    """`retry.backoff` is the first pause; with full chance it is not shortened."""
    run, error = StepRun(0, "bump", "http", error_count=errors), rules.attempted(Unreachable("down"))
    given = rules.limits({"retry": {"backoff": "30s"}}, None)
    assert rules.pause(run, error, given, START, 1.0) == expected
    longer = rules.limits({"retry": {"backoff": "1h"}}, None)
    assert rules.pause(run, error, longer, START, 1.0) == 3600.0


def test_pause_honours_retry_after():
    """Who says when to come back is not asked earlier, within reason."""
    run = StepRun(0, "bump", "http", error_count=1)
    for asked, expected in ((40.0, 40.0), (9000.0, 300.0)):
        attempt = rules.attempted(RateLimited("slower", asked))
        assert rules.pause(run, attempt, Limits(), START, 0.0) == expected


def _run(index, status, tolerated=False, message=""):
    finished = START if status is not StepStatus.RUNNING else None
    return StepRun(
        index, f"s{index}", "x", status, finished_at=finished, continue_on_error=tolerated, message=message or status
    )


@pytest.mark.parametrize(
    ("runs", "steps", "expected"),
    [
        pytest.param([], 0, (Phase.SUCCEEDED, ""), id="no-steps"),
        pytest.param([_run(0, StepStatus.SUCCEEDED)], 2, (Phase.RUNNING, ""), id="some-to-come"),
        pytest.param([_run(0, StepStatus.RUNNING, message="waits")], 1, (Phase.RUNNING, "waits"), id="waiting"),
        pytest.param([_run(0, StepStatus.SKIPPED)], 1, (Phase.SUCCEEDED, ""), id="skipped"),
        pytest.param(
            [_run(0, StepStatus.FAILED, message="first"), _run(1, StepStatus.FAILED, message="second")],
            2,
            (Phase.FAILED, "first"),
            id="first-of-equals-speaks",
        ),
        pytest.param(
            [_run(0, StepStatus.FAILED), _run(1, StepStatus.ERRORED, message="boom")],
            2,
            (Phase.ERRORED, "boom"),
            id="worst-speaks",
        ),
        pytest.param([_run(0, StepStatus.ERRORED, tolerated=True)], 1, (Phase.SUCCEEDED, ""), id="tolerated"),
    ],
)
def test_verdict(runs, steps, expected):
    """The worst step that counts decides the phase and speaks for the promotion."""
    assert rules.verdict(runs, steps) == expected
