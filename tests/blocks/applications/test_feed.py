"""One watch tells all who wait; it outlives restarts, lost history and servers that cannot stream."""

import asyncio
from collections import deque
from datetime import UTC, datetime

import pytest

from blocks.applications.feed import Feed, Pace
from blocks.applications.slim import slim, tells_more
from deployments.sandbox.faults import Fault
from tests.blocks.applications.conftest import create

QUICK = Pace(first=0.05, poll=0.2, longest=0.2)


def feed_of(argocd):
    """A feed that does not take its time, in place of the connection's own."""
    own = argocd.feed("argocd")
    return Feed(own._source, own._scope, QUICK)


@pytest.fixture
async def feed(argocd):
    """A feed over each way."""
    made = feed_of(argocd)
    yield made
    await made.close()


def relabel(sandbox, name="web", **labels):
    """Change an Application's labels, as somebody else would."""
    store = sandbox.world.applications
    old = store.get("argocd", name)
    metadata = {key: value for key, value in old["metadata"].items() if key != "resourceVersion"}
    store.replace("argocd", name, old | {"metadata": metadata | {"labels": labels}})


async def told(feed, mark, *names):
    """Wait to be told that one of the Applications changed."""
    async with asyncio.timeout(20):
        await feed.changed(mark, lambda name, labels: name in names)


async def test_changes_are_told(sandbox, feed):
    """A change, a new Application and a deletion each wake who waits for it, and nobody else."""
    create(sandbox, "web")
    assert await feed.listed(20)
    other = asyncio.ensure_future(feed.changed(feed.mark(), lambda name, labels: name == "argocd/nobody"))
    mark = feed.mark()
    relabel(sandbox, team="core")
    await told(feed, mark, "argocd/web")
    mark = feed.mark()
    create(sandbox, "api")
    await told(feed, mark, "argocd/api")
    mark = feed.mark()
    sandbox.world.applications.delete("argocd", "api", datetime.now(UTC))
    await told(feed, mark, "argocd/api")
    assert "argocd/api" not in feed.known
    assert not other.done()
    other.cancel()


async def test_nothing_is_missed_between_look_and_wait(sandbox, feed):
    """A change after the mark and before the wait counts."""
    create(sandbox, "web")
    await feed.listed(20)
    mark = feed.mark()
    relabel(sandbox, team="core")
    async with asyncio.timeout(20):
        while feed.known.get("argocd/web", {}).get("metadata", {}).get("labels") != {"team": "core"}:
            await asyncio.sleep(0.01)
    await told(feed, mark, "argocd/web")


async def test_labels_tell_who_is_meant(sandbox, feed):
    """Who waits by labels is told of what comes to have them, and of what has them no more."""
    create(sandbox, "web", team="core")
    await feed.listed(20)
    async with asyncio.timeout(20):
        gone = asyncio.ensure_future(feed.changed(feed.mark(), lambda name, labels: labels.get("team") == "core"))
        await asyncio.sleep(0)
        relabel(sandbox, team="data")
        await gone


async def test_a_lost_history_is_listed_anew(sandbox, feed):
    """When the server has forgotten where a stream ended, all is listed, and what was missed is told."""
    create(sandbox, "web")
    await feed.listed(20)
    mark, connects = feed.mark(), feed.connects
    store = sandbox.world.applications
    await feed.close()
    relabel(sandbox, team="core")
    store.oldest, store._changes = store.version, deque()
    await told(feed, mark, "argocd/web")
    assert feed.known["argocd/web"]["metadata"]["labels"] == {"team": "core"}
    async with asyncio.timeout(20):
        while feed.connects == connects:
            await asyncio.sleep(0.01)


async def test_polling_where_streams_do_not_work(sandbox, feed):
    """Where only the stream is refused, listing again and again tells of changes too."""
    sandbox.faults.add(Fault(match="/api/v1/stream", kind="status", status=403))
    sandbox.faults.add(Fault(query="watch=true", kind="status", status=403))
    create(sandbox, "web")
    assert await feed.listed(20)
    mark = feed.mark()
    relabel(sandbox, team="core")
    await told(feed, mark, "argocd/web")
    assert feed.connects == 0
    assert "403" in feed.problem


def test_being_looked_at_again_is_no_news():
    """That Argo CD reconciled once more tells nothing, unless an operation had ended since the last time."""
    before = slim(application(reconciledAt="2026-01-01T00:00:00Z"))
    after = slim(application(reconciledAt="2026-01-01T00:03:00Z"))
    assert not tells_more(before, after)
    ended = {"phase": "Succeeded", "finishedAt": "2026-01-01T00:01:00Z"}
    stale, fresh = (
        slim(application(reconciledAt=f"2026-01-01T00:0{minute}:00Z", operationState=ended)) for minute in (0, 2)
    )
    assert tells_more(stale, fresh)
    assert tells_more(fresh, None)


def application(**status):
    """An Application with a status, and much that nobody waits for."""
    metadata = {"namespace": "argocd", "name": "web", "managedFields": ["much"] * 100}
    return {
        "metadata": metadata,
        "spec": {"source": {"repoURL": "x"}},
        "status": status | {"resources": ["much"] * 100},
    }
