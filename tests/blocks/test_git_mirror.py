"""Mirrors against a real Git server."""

import asyncio
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from blocks.errors import BadAnswer, Invalid, NotFound, Unavailable
from blocks.git import bare
from blocks.git.command import git
from blocks.git.lock import exclusive
from blocks.git.mirror import Mirrors
from tests.blocks.git_reading import commits_of, head_of, tags_of
from tests.servers.git_http import GitServer, bad_server, git_server, run


@pytest.fixture
def server(tmp_path):
    with git_server(tmp_path / "server") as running:
        running.create()
        yield running


@pytest.fixture
def mirrors(tmp_path):
    return Mirrors(tmp_path / "mirrors", timeout=20)


def branch_history(server: GitServer) -> None:
    server.commit({"a.txt": "1"}, "first", date="2025-06-01T10:00:00Z")
    server.commit({"apps/b c.txt": "1", "ä.txt": "1"}, "second", date="2025-06-01T11:00:00Z")


async def test_commits_are_newest_first_with_paths_and_people(server, mirrors):
    """A branch's commits come with author, committer, subject, date and every changed path."""
    branch_history(server)
    name, commits = await commits_of(mirrors, server.url("config.git"), None, limit=10, credentials=None)
    assert name == "main"
    assert [(c.subject, set(c.paths)) for c in commits] == [
        ("second", {"apps/b c.txt", "ä.txt"}),
        ("first", {"a.txt"}),
    ]
    assert commits[0].id == server.tip()
    assert commits[0].author == commits[0].committer == "Ana Silva <ana@example.com>"
    assert abs((commits[0].committed_at - datetime.now(UTC)).total_seconds()) < 120


async def test_commits_come_in_portions(server, mirrors):
    """`skip` and `limit` walk a branch without holes."""
    for number in range(5):
        server.commit({"a.txt": str(number)}, f"c{number}")
    url = server.url("config.git")
    _, first = await commits_of(mirrors, url, "main", limit=2, credentials=None)
    _, second = await commits_of(mirrors, url, "main", skip=2, limit=2, credentials=None)
    assert [c.subject for c in first + second] == ["c4", "c3", "c2", "c1"]


async def test_a_merge_shows_what_it_brought_to_its_first_parent(server, mirrors, tmp_path):
    """The paths of a merge commit are its difference to the first parent, a rename counts as both names."""
    branch_history(server)
    work = tmp_path / "work"
    run("clone", "--quiet", server.url("config.git"), str(work))
    run("checkout", "--quiet", "-b", "side", cwd=work)
    run("mv", "a.txt", "renamed.txt", cwd=work)
    run("commit", "--quiet", "-m", "side", cwd=work)
    run("checkout", "--quiet", "main", cwd=work)
    (work / "main.txt").write_text("x")
    run("add", ".", cwd=work)
    run("commit", "--quiet", "-m", "on main", cwd=work)
    run("merge", "--quiet", "--no-edit", "side", cwd=work)
    run("push", "--quiet", "origin", "main", cwd=work)
    _, commits = await commits_of(mirrors, server.url("config.git"), "main", limit=1, credentials=None)
    assert set(commits[0].paths) == {"a.txt", "renamed.txt"}


async def test_tags_tell_the_commit_and_the_annotation(server, mirrors):
    """Annotated tags carry tagger and annotation, lightweight ones do not; both lead to the commit."""
    branch_history(server)
    bare = server.root / "config.git"
    run("tag", "light", "main~1", cwd=bare)
    run("tag", "-a", "-m", "release one", "v1.0.0", "main", cwd=bare, date="2025-06-02T00:00:00Z")
    run("tag", "tree", "main^{tree}", cwd=bare)
    tags = {t.name: t for t in await tags_of(mirrors, server.url("config.git"), credentials=None)}
    assert set(tags) == {"light", "v1.0.0"}
    assert tags["v1.0.0"].commit_id == server.tip()
    assert tags["v1.0.0"].tagger == "Ana Silva <ana@example.com>"
    assert tags["v1.0.0"].annotation == "release one"
    assert tags["v1.0.0"].subject == "second"
    assert tags["v1.0.0"].created_at == datetime(2025, 6, 2, tzinfo=UTC)
    assert (tags["light"].tagger, tags["light"].annotation) == ("", "")
    view = await mirrors.view(server.url("config.git"), credentials=None)
    assert await view.changed([tags["light"].commit_id]) == {tags["light"].commit_id: ("a.txt",)}


