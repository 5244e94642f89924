"""Mirrors under harm: killed, broken, too many, without contents, and with names nobody would choose."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blocks.git import bare, room
from blocks.git.bare import is_blobless
from blocks.git.clone import Clone
from blocks.git.command import git
from blocks.git.history import read_commits
from blocks.git.identity import Author
from blocks.git.mirror import Mirrors
from blocks.git.work_tree import Origin
from tests.blocks.git_reading import commits_of, head_of, tags_of
from tests.servers.git_http import git_server, run


@pytest.fixture
def server(tmp_path):
    """A Git server with a repository of three commits."""
    with git_server(tmp_path / "server") as running:
        running.create()
        for number in range(3):
            running.commit({f"{number}.txt": str(number)}, f"c{number}")
        yield running


@pytest.fixture
def mirrors(tmp_path):
    """Mirrors in a fresh folder."""
    return Mirrors(tmp_path / "mirrors", timeout=20)


async def subjects(mirrors, url, **more):
    """Subjects of the branch `main` now."""
    return [commit.subject for commit in (await commits_of(mirrors, url, "main", limit=1000, **more))[1]]


FETCHER = """
import asyncio, sys
from pathlib import Path
from blocks.git.mirror import Mirrors
asyncio.run(Mirrors(Path(sys.argv[1]), timeout=60).fetch(sys.argv[2]))
"""


@pytest.mark.parametrize("first", [True, False], ids=["first-download", "later-download"])
async def test_a_worker_killed_while_it_fetches(server, mirrors, first):
    """Whatever moment a worker and its Git are killed at, the next one reads the right history."""
    url = server.url("config.git")
    if not first:
        await mirrors.fetch(url)
    server.commit({f"large{number}.bin": os.urandom(300_000).hex() for number in range(10)}, "large")
    for pause in (0.25, 0.4, 0.55, 0.7):
        command = [sys.executable, "-c", FETCHER, str(mirrors.root), url]
        worker = subprocess.Popen(command, cwd=Path.cwd(), stderr=subprocess.DEVNULL)
        await asyncio.sleep(pause)
        children = subprocess.run(["pgrep", "-P", str(worker.pid)], capture_output=True, text=True).stdout.split()
        for group in map(int, children):
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        worker.kill()
        worker.wait()
    assert await subjects(mirrors, url) == ["large", "c2", "c1", "c0"]
    server.commit({"a": "1"}, "after")
    assert (await subjects(mirrors, url))[0] == "after"
    assert not list(mirrors.root.rglob("tmp_*"))
    assert not list(mirrors.root.glob("*.fresh"))


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda m: (m / "packed-refs").write_text("garbage\n"), id="packed-refs"),
        pytest.param(lambda m: _empty(m / "refs/heads/main"), id="empty-ref"),
        pytest.param(lambda m: _empty(m / "HEAD"), id="empty-head"),
        pytest.param(lambda m: [_flip(pack) for pack in m.rglob("*.pack")], id="object-in-pack"),
        pytest.param(lambda m: [_empty(pack) for pack in m.rglob("*.idx")], id="empty-index"),
        pytest.param(lambda m: shutil.rmtree(m), id="gone"),
    ],
)
async def test_a_broken_mirror_is_mended(server, mirrors, harm):
    """Broken objects and refs are noticed when they matter, and the mirror is made anew."""
    url = server.url("config.git")
    harm(await mirrors.fetch(url))
    assert await subjects(Mirrors(mirrors.root, timeout=20), url) == ["c2", "c1", "c0"]
    server.commit({"a": "1"}, "c3")
    assert (await subjects(Mirrors(mirrors.root, timeout=20), url))[0] == "c3"


def _empty(file):
    file.chmod(0o600) if file.exists() else file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")


def _flip(pack):
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    for place in range(14, len(data) - 20):
        data[place] ^= 0xFF
    pack.write_bytes(bytes(data))


async def test_a_blobless_mirror_serves_discovery_and_becomes_whole_for_a_promotion(server, mirrors):
    """Without contents history is complete; who needs contents makes the one mirror whole, at once for all."""
    run("config", "uploadpack.allowFilter", "true", cwd=server.root / "config.git")
    url = server.url("config.git")
    assert await subjects(mirrors, url, blobless=True) == ["c2", "c1", "c0"]
    (mirror,) = mirrors.root.glob("*.git")
    assert is_blobless(mirror)
    blob = run("rev-parse", "main:0.txt", cwd=server.root / "config.git")
    objects = await git("cat-file", "--batch-check", "--batch-all-objects", cwd=mirror)
    assert "commit" in objects
    assert blob not in objects
    server.commit({"more.txt": "1"}, "c3")
    assert (await subjects(mirrors, url, blobless=True))[0] == "c3"
    assert is_blobless(mirror)
    paths = await asyncio.gather(*(mirrors.fetch(url) for _ in range(4)))
    assert set(paths) == {mirror}
    assert not is_blobless(mirror)
    assert await git("cat-file", "-p", "main:0.txt", cwd=mirror) == "0\n"
    assert server.downloads() == 3
    await subjects(mirrors, url, blobless=True)
    assert not is_blobless(mirror)


async def test_many_blobless_downloads_are_put_together(server, mirrors, monkeypatch):
    """Packs of a mirror without contents do not pile up either."""
    monkeypatch.setattr(bare, "PACKS", 3)
    run("config", "uploadpack.allowFilter", "true", cwd=server.root / "config.git")
    for number in range(8):
        server.commit({"a.txt": str(number)}, f"n{number}")
        assert (await subjects(mirrors, server.url("config.git"), blobless=True))[0] == f"n{number}"
    (mirror,) = mirrors.root.glob("*.git")
    assert is_blobless(mirror)
    assert len(list(mirror.glob("objects/pack/*.pack"))) <= 4


async def test_a_server_without_filters_sends_all(server, mirrors):
    """A server that cannot leave contents out is read all the same."""
    run("config", "uploadpack.allowFilter", "false", cwd=server.root / "config.git")
    assert await subjects(mirrors, server.url("config.git"), blobless=True) == ["c2", "c1", "c0"]


async def test_a_server_of_plain_files(server, mirrors, tmp_path):
    """A repository on a plain web server is read, blobless or not."""
    run("update-server-info", cwd=server.root / "config.git")
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    files = subprocess.Popen(command, cwd=server.root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = files.stdout.readline().split(" port ")[1].split()[0]
        assert await subjects(mirrors, f"http://127.0.0.1:{port}/config.git", blobless=True) == ["c2", "c1", "c0"]
    finally:
        files.kill()
        files.communicate()


async def several(server, mirrors, count):
    """Mirrors of as many repositories, the first the least recently used, all used long ago."""
    found = []
    for number in range(count):
        url = server.create(f"r{number}.git")
        server.commit({"large.bin": os.urandom(50_000).hex()}, name=f"r{number}.git")
        found.append(await mirrors.fetch(url))
        used = time.time() - 10_000 + number
        os.utime(found[-1].with_suffix(".used"), (used, used))
    return found


async def test_the_least_recently_used_go_when_the_disk_is_full(server, tmp_path):
    """Over the limit old mirrors go, as many as needed; who needs one again gets it again."""
    mirrors = Mirrors(tmp_path / "mirrors", timeout=20, max_bytes=200_000)
    paths = await several(server, mirrors, 6)
    there = [path for path in paths if path.exists()]
    assert 0 < len(there) < 6
    assert there == paths[-len(there) :]
    assert sum(file.lstat().st_size for path in there for file in path.rglob("*") if file.is_file()) <= 200_000
    assert (await head_of(mirrors, server.url("r0.git")))[1] == server.tip(name="r0.git")
    assert await subjects(mirrors, server.url("r0.git")) == ["change"]


async def test_a_mirror_in_use_stays(server, tmp_path):
    """What is read, written, used just now, or lent to a promotion is not thrown away; the next in line is."""
    mirrors = Mirrors(tmp_path / "mirrors", timeout=20)
    read, lent, new, idle = await several(server, mirrors, 4)
    os.utime(new.with_suffix(".used"))
    work = tmp_path / "work"
    work.mkdir()
    origin = Origin(server.url("r1.git"), False, Author("A", "a@example.com"))
    clone = await Clone.make(work / "clone.git", lent, origin, inside=work)
    os.utime(lent.with_suffix(".used"), (1, 1))
    async with room.in_use(read):
        os.utime(read.with_suffix(".used"), (0, 0))
        assert await room.make_room(mirrors.root, 0, tmp_path) == [idle.name]
    assert await clone.branch_exists("main")
    shutil.rmtree(work)
    for note in lent.with_suffix(".lent").iterdir():
        os.utime(note, (1, 1))
    assert set(await room.make_room(mirrors.root, 0, tmp_path)) == {lent.name, read.name}


NAMES = (
    *("feature/ä ö".replace(" ", "\u2028"), "case", "CASE", "a\u0085b", "quote'\"quote", "100%", "semi;colon", "$(id)"),
    *("emoji-🎉", "-leading".replace("-", "x-"), "a/b/c/d", "dot.dot", "#hash", "{brace}", "back`tick", "&and|or"),
)


async def test_branches_and_tags_with_odd_names(server, mirrors):
    """Names that differ in case only, or hold what Unicode calls a line break, are names like others."""
    path, tip = server.root / "config.git", server.tip()
    for name in NAMES:
        run("update-ref", f"refs/heads/{name}", tip, cwd=path)
        run("update-ref", f"refs/tags/{name}", tip, cwd=path)
    url = server.url("config.git")
    for name in NAMES:
        assert await head_of(mirrors, url, name) == (name, tip)
    assert {tag.name for tag in await tags_of(mirrors, url)} == set(NAMES)
    downloads = server.downloads()
    await subjects(Mirrors(mirrors.root), url)
    assert server.downloads() == downloads


async def test_submodules_and_lfs_pointers_are_files_like_others(server, mirrors):
    """Neither is followed: a commit of them is a commit with changed paths."""
    tip = server.tip()
    path = server.root / "config.git"
    run("config", "--unset-all", "core.bare", cwd=path)
    index = {"GIT_INDEX_FILE": str(path / "tmp-index")}
    tree = subprocess.run(
        ["git", "mktree", "--missing"], cwd=path, env=os.environ | index, input=f"160000 commit {'1' * 40}\tsub\n",
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    made = run("commit-tree", tree, "-p", tip, "-m", "submodule", cwd=path)
    run("update-ref", "refs/heads/main", made, cwd=path)
    server.commit(
        {
            "a.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1",
            ".gitattributes": "*.bin filter=lfs",
        },
        "lfs",
    )
    _, commits = await commits_of(mirrors, server.url("config.git"), "main", limit=2)
    assert commits[0].subject == "lfs"
    assert "sub" in commits[1].paths


async def test_a_filled_disk_is_said(server, mirrors, monkeypatch):
    """A download that may not write as much as it needs is an error with a reason, and the next one works."""
    server.commit({"large.bin": os.urandom(400_000).hex()}, "large")
    script = 'ulimit -f 100; exec git "$@"'
    shim = mirrors.root.parent / "bin"
    shim.mkdir()
    (shim / "git").write_text(f'#!/bin/sh\ncase "$*" in *fetch*) PATH="{os.environ["PATH"]}"; {script};; esac\n'
                              f'PATH="{os.environ["PATH"]}" exec git "$@"\n')  # fmt: skip
    (shim / "git").chmod(0o755)
    with monkeypatch.context() as changed:
        changed.setenv("PATH", f"{shim}:{os.environ['PATH']}")
        with pytest.raises(Exception, match=r"git fetch of .* failed"):
            await subjects(mirrors, server.url("config.git"))
    assert (await subjects(mirrors, server.url("config.git")))[0] == "large"
    assert not list(mirrors.root.rglob("tmp_*"))


WEIRD = st.binary(min_size=0, max_size=40).map(lambda raw: raw.replace(b"\0", b""))
WORDS = WEIRD.map(lambda raw: raw.translate(None, b"<>\n\r"))
PATHS = WEIRD.map(lambda raw: raw.replace(b"/", b"_").strip(b".") or b"x").filter(lambda p: p.lower() != b"git")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(WORDS, WEIRD, st.lists(PATHS, max_size=3)), min_size=1, max_size=5))
async def test_any_bytes_are_read(tmp_path, made):
    """Messages, names and paths of any bytes give as many commits as there are, each with its paths."""
    repository = tmp_path / "fuzz.git"
    shutil.rmtree(repository, ignore_errors=True)
    run("init", "--quiet", "--bare", str(repository))
    stream = b""
    for number, (author, message, paths) in enumerate(made):
        stream += b"commit refs/heads/main\nauthor " + author + b" <a@example.com> %d +0000\n" % (1700000000 + number)
        stream += b"committer " + author + b" <a@example.com> %d +0000\n" % (1700000000 + number)
        stream += (
            (b"encoding latin-1\n" if number % 2 else b"") + b"data %d\n" % len(message) + message + b"\ndeleteall\n"
        )
        for path in paths:
            quoted = b"".join(b"\\%03o" % byte for byte in path)
            stream += b'M 100644 inline "f/' + quoted + b'"\ndata 1\n%d\n' % (number % 10)
    subprocess.run(["git", "fast-import", "--quiet"], cwd=repository, input=stream, check=True, capture_output=True)
    read = await read_commits(repository, "refs/heads/main", skip=0, limit=100)
    assert len(read) == len(made)
    assert [parents for _, parents in read] == [1] * (len(made) - 1) + [0]
    for commit, _ in read:
        assert len(commit.id) == 40
        assert all(path.startswith("f/") for path in commit.paths)
    first = {b"f/" + path for path in made[0][2]}
    assert set(read[-1][0].paths) == {path.decode("utf-8", "replace") for path in first}
