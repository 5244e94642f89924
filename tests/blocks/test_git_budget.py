"""Git within a budget: so many processes per host, in turn of those who ask, and none for a host that wants peace."""

import asyncio
import time
from datetime import UTC, datetime

import pytest

from blocks.budget import Budgets, Pace, asking_for
from blocks.errors import DrayageError, NotFound, RateLimited
from blocks.git.mirror import Mirrors
from tests.servers.git_http import bad_server, git_server

PACE = Pace(per_second=100, concurrent=2, share=1)


@pytest.fixture
def budgets():
    """Two processes per host, one per asker."""
    return Budgets(PACE, kind="git")


@pytest.fixture
def mirrors(tmp_path, budgets):
    """Mirrors that keep to them."""
    return Mirrors(tmp_path / "mirrors", budgets=budgets, timeout=10)


async def ask(mirrors, url, asker):
    """Ask a repository for its branches, for somebody."""
    with asking_for(asker):
        return await mirrors.refs(mirrors.access(url, None))


async def test_so_many_processes_per_host(mirrors):
    """Two at once for all, one for each asker; another host is asked meanwhile."""
    with bad_server(404, delay=0.6) as slow, bad_server(404) as quick:
        began = time.monotonic()
        asking = [asyncio.create_task(ask(mirrors, f"{slow.url}/r{n}.git", f"p/w{n % 3}")) for n in range(6)]
        asking += [asyncio.create_task(ask(mirrors, f"{slow.url}/big{n}.git", "p/w0")) for n in range(2)]
        with pytest.raises(NotFound):
            await ask(mirrors, f"{quick.url}/r.git", "p/w0")
        assert not any(task.done() for task in asking)
        await asyncio.gather(*asking, return_exceptions=True)
        # Four of the eight are one asker's, who has one process at a time.
        assert time.monotonic() - began >= 4 * 0.6
    assert len(slow.seen) == 8


async def test_a_host_that_wants_peace(mirrors):
    """A 429 keeps everybody's Git from the host for a moment, and the state says so."""
    with bad_server(429) as server:
        with pytest.raises(RateLimited):
            await ask(mirrors, f"{server.url}/r.git", "p/a")
        asked = len(server.seen)
        waiting = asyncio.create_task(ask(mirrors, f"{server.url}/other.git", "p/b"))
        await asyncio.sleep(0.2)
        assert len(server.seen) == asked
        with pytest.raises(DrayageError):
            await waiting


async def test_what_works_is_noted(tmp_path, budgets, mirrors):
    """Listing and downloading take turns and give them back; whose budget it was is known."""
    with git_server(tmp_path / "git") as server:
        url = server.create()
        server.commit({"a": "1"})
        with asking_for("p/a") as asked:
            await mirrors.fetch(url)
        host = server.base.removeprefix("http://")
        assert asked == {("git", host, "")}
        assert [(each.kind, each.host, each.waiting) for each in budgets.states(datetime.now(UTC))] == [
            ("git", host, 0)
        ]
        assert budgets.of(host).idle


@pytest.mark.parametrize(
    ("url", "host"),
    [
        pytest.param("https://GitHub.com/acme/app.git", "github.com", id="https"),
        pytest.param("http://127.0.0.1:8080/app.git", "127.0.0.1:8080", id="port"),
        pytest.param("https://ana:secret@example.com/app.git", "example.com", id="user"),
    ],
)
def test_whose_budget(tmp_path, budgets, mirrors, url, host):
    """The host's, without user names, and that of the credentials by name."""
    budget = mirrors.access(url, None).budget()
    assert budget.host.name == host
    assert "secret" not in budget.credential


def test_a_repository_on_this_disk_needs_none(tmp_path, budgets):
    """Nobody counts there."""
    mirrors = Mirrors(tmp_path / "mirrors", allow_file=True, budgets=budgets)
    assert mirrors.access(str(tmp_path), None).budget() is None