async def test_an_unchanged_repository_is_not_downloaded_again(server, mirrors):
    """Only a change of the remote causes a download, however many ask at once."""
    branch_history(server)
    url = server.url("config.git")
    await asyncio.gather(*(mirrors.fetch(url) for _ in range(5)))
    assert server.downloads() == 1
    await tags_of(mirrors, url, credentials=None)
    await commits_of(mirrors, url.removesuffix(".git") + ".git", "main", limit=1, credentials=None)
    assert server.downloads() == 1
    server.commit({"a.txt": "2"})
    await asyncio.gather(*(mirrors.fetch(url) for _ in range(5)))
    assert server.downloads() == 2


async def test_head_downloads_nothing(server, mirrors):
    """The head of a branch is known from the remote's list alone."""
    branch_history(server)
    assert await head_of(mirrors, server.url("config.git"), credentials=None) == ("main", server.tip())
    assert server.downloads() == 0


async def test_a_force_pushed_and_a_deleted_branch_are_followed(server, mirrors):
    """What the remote forgot, the mirror forgets."""
    branch_history(server)
    server.commit({"x": "1"}, branch="gone")
    url, bare = server.url("config.git"), server.root / "config.git"
    await mirrors.fetch(url)
    run("update-ref", "refs/heads/main", "main~1", cwd=bare)
    run("update-ref", "-d", "refs/heads/gone", cwd=bare)
    server.commit({"y": "1"}, branch="gone/deeper")
    _, commits = await commits_of(mirrors, url, "main", limit=5, credentials=None)
    assert [c.subject for c in commits] == ["first"]
    with pytest.raises(NotFound, match="no branch 'gone'"):
        await commits_of(mirrors, url, "gone", limit=5, credentials=None)


async def test_a_commit_no_branch_leads_to_can_still_be_had(server, mirrors):
    """A commit of a deleted branch is asked for by its id; one that never was is NotFound."""
    branch_history(server)
    lost = server.commit({"x": "1"}, branch="gone")
    run("update-ref", "-d", "refs/heads/gone", cwd=server.root / "config.git")
    mirror = await mirrors.fetch(server.url("config.git"), commit=lost)
    assert (await git("cat-file", "-t", lost, cwd=mirror)).strip() == "commit"
    with pytest.raises(NotFound, match="has no commit"):
        await mirrors.fetch(server.url("config.git"), commit="0123456789" * 4)


async def test_an_empty_repository_says_so(server, mirrors):
    """No commit yet is NotFound with a sentence for a branch, an empty list for tags, and heals itself."""
    server.create("empty.git")
    url = server.url("empty.git")
    with pytest.raises(NotFound, match="shows no branches"):
        await commits_of(mirrors, url, None, limit=1, credentials=None)
    assert await tags_of(mirrors, url, credentials=None) == []
    server.commit({"a": "1"}, name="empty.git")
    assert (await commits_of(mirrors, url, None, limit=1, credentials=None))[0] == "main"


