"""Streams that hang, fall silent, end at once or are many: what is known stays current all the same."""

import asyncio
from collections import deque
from time import monotonic

import pytest

from blocks.applications import asking, feed
from blocks.applications.feed import Feed, Pace, Seen
from blocks.argocd import PAGE, ArgoCD
from deployments.sandbox import kubernetes_watch
from deployments.sandbox.faults import Fault
from tests.blocks.applications.conftest import TOKEN, create
from tests.blocks.applications.test_feed import feed_of, relabel, told


@pytest.fixture
async def watching(argocd):
    """A feed over each way."""
    made = feed_of(argocd)
    yield made
    await made.close()


async def until(right):
    """Wait until something is so."""
    async with asyncio.timeout(20):
        while not right():
            await asyncio.sleep(0.01)


async def test_a_stream_that_never_begins(sandbox, watching, monkeypatch):
    """A proxy that keeps the stream to itself leaves listing, which tells of changes."""
    monkeypatch.setattr(asking, "OPENING", 0.2)
    sandbox.faults.add(Fault(match="/api/v1/stream", kind="delay", seconds=1))
    sandbox.faults.add(Fault(query="watch=true", kind="delay", seconds=1))
    create(sandbox, "web")
    assert await watching.listed(20)
    mark = watching.mark()
    relabel(sandbox, team="core")
    await told(watching, mark, "argocd/web")
    await until(lambda: "no stream began within" in watching.problem)
    assert watching.connects == 0


async def test_a_stream_that_falls_silent(sandbox, watching, monkeypatch):
    """A stream on which nothing comes is taken for dead and opened again; what happens then is told."""
    monkeypatch.setattr(asking, "SILENCE", 0.2)
    create(sandbox, "web")
    await watching.listed(20)
    await until(lambda: watching.connects > 1)
    assert "nothing came for" in watching.problem or watching.is_current
    mark = watching.mark()
    relabel(sandbox, team="core")
    await told(watching, mark, "argocd/web")


async def test_bookmarks_spare_the_list(sandbox, monkeypatch):
    """Where other namespaces make the history short, a quiet watch goes on from its bookmark without listing."""
    monkeypatch.setattr(kubernetes_watch, "BOOKMARK", 0.05)
    monkeypatch.setattr(feed, "TURN", 0.3)
    connected = ArgoCD.from_token(sandbox.url, TOKEN)
    create(sandbox, "web")
    watching = feed_of(connected)
    await watching.listed(20)
    listed = watching._listed_at
    store = sandbox.world.applications
    for number in range(3):
        create(sandbox, f"web-{number}", namespace="elsewhere")
    await until(lambda: all(item.get("status", {}).get("reconciledAt") for item in store.items()))
    await until(lambda: watching._version == str(store.version))
    store.oldest, store._changes = store.version, deque()
    connects = watching.connects
    await until(lambda: watching.connects > connects + 1)
    assert watching._listed_at == listed
    await watching.close()
    await connected.close()


async def test_many_namespaces_starve_no_request(sandbox, monkeypatch):
    """Each namespace has its watch, on connections of their own."""
    monkeypatch.setattr(asking, "MOST_CONNECTIONS", 2)
    connected = ArgoCD.from_token(sandbox.url, TOKEN)
    create(sandbox, "web")
    feeds = [connected.feed(f"team-{number}") for number in range(6)]
    for each in feeds:
        each.mark()
    await until(lambda: all(each.connects for each in feeds))
    async with asyncio.timeout(10):
        assert await connected.get("argocd", "web")
    await connected.close()


async def test_a_list_that_changes_while_it_is_read(sandbox):
    """When the server forgets where a list in pages was, it is read anew, for a step and for a watch."""
    connected = ArgoCD.from_token(sandbox.url, TOKEN)
    for number in range(PAGE + 5):
        create(sandbox, f"web-{number:03}")
    sandbox.faults.add(Fault(query="continue=", kind="status", status=410, times=1))
    assert len(await connected.list("argocd")) == PAGE + 5
    sandbox.faults.add(Fault(query="continue=", kind="status", status=410, times=1))
    watching = feed_of(connected)
    await until(lambda: watching.mark() >= PAGE + 5 and watching.is_current)
    assert len(watching.known) == PAGE + 5
    await watching.close()
    await connected.close()


class Cut:
    """A server before which a proxy ends each stream as soon as it has begun."""

    resumes = False

    def __init__(self):
        self.lists = 0

    async def pages(self, scope):
        self.lists += 1
        yield [], "1"

    async def watch(self, scope, version):
        yield Seen("OPENED")


async def test_streams_that_end_at_once():
    """They make lists rarer, not one list after the other."""
    cut, began = Cut(), monotonic()
    watching = Feed(cut, "", Pace(first=0.05, poll=0.4, longest=0.4))
    watching.mark()
    await until(lambda: cut.lists >= 5)
    assert monotonic() - began > 0.5 * (0.05 + 0.1 + 0.2 + 0.4)
    await watching.close()
