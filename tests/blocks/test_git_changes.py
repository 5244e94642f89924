"""What lies between two commits of a repository."""

import pytest

from blocks.git.changes import read_between, read_changes
from blocks.git.mirror import Mirrors
from tests.servers.git_http import git_server


@pytest.fixture
def history(tmp_path):
    """A repository with five commits, and the mirrors that read it."""
    with git_server(tmp_path / "server") as server:
        server.create()
        commits = [server.commit({"a.txt": f"{number}\n"}, f"change {number}") for number in range(5)]
        yield server, commits, Mirrors(tmp_path / "mirrors", timeout=20)


async def between(history, before, after, limit=20):
    """Read commits as a preview does, from a mirror without contents."""
    server, _, mirrors = history
    view = await mirrors.view(server.url("config.git"), credentials=None, blobless=True)
    commits, count, back = await view.read(lambda mirror: read_between(mirror, before, after, limit))
    return [each.subject for each in commits], count, back


@pytest.mark.parametrize(
    ("before", "after", "limit", "expected"),
    [
        pytest.param(1, 3, 20, (["change 3", "change 2"], 2, 0), id="forward"),
        pytest.param(0, 4, 2, (["change 4", "change 3"], 4, 0), id="limited"),
        pytest.param(3, 1, 20, ([], 0, 2), id="back"),
        pytest.param(2, 2, 20, ([], 0, 0), id="the-same"),
    ],
)
async def test_between(history, before, after, limit, expected):
    """The commits that come are listed, newest first and limited; those that go are counted."""
    _, commits, _ = history
    assert await between(history, commits[before], commits[after], limit) == expected


async def test_unrelated_histories_are_compared_as_they_are(history):
    """Without a common commit the two are compared directly, not from where they parted."""
    server, commits, mirrors = history
    mirror = await mirrors.fetch(server.url("config.git"))
    whole = await read_changes(mirror, None, commits[1])
    assert (whole.files, whole.count) == (("A\ta.txt",), 1)
    one = await read_changes(mirror, commits[0], commits[1])
    assert "-0\n+1\n" in one.diff and one.files == ("M\ta.txt",)