async def test_an_empty_answer_does_not_empty_a_mirror(server, mirrors):
    """A repository that suddenly shows nothing is an error; once it shows something again that is read."""
    branch_history(server)
    url, bare, tip = server.url("config.git"), server.root / "config.git", server.tip()
    mirror = await mirrors.fetch(url)
    run("update-ref", "-d", "refs/heads/main", cwd=bare)
    with pytest.raises(BadAnswer, match="shows no branches and tags any more"):
        await mirrors.fetch(url)
    assert (await git("rev-parse", "refs/heads/main", cwd=mirror)).strip() == tip
    run("update-ref", "refs/heads/other", tip, cwd=bare)
    assert [c.id for c in (await commits_of(mirrors, url, "other", limit=1, credentials=None))[1]] == [tip]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda mirror: (mirror / "HEAD").unlink(), id="head-missing"),
        pytest.param(lambda mirror: shutil.rmtree(mirror / "objects"), id="objects-missing"),
        pytest.param(lambda mirror: [p.unlink() for p in mirror.rglob("*.idx")], id="index-missing"),
        pytest.param(
            lambda mirror: [(p.chmod(0o600), p.write_bytes(p.read_bytes()[:40])) for p in mirror.rglob("*.pack")],
            id="pack-cut-off",
        ),
        pytest.param(lambda mirror: (mirror / "config").write_text("[core"), id="config-broken"),
        pytest.param(lambda mirror: [mirror.rename(mirror.with_suffix(".x")), mirror.write_text("")], id="a-file"),
    ],
)
async def test_a_damaged_mirror_is_made_anew(server, mirrors, harm):
    """Whatever happened to a mirror's files, the next reader gets the right answer."""
    for number in range(3):
        server.commit({f"{number}.txt": "x" * number}, f"c{number}")
    url = server.url("config.git")
    harm(await mirrors.fetch(url))
    _, commits = await commits_of(mirrors, url, "main", limit=1000, credentials=None)
    assert len(commits) == 3


async def test_a_killed_fetch_leaves_nothing_that_stops_the_next(server, mirrors):
    """Lock files and half packs of a killed Git are removed by the next writer."""
    branch_history(server)
    url = server.url("config.git")
    mirror = await mirrors.fetch(url)
    stale = [mirror / "packed-refs.lock", mirror / "refs/heads/main.lock", mirror / "HEAD.lock"]
    half = mirror / "objects/pack/tmp_pack_x"
    for file in (*stale, half):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    tip = server.commit({"a.txt": "3"}, "third")
    _, commits = await commits_of(mirrors, url, "main", limit=1, credentials=None)
    assert commits[0].id == tip
    assert not any(file.exists() for file in (*stale, half))


async def test_a_half_made_first_mirror_is_not_used(server, mirrors):
    """What a worker killed during the very first download left behind is thrown away."""
    branch_history(server)
    url = server.url("config.git")
    mirror = await mirrors.fetch(url)
    mirror.rename(mirror.with_suffix(".fresh"))
    shutil.rmtree(mirror.with_suffix(".fresh") / "refs")
    assert (await mirrors.fetch(url)) == mirror
    assert not mirror.with_suffix(".fresh").exists()
    assert (await git("rev-parse", "refs/heads/main", cwd=mirror)).strip() == server.tip()


FETCHER = """
import asyncio, sys
from pathlib import Path
from blocks.git.mirror import Mirrors
from tests.blocks.git_reading import commits_of
async def main():
    mirrors = Mirrors(Path(sys.argv[1]), timeout=30)
    for _ in range(5):
        _, commits = await commits_of(mirrors, sys.argv[2], "main", limit=1, credentials=None)
        print(commits[0].id, flush=True)
asyncio.run(main())
"""


async def test_two_processes_share_a_mirror(server, mirrors):
    """Two processes and this one fetch into the same mirror while the remote moves; all see commits of it."""
    branch_history(server)
    url = server.url("config.git")
    command = [sys.executable, "-c", FETCHER, str(mirrors.root), url]
    others = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path.cwd())
        for _ in range(2)
    ]
    made = {server.tip()}
    for number in range(5):
        made.add(server.commit({"a.txt": f"moved {number}"}))
        await mirrors.fetch(url)
    for other in others:
        out, err = await asyncio.to_thread(other.communicate, timeout=60)
        assert other.returncode == 0, err
        assert set(out.split()) <= made
    assert (await head_of(mirrors, url, credentials=None))[1] == server.tip()


