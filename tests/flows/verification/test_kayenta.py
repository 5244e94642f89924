"""Kayenta, against a server that checks requests by its API and judges when it is told to."""

from datetime import timedelta

import pytest

from blocks.errors import BadAnswer, Invalid, NotFound, RateLimited, Unavailable
from flows.verification.kayenta import Kayenta, judge
from flows.verification.measuring import Measured, Underway
from tests.flows.verification.contract import NOON, ProviderContract, measured
from tests.servers.metrics.kayenta import ACCOUNTS, EXECUTION, RUNNING, KayentaServer, scored
from tests.servers.recording import recording

SINCE = {"canaryExecutionId": EXECUTION, "since": NOON.isoformat()}


def detail(pod, **more):
    """One side of a scope."""
    return {"scope": f"app=web and pod={pod}", "step": 60} | more


def settings(url, **more):
    """A manifest's settings."""
    scope = {"name": "default", "controlScope": detail("old"), "experimentScope": detail("new", region="us-west-2")}
    return (
        {"address": url, "application": "web", "canaryConfigName": "my-test", "scopes": [scope], "lookback": True}
        | {"threshold": {"pass": 90, "marginal": "75"}}
        | ACCOUNTS
        | more
    )


class TestKayenta(ProviderContract):
    """What all providers keep to, when an analysis is started."""

    provider = "kayenta"

    def settings(self, url):
        return settings(url)

    async def test_value(self):
        """An analysis is started, asked for until it is done, and judged by its score."""
        server = KayentaServer([RUNNING, scored(95.7)])
        with recording(server) as at:
            begun = await measured("kayenta", settings(at.url))
            assert begun == Underway(15.0, SINCE)
            going = await measured("kayenta", settings(at.url), metadata=begun.metadata)
            assert going == Underway(15.0, SINCE, "running")
            done = await measured("kayenta", settings(at.url), metadata=going.metadata)
        metadata = {"canaryExecutionId": EXECUTION}
        assert done == Measured(95, metadata, "Successful", "The score is 95, at least 90.")
        assert len(server.started) == 1


async def go_on(*states, **more):
    """Ask once for an analysis that was started."""
    with recording(KayentaServer(list(states))) as at:
        return await measured("kayenta", settings(at.url), **{"metadata": SINCE} | more)


async def test_a_stretch_without_length():
    """A metric that says nowhere for how long to look is told so, for Kayenta would judge nothing."""
    with pytest.raises(Invalid, match="needs an 'interval', 'lookback: true' or 'start'"):
        await measured("kayenta", settings("http://127.0.0.1:1", lookback=False))


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        (100, "Successful"),
        (90, "Successful"),
        (89, "Inconclusive"),
        (75, "Inconclusive"),
        (74, "Failed"),
        (0, "Failed"),
    ],
)
def test_thresholds(score, verdict):
    """Both thresholds belong to the better verdict."""
    assert judge(score, 90, 75)[0] == verdict


@pytest.mark.parametrize(
    ("more", "start", "end"),
    [
        pytest.param({"lookback": False}, NOON - timedelta(minutes=5), NOON, id="one-interval"),
        pytest.param({"lookback": True}, NOON - timedelta(hours=1), NOON, id="since-the-start"),
    ],
)
async def test_the_time_that_is_looked_at(more, start, end):
    """Without times of their own, scopes are looked at for one interval, or since the verification started."""
    server = KayentaServer([RUNNING])
    moments = {"interval": timedelta(minutes=5), "started_at": NOON - timedelta(hours=1)}
    with recording(server) as at:
        await measured("kayenta", settings(at.url, **more), **moments)
    pair = server.started[0]["scopes"]["default"]
    assert {(each["start"], each["end"]) for each in pair.values()} == {(start.isoformat(), end.isoformat())}
    assert [pair[side]["location"] for side in ("controlScope", "experimentScope")] == ["", "us-west-2"]
    assert server.started[0]["thresholds"] == {"pass": 90, "marginal": 75}


async def test_times_of_their_own():
    """Times that are written are kept."""
    times = {"start": "2025-01-01T00:00:00Z", "end": "2025-01-01T01:00:00Z"}
    scope = {"name": "d", "controlScope": detail("old", **times), "experimentScope": detail("new", **times)}
    server = KayentaServer([RUNNING])
    with recording(server) as at:
        await measured("kayenta", settings(at.url, scopes=[scope]))
    assert server.started[0]["scopes"]["d"]["controlScope"].items() >= times.items()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        pytest.param({"complete": True, "status": "terminal"}, "no score: terminal", id="no-result"),
        pytest.param({"complete": True, "exception": {"details": {}, "error": "no metrics"}}, "no metrics", id="why"),
        pytest.param(scored("NaN"), "no score", id="not-a-number"),
    ],
)
async def test_analyses_without_a_score(state, words):
    """An analysis that ends without a score is no verdict."""
    with pytest.raises(NotFound, match=words):
        await go_on(state)


async def test_a_canary_config_that_is_not_there():
    """The name of the canary config is looked for among those of the application."""
    with recording(KayentaServer()) as at, pytest.raises(NotFound, match="no canary config 'none' for 'web'"):
        await measured("kayenta", settings(at.url, canaryConfigName="none"))


async def test_failures_underway():
    """An analysis that goes on is not given up for one question that failed; for several in a row it is."""
    outage = (429, {"retry-after": "60"}, b"slower")
    going = await go_on(outage)
    assert isinstance(going, Underway)
    assert (going.seconds, going.metadata["failures"]) == (pytest.approx(60, abs=2), "1")
    assert (await go_on(RUNNING, metadata=going.metadata)).metadata == SINCE
    with pytest.raises(RateLimited):
        await go_on(outage, metadata=SINCE | {"failures": "4"})
    assert isinstance(await go_on((200, {}, b"<html>")), Underway)


async def test_an_analysis_that_is_lost():
    """An analysis is not asked for without end."""
    with pytest.raises(Unavailable, match="not done after 6:00:00"):
        await go_on(RUNNING, now=NOON + timedelta(hours=7))


async def test_a_start_without_an_id():
    """A start must give an id to ask for."""

    def answer(asked):
        return 200, {}, [{"id": "c", "name": "my-test"}] if asked.method == "GET" else {"canaryExecutionId": ""}

    with recording(answer) as at, pytest.raises(BadAnswer, match="without a canaryExecutionId"):
        await measured("kayenta", settings(at.url))


@pytest.mark.parametrize("field", ["start", "end"])
def test_times_of_one_side_alone(field):
    """Baseline and canary are looked at in times of their own, or both in ours."""
    scope = {"name": "d", "controlScope": detail("old", **{field: "{{args.t}}"}), "experimentScope": detail("new")}
    with pytest.raises(ValueError, match=f"'{field}' must be given in both"):
        Kayenta.model_validate(settings("http://k", scopes=[scope]))
