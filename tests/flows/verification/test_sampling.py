"""Who asks the same at the same moment gets the same answer, and every credential keeps its limits."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from blocks.budget import Budgets, Pace
from blocks.errors import Invalid, RateLimited
from blocks.web import Web
from flows.verification.measuring import Measured
from flows.verification.model import Metric
from flows.verification.sampling import Sampling
from flows.verification.sharing import Sharing
from tests.flows.verification.contract import no_jobs
from tests.servers.recording import recording

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
VECTOR = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "0.25"]}]}}


class Verifications:
    """As many verifications as wanted, of one worker."""

    def __init__(self):
        self.budgets, self.sharing, self.now = Budgets(Pace()), Sharing(), NOON
        self.web = Web(allow_plain_http_credentials=True, budgets=self.budgets)
        self.secrets = {"login": {"token": "hush-token"}}

    def sampling(self, stage="test", project="shop", owners=None):
        """What one verification measures with."""

        async def read(shared):
            return {} if shared else self.secrets

        given = (self.web, self.budgets, self.sharing, lambda: self.now, read, no_jobs)
        return Sampling(project, stage, f"{stage}.1", *given, owners=owners or {})


@pytest.fixture
async def worker():
    """A worker."""
    opened = Verifications()
    yield opened
    await opened.web.aclose()


def metric(url, query="up", **fields):
    return Metric.model_validate({"name": "m", "provider": {"prometheus": {"address": url, "query": query}}} | fields)


async def test_the_same_is_asked_once(worker):
    """Fifty verifications of two projects that ask the same at once cost one request; another question is another."""
    with recording(lambda _: (200, {}, VECTOR)) as server:
        wanted = metric(server.url)
        samplings = [worker.sampling(f"s{number}", f"p{number % 2}") for number in range(50)]
        answers = await asyncio.gather(*(each.sample(wanted, 1, {}) for each in samplings))
        assert {answer.value for answer in answers} == {(0.25,)}
        assert len(server.asked) == 1
        await worker.sampling().sample(metric(server.url, "down"), 1, {})
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("later", "fields", "asked"),
    [
        pytest.param(0.9, {}, 1, id="within-the-moment"),
        pytest.param(1.0, {}, 2, id="a-moment-later"),
        pytest.param(0.3, {"interval": "500ms", "count": 2}, 2, id="never-a-measurement-of-its-own-again"),
    ],
)
async def test_a_moment(worker, later, fields, asked):
    """An answer is shared for a second, and never for a whole interval."""
    with recording(lambda _: (200, {}, VECTOR)) as server:
        wanted = metric(server.url, **fields)
        await worker.sampling().sample(wanted, 1, {})
        worker.now += timedelta(seconds=later)
        await worker.sampling("prod").sample(wanted, 1, {})
    assert len(server.asked) == asked


async def test_answers_are_let_go(worker):
    """What nobody may be given any more is not kept, for answers may be large."""
    for number in range(5):
        await worker.sharing.ask(number, NOON + timedelta(seconds=number), _large)
    assert len(worker.sharing._asked) == 1


async def _large():
    return Measured("x" * 1000)


async def test_failures_are_not_remembered(worker):
    """Whoever asks after a failure asks again."""
    answers = [(400, {}, {"status": "error", "error": "bad query"}), (200, {}, VECTOR)]
    with recording(lambda _: answers.pop(0)) as server:
        with pytest.raises(Invalid, match="bad query"):
            await worker.sampling().sample(metric(server.url), 1, {})
        assert (await worker.sampling().sample(metric(server.url), 2, {})).value == (0.25,)


async def test_peace_is_kept_by_all_of_one_credential(worker):
    """A server that wants peace from one credential gets it from all who use that, and serves others meanwhile."""

    def answer(asked):
        limited = asked.headers.get("authorization") == "Bearer hush-token"
        return (429, {"retry-after": "600"}, {}) if limited else (200, {}, VECTOR)

    owners = {"hush-token": "login"}
    headers = [{"key": "Authorization", "value": "Bearer hush-token"}]
    with recording(answer) as server:
        limited = {"prometheus": {"address": server.url, "query": "up", "headers": headers}}
        with pytest.raises(RateLimited):
            await worker.sampling(owners=owners).sample(metric("", provider=limited), 1, {})
        before = len(server.asked)
        limited["prometheus"]["query"] = "down"
        second = asyncio.create_task(worker.sampling("prod", owners=owners).sample(metric("", provider=limited), 1, {}))
        assert (await worker.sampling().sample(metric(server.url), 1, {})).value == (0.25,)
        done, _ = await asyncio.wait([second], timeout=0.3)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        assert len(server.asked) == before + 1
        assert not done or isinstance(second.exception(), RateLimited)
    assert {state.credential for state in worker.budgets.states(NOON)} == {"", "shop/login"}


async def test_secrets(worker):
    """A Secret that a provider reads is known from then on, so that nothing shows it; one that is missing is told."""
    sampling = worker.sampling()
    assert await sampling._secret("login") == {"token": "hush-token"}
    assert sampling.owners == {"hush-token": "login"}
    with pytest.raises(Invalid, match="there is no Secret 'other' in project 'shop'"):
        await sampling._secret("other")


async def test_a_python_function_is_never_shared(worker):
    """What may do more than ask is called for each."""
    calls = []
    globals()["counted"] = counted = lambda: calls.append(1) or 1.0
    counted.__drayage_metric__ = True
    wanted = metric("", provider={"python": {"function": f"{__name__}:counted"}})
    answers = await asyncio.gather(*(worker.sampling(str(n)).sample(wanted, 1, {}) for n in range(3)))
    assert answers == [Measured(1.0)] * 3
    assert len(calls) == 3