HOLDER = """
import asyncio, sys
from pathlib import Path
from blocks.git.access import access
from blocks.git.command import git
from blocks.git.lock import exclusive
async def main():
    async with exclusive(Path(sys.argv[1]), timeout=5, what="it") as lock:
        print("held", flush=True)
        await git("ls-remote", sys.argv[2], access=access(sys.argv[2]), holding=lock)
asyncio.run(main())
"""


async def test_a_lock_outlives_its_process_as_long_as_its_git_runs(tmp_path):
    """The lock of a killed worker stays taken until the Git it started has ended, then is free at once."""
    with bad_server(delay=30) as slow:
        command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock"), slow.url]
        holder = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path.cwd())
        assert holder.stdout.readline() == b"held\n"
        while not slow.seen:
            await asyncio.sleep(0.02)
        holder.kill()
        holder.wait()
        holder.stdout.close()
        with pytest.raises(Unavailable, match="was busy"):
            async with exclusive(tmp_path / "lock", timeout=0.3, what="it"):
                pass
    async with exclusive(tmp_path / "lock", timeout=5, what="it"):
        pass


async def test_a_long_history_is_read_in_bounded_portions(server, mirrors):
    """Any part of a long history can be read."""
    lines = []
    for number in range(3000):
        lines += ["commit refs/heads/main", f"committer A <a@example.com> {1700000000 + number} +0000"]
        lines += ["data <<M", f"c{number}", "M", f"M 100644 inline f{number % 50}", "data <<X", str(number), "X"]
    run("fast-import", "--quiet", cwd=server.root / "config.git", given="\n".join([*lines, ""]))
    url = server.url("config.git")
    _, commits = await commits_of(mirrors, url, "main", limit=1000, credentials=None)
    assert len(commits) == 1000
    _, last = await commits_of(mirrors, url, "main", skip=2990, limit=1000, credentials=None)
    assert [c.subject for c in last] == [f"c{n}" for n in range(9, -1, -1)]


async def test_many_small_downloads_are_put_together(server, mirrors, monkeypatch):
    """Packs do not pile up, and nothing that was fetched is lost: not even what a forced push replaced."""
    monkeypatch.setattr(bare, "PACKS", 3)
    url, made = server.url("config.git"), []
    for number in range(6):
        made.append(server.commit({"a.txt": str(number)}, f"c{number}"))
        mirror = await mirrors.fetch(url)
    run("update-ref", "refs/heads/main", made[0], cwd=server.root / "config.git")
    made.append(server.commit({"b.txt": "1"}))
    await mirrors.fetch(url)
    assert len(list(mirror.glob("objects/pack/*.pack"))) <= 4
    assert [await bare.has_commit(mirror, commit) for commit in made] == [True] * 7


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        pytest.param("", "not a Git repository URL", id="empty"),
        pytest.param("--upload-pack=touch x", "not a Git repository URL", id="option"),
        pytest.param("ext::sh -c whoami", "not a Git repository URL", id="ext-with-space"),
        pytest.param("ext::whoami", "allowed: http, https, ssh", id="ext"),
        pytest.param("/etc", "allowed: http, https, ssh", id="path"),
        pytest.param("file:///etc", "allowed: http, https, ssh", id="file"),
        pytest.param("git://host/x", "allowed: http, https, ssh", id="git-protocol"),
        pytest.param("https:///x", "names no host", id="no-host"),
        pytest.param("http://u:pass/word@host/x", "no number as its port", id="password-cut-in-two"),
    ],
)
async def test_only_known_transports_are_used(mirrors, url, sentence):
    """Local paths, Git's `ext::` and anything that looks like an option are refused before Git sees them."""
    with pytest.raises(Invalid, match=sentence):
        await mirrors.fetch(url)


async def test_files_are_allowed_when_the_setting_says_so(server, tmp_path):
    """A repository on disk works with `allow_file`."""
    branch_history(server)
    mirrors = Mirrors(tmp_path / "m", allow_file=True)
    for url in (str(server.root / "config.git"), f"file://{server.root}/config.git"):
        assert (await head_of(mirrors, url, credentials=None))[1] == server.tip()
        assert (await commits_of(mirrors, url, None, limit=1, credentials=None))[1][0].id == server.tip()
