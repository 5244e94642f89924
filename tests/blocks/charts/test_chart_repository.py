"""Asking real servers for an index: at little cost, with the right credentials, with sentences for what fails."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from blocks import chart_repository
from blocks.chart_repository import ChartRepositories, Listing
from blocks.errors import BadAnswer, DrayageError, Invalid, NotFound, Refused, Terminal, Unauthorized, Unreachable
from blocks.http_client import Limits
from blocks.records import Credentials
from tests.servers.charts import always, index, tagged
from tests.servers.git_http import self_signed
from tests.servers.recording import recording

ANA = Credentials("ana-secret", "ana", "pa55word")
BASIC = "Basic YW5hOnBhNTV3b3Jk"
APP = index(app=["1.0.0", "1.1.0"], db=["0.1.0"])
FOUND = Listing(("1.0.0", "1.1.0"), '"1"')


def repositories(**more):
    """A client that gives up soon and sends passwords to this machine."""
    quick = Limits(timeout=1.0, attempts=1, max_bytes=1_000_000)
    return ChartRepositories(**{"allow_plain_http_credentials": True, "limits": quick, **more})


@pytest.fixture
async def charts():
    """A client that remembers nothing yet."""
    opened = repositories()
    yield opened
    await opened.aclose()


def conditions(server):
    """What each request made its answer depend on."""
    return [
        {name: asked.headers.get(name.lower()) for name in ("If-None-Match", "If-Modified-Since")}
        for asked in server.asked
    ]


async def test_an_unchanged_index_is_not_sent_again(charts):
    """The second question is answered by 304, for any chart; a change is seen at once."""
    with recording(tagged(APP)) as server:
        assert await charts.listing(server.url, "app") == FOUND
        assert await charts.listing(f"{server.url}/", "db") == Listing(("0.1.0",), '"1"')
        server.answer = tagged(index(app=["2.0.0"]), '"2"')
        assert await charts.listing(server.url, "app") == Listing(("2.0.0",), '"2"')
    assert [each["If-None-Match"] for each in conditions(server)] == [None, '"1"', '"1"']
    assert {asked.path for asked in server.asked} == {"/index.yaml"}


DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


async def test_a_server_with_dates_only(charts):
    """`Last-Modified` serves as well, within one process; there is nothing to keep beyond it."""
    with recording(always(200, APP, Last_Modified=DATE, Date="Wed, 21 Oct 2026 07:28:02 GMT")) as server:
        assert await charts.listing(server.url, "app") == Listing(FOUND.versions, "")
        server.answer = always(304)
        assert await charts.listing(server.url, "app") == Listing(FOUND.versions, "")
    assert [each["If-Modified-Since"] for each in conditions(server)] == [None, DATE]


@pytest.mark.parametrize("answered", [DATE, "yesterday", None], ids=["same-second", "garbage", "no-clock"])
async def test_a_date_that_may_stand_for_two_indexes(charts, answered):
    """An index that changed in the second it was read may have changed once more in it: its date says nothing."""
    with recording(always(200, APP, Last_Modified=DATE, **({"Date": answered} if answered else {}))) as server:
        for _ in range(2):
            await charts.listing(server.url, "app")
    assert [each["If-Modified-Since"] for each in conditions(server)] == [None, None]


async def test_a_server_without_either(charts):
    """The same bytes are not read again."""
    with recording(always(200, APP)) as server:
        first, second = [await charts.listing(server.url, "app") for _ in range(2)]
    assert first == second == Listing(FOUND.versions, "")
    assert first.versions is second.versions


@pytest.mark.parametrize("etag", ['"' + "x" * 600 + '"', '"caf\xe9"'], ids=["long", "not-ascii"])
async def test_an_etag_that_cannot_be_sent_back(charts, etag):
    """It counts as none."""
    with recording(always(200, APP, ETag=etag)) as server:
        for _ in range(2):
            assert await charts.listing(server.url, "app") == Listing(FOUND.versions, "")


async def test_a_new_process_need_not_download(charts):
    """Who was told before and remembers nothing gets what it was told, when the server says that it is still so."""
    with recording(tagged(APP)) as server:
        assert await charts.listing(server.url, "app", known=FOUND) == FOUND
        assert await charts.listing(server.url, "db") == Listing(("0.1.0",), '"1"')
        assert await charts.listing(server.url, "app", known=Listing(("0.9.0",), '"0"')) == FOUND
    assert [each["If-None-Match"] for each in conditions(server)] == ['"1"', None, '"1"']


async def test_an_unasked_304(charts):
    """A server that says so to who knows nothing makes no sense."""
    with recording(always(304)) as server, pytest.raises(BadAnswer, match="304 Not Modified though nothing"):
        await charts.listing(server.url, "app")


async def test_all_who_ask_at_once_share_one_request(charts):
    """Whatever chart they want; other credentials see it with their own eyes."""
    with recording(tagged(APP)) as server:
        wanted = [charts.listing(server.url, name) for name in ("app", "db") * 10]
        assert {each.etag for each in await asyncio.gather(*wanted)} == {'"1"'}
        assert len(server.asked) == 1
        await asyncio.gather(charts.listing(server.url, "app"), charts.listing(server.url, "app", ANA))
    assert [asked.headers.get("authorization") for asked in server.asked[1:]].count(BASIC) == 1


async def test_who_asks_thoroughly_gets_nothing_from_before(charts):
    """It takes no part in a request that had begun; those who ask so at the same time share the next."""
    go = threading.Event()

    def old(asked):
        go.wait(5)
        return always(200, index(app=["1.0.0"]))(asked)

    with recording(old) as server:
        early = asyncio.create_task(charts.listing(server.url, "app"))
        while not server.asked:
            await asyncio.sleep(0.01)
        server.answer = always(200, index(app=["2.0.0"]))
        late = [asyncio.create_task(charts.listing(server.url, "app", thorough=True)) for _ in range(5)]
        joined = asyncio.create_task(charts.listing(server.url, "app"))
        await asyncio.sleep(0.05)
        go.set()
        assert {each.versions for each in await asyncio.gather(*late)} == {("2.0.0",)}
        assert {each.versions for each in await asyncio.gather(early, joined)} == {("1.0.0",)}
    assert len(server.asked) == 2


async def test_who_gives_up_takes_nothing_from_others(charts):
    """The first who asked is cancelled; the second gets the answer of that request."""
    with recording(tagged(APP)) as server:
        first, second = [asyncio.create_task(charts.listing(server.url, name)) for name in ("app", "db")]
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).versions == ("0.1.0",)
    assert len(server.asked) == 1


async def test_memory_is_bounded(charts, monkeypatch):
    """Of more indexes than may be remembered the one used longest ago is downloaded again."""
    monkeypatch.setattr(chart_repository, "MAX_REMEMBERED", 12)
    with recording(tagged(APP)) as server:
        for path in ("a", "b", "a", "c", "a", "b"):
            await charts.listing(f"{server.url}/{path}", "app")
    sent = [(asked.path, asked.headers.get("if-none-match")) for asked in server.asked]
    assert [etag for path, etag in sent if path.startswith("/a")] == [None, '"1"', '"1"']
    assert [etag for path, etag in sent if path.startswith("/b")] == [None, None]


async def test_password(charts):
    """Credentials are sent at once; without them the sentence says which Secret would help."""

    def guarded(asked):
        return tagged(APP)(asked) if asked.headers.get("authorization") == BASIC else always(401)(asked)

    with recording(guarded) as server:
        assert await charts.listing(server.url, "app", ANA) == FOUND
        assert len(server.asked) == 1
        with pytest.raises(Unauthorized, match="answered 401, and no credentials are known for it: apply a Secret"):
            await charts.listing(server.url, "app")
        with pytest.raises(Unauthorized, match="answered 401 when given credentials 'other': check") as raised:
            await charts.listing(server.url, "app", Credentials("other", "ana", "s3cret"))
    assert "s3cret" not in str(raised.value)


async def test_plain_http():
    """Unless allowed, no password goes over plain http: what is public is listed, what is not is said to need https."""
    charts = repositories(allow_plain_http_credentials=False)
    with recording(tagged(APP)) as server:
        assert await charts.listing(server.url, "app", ANA) == FOUND
        server.answer = always(401)
        with pytest.raises(Refused, match="credentials 'ana-secret' are not sent to it over plain http"):
            await charts.listing(server.url, "app", ANA)
    assert [asked.headers.get("authorization") for asked in server.asked] == [None, None]
    await charts.aclose()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects(charts, status):
    """They are followed; on the same server with the password, to another never."""
    with recording(tagged(APP)) as other, recording(always(status, Location=f"{other.url}/x.yaml")) as server:
        assert await charts.listing(server.url, "app", ANA) == FOUND
        other.answer = always(403)
        with pytest.raises(Unauthorized, match=f"after a redirect to {other.url[7:]}, where its credentials are not"):
            await charts.listing(server.url, "app", ANA)
        server.answer = lambda asked: (
            always(status, Location="/moved")(asked) if "index" in asked.path else tagged(APP)(asked)
        )
        assert await charts.listing(server.url, "app", ANA) == FOUND
    assert [asked.headers.get("authorization") for asked in other.asked] == [None, None]
    assert [asked.headers.get("authorization") for asked in server.asked] == [BASIC] * 4


async def test_signed_addresses(charts):
    """A query is sent as it is and appears in no sentence."""
    with recording(always(404)) as server, pytest.raises(NotFound) as raised:
        await charts.listing(f"{server.url}/charts?sv=1&sig=a%2Bb%3D", "app")
    assert server.asked[0].path == "/charts/index.yaml?sv=1&sig=a%2Bb%3D"
    assert (
        str(raised.value)
        == f"{server.url}/charts/index.yaml answered 404: check the repoURL, below which index.yaml must lie"
    )


async def test_tls(charts, tmp_path):
    """A certificate nobody trusts is named; who says so is not asked for one, and who does not gets nothing of that."""
    with recording(tagged(APP), tls=self_signed(tmp_path)) as server:
        with pytest.raises(Refused, match=r"not trusted \(self.signed certificate\).*insecureSkipTLSVerify"):
            await charts.listing(server.url, "app", ANA)
        assert server.asked == []
        assert await charts.listing(server.url, "app", ANA, insecure=True) == FOUND
        with pytest.raises(Refused):
            await charts.listing(server.url, "app", ANA)


def slow(asked):
    """Answer too late."""
    time.sleep(1.5)
    return always(200, APP)(asked)


def looped(asked):
    """Lead nowhere."""
    return always(302, Location="/again")(asked)


FAULTS = [
    pytest.param(always(404), NotFound, "answered 404: check the repoURL", id="404"),
    pytest.param(always(403), Unauthorized, "answered 403, and no credentials", id="403"),
    pytest.param(always(410), Terminal, "answered 410 Gone", id="410"),
    pytest.param(always(500), DrayageError, "answered 500", id="500"),
    pytest.param(always(429), DrayageError, "too many requests", id="429"),
    pytest.param(always(200, b"<html>"), BadAnswer, "no index of a chart repository: it is a web page", id="html"),
    pytest.param(always(200, b"x" * 2_000_000), BadAnswer, "more than 1000000 bytes", id="over-large"),
    pytest.param(slow, Unreachable, "gave no answer within 1 s", id="slow"),
    pytest.param(looped, Unreachable, "redirects", id="redirects"),
]


@pytest.mark.parametrize(("answer", "kind", "sentence"), FAULTS)
async def test_faults(charts, answer, kind, sentence):
    """Each is said in a sentence with the address; the next question is answered."""
    with recording(answer) as server:
        with pytest.raises(kind, match=sentence) as raised:
            await charts.listing(server.url, "app")
        assert server.url in str(raised.value)
        server.answer = tagged(APP)
        assert await charts.listing(server.url, "app") == FOUND


async def test_nobody_there(charts):
    """A port nobody listens on."""
    with recording(always(200)) as server:
        pass
    with pytest.raises(Unreachable, match=server.url):
        await charts.listing(server.url, "app")


async def test_a_chart_that_is_not_there(charts):
    """It is said with what may be meant; that costs a download once only."""
    with recording(tagged(APP)) as server:
        for _ in range(2):
            with pytest.raises(NotFound, match="has no chart 'ap', it has 'app'"):
                await charts.listing(server.url, "ap")
    assert [each["If-None-Match"] for each in conditions(server)] == [None, '"1"']


async def test_no_url(charts):
    """What cannot be asked is said before anything is sent."""
    with pytest.raises(Invalid):
        await charts.listing("oci://ghcr.io/acme/app", "app")


LARGE = """
import asyncio, re, sys, time
from pathlib import Path
from blocks.chart_repository import ChartRepositories

def peak():
    return int(re.search("VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

async def main():
    charts, gaps = ChartRepositories(), [0.0]

    async def watch():
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            gaps.append(time.monotonic() - before)

    watching, used, began = asyncio.create_task(watch()), peak(), time.monotonic()
    listing = await charts.listing(sys.argv[1], "app")
    took = time.monotonic() - began
    await asyncio.sleep(0.05)
    watching.cancel()
    await charts.aclose()
    print(len(listing.versions), peak() - used, max(gaps) / took)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the most memory a process had is read from /proc")
async def test_a_large_index():
    """20,000 versions in 20 MB: memory is a few times that at most, and everything else goes on meanwhile."""
    entry = "  - version: 1.0.{}\n" + "    key: value\n" * 30 + "    description: |\n      " + "word " * 120 + "\n"
    body = b"entries:\n  app:\n" + "".join(entry.format(n) for n in range(20_000)).encode()
    with recording(always(200, body)) as server:
        command = [sys.executable, "-c", LARGE, server.url]
        done = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True, timeout=60)
    count, mebibytes, longest_pause = map(float, done.stdout.split())
    assert len(body) > 20_000_000
    assert count == 20_000
    assert mebibytes < 5 * len(body) / 2**20
    assert longest_pause < 0.5
