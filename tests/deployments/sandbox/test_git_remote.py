"""The Git remote, driven by the real git client."""

import asyncio
import gzip
import os

import httpx
import pytest

from blocks.errors import NotFound
from deployments.sandbox.server import Sandbox
from tests.deployments.sandbox.conftest import git


async def test_clone_push_and_fetch(sandbox, tmp_path):
    """What one clone pushes, the next one holds."""
    url = await sandbox.create_repository("acme/deploy", {"env/test/a.yaml": "a: 1\n"})
    await git(tmp_path, "clone", url, "one")
    (tmp_path / "one" / "b.yaml").write_text("b: 2\n")
    await git(tmp_path / "one", "add", "-A")
    await git(tmp_path / "one", "commit", "-m", "add b")
    await git(tmp_path / "one", "push", "origin", "HEAD:main", "HEAD:refs/heads/feature")
    await git(tmp_path, "clone", "--depth", "1", "--filter=blob:none", url, "two")
    assert (tmp_path / "two" / "env" / "test" / "a.yaml").read_text() == "a: 1\n"
    assert (tmp_path / "two" / "b.yaml").read_text() == "b: 2\n"
    listed = await git(tmp_path, "ls-remote", "--heads", url)
    assert [line.split()[1] for line in listed.stdout.splitlines()] == ["refs/heads/feature", "refs/heads/main"]


async def test_large_push_is_chunked(sandbox, tmp_path):
    """A push that git sends in chunks arrives whole."""
    url = await sandbox.create_repository("big", {"a": "a"})
    await git(tmp_path, "clone", url, "one")
    noise = os.urandom(6_000_000)
    (tmp_path / "one" / "noise").write_bytes(noise)
    await git(tmp_path / "one", "add", "-A")
    await git(tmp_path / "one", "commit", "-m", "noise")
    await git(tmp_path / "one", "push", "origin", "main")
    await git(tmp_path, "clone", url, "two")
    assert (tmp_path / "two" / "noise").read_bytes() == noise


async def test_non_fast_forward_is_refused_and_force_is_not(sandbox, tmp_path):
    """The slower of two pushers hears of it, and may insist."""
    url = await sandbox.create_repository("deploy", {"a": "a"})
    await git(tmp_path, "clone", url, "one")
    await sandbox.commit("deploy", {"a": "theirs"}, "theirs")
    await git(tmp_path / "one", "commit", "--allow-empty", "-m", "ours")
    refused = await git(tmp_path / "one", "push", "origin", "main", check=False)
    assert refused.returncode == 1
    assert "rejected" in refused.stderr
    await git(tmp_path / "one", "push", "--force", "origin", "main")


async def test_commit_writes_and_deletes_files(sandbox, tmp_path):
    """A commit made from Python is on top of the branch, with the files it names changed and no others."""
    url = await sandbox.create_repository("deploy", {"keep": "k", "drop": "d"})
    commit = await sandbox.commit("deploy", {"new/file": "ü\n", "drop": None}, "change things")
    await git(tmp_path, "clone", url, "one")
    assert sorted(p.name for p in (tmp_path / "one").iterdir() if p.name != ".git") == ["keep", "new"]
    assert (tmp_path / "one" / "new" / "file").read_text() == "ü\n"
    log = await git(tmp_path / "one", "log", "--format=%H %s")
    assert log.stdout.splitlines()[0] == f"{commit} change things"
    assert len(log.stdout.splitlines()) == 2


async def test_creating_twice_leaves_the_repository_alone(http):
    """The second creation answers 200 and changes nothing."""
    first = await http.post("/sandbox/git/deploy", json={"files": {"a": "1"}})
    before = (await http.get("/sandbox")).json()["git"]
    second = await http.post("/sandbox/git/deploy", json={"files": {"a": "2"}})
    assert (first.status_code, second.status_code) == (201, 200)
    assert (await http.get("/sandbox")).json()["git"] == before


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/git/none.git/info/refs?service=git-upload-pack", id="unknown"),
        pytest.param("/git/deploy.git/HEAD", id="dumb-protocol"),
        pytest.param("/git/..%2f..%2fetc.git/info/refs?service=git-upload-pack", id="leaves-the-root"),
        pytest.param("/git/deploy.git/../../registry.git/info/refs", id="dots"),
    ],
)
async def test_what_is_not_there_is_404(http, path):
    """Other repositories, other requests and ways out of the folder do not exist."""
    await http.post("/sandbox/git/deploy", json={"files": {"a": "1"}})
    assert (await http.get(path)).status_code == 404


async def test_gzip_bodies_are_understood(sandbox, http):
    """A compressed request reaches git with its encoding."""
    await sandbox.create_repository("deploy", {"a": "1"})
    body = gzip.compress(b"0014command=ls-refs\n0015agent=git/2.39.5\n00010000")
    headers = {
        "content-type": "application/x-git-upload-pack-request",
        "content-encoding": "gzip",
        "git-protocol": "version=2",
    }
    answer = await http.post("/git/deploy.git/git-upload-pack", content=body, headers=headers)
    assert answer.status_code == 200
    assert b"refs/heads/main" in answer.content


async def test_concurrent_clones(sandbox, tmp_path):
    """Several clients are served at once."""
    url = await sandbox.create_repository("deploy", {"a": "1"})
    done = await asyncio.gather(*(git(tmp_path, "clone", url, f"clone{number}") for number in range(6)))
    assert [one.returncode for one in done] == [0] * 6


async def test_users(tmp_path):
    """With users, nobody reads or writes without a password."""
    async with Sandbox(tmp_path / "world", users={"dev": "s3cret"}) as sandbox:
        url = await sandbox.create_repository("deploy", {"a": "a"})
        mine = url.replace("://", "://dev:s3cret@")
        assert (await git(tmp_path, "ls-remote", url, check=False)).returncode == 128
        assert (await git(tmp_path, "ls-remote", url.replace("://", "://dev:wrong@"), check=False)).returncode == 128
        assert (await git(tmp_path, "ls-remote", url.replace("://", "://:@"), check=False)).returncode == 128
        await git(tmp_path, "clone", mine, "one")
        await git(tmp_path / "one", "commit", "--allow-empty", "-m", "mine")
        await git(tmp_path / "one", "push", "origin", "main")
        async with httpx.AsyncClient(trust_env=False) as client:
            refused = await client.get(f"{url}/info/refs?service=git-upload-pack")
        assert refused.headers["www-authenticate"].startswith("Basic")


async def test_unknown_repository_names_the_known_ones(sandbox):
    """The sentence of the error helps to find the right name."""
    await sandbox.create_repository("deploy", {"a": "a"})
    with pytest.raises(NotFound, match="'nope'; it has: deploy"):
        await sandbox.commit("nope", {"a": "b"}, "never")


async def test_a_commit_without_files_is_an_empty_tree(sandbox):
    """A branch that holds nothing yet, as git-clone's `create` makes it, can be rendered."""
    await sandbox.create_repository("deploy", {"a": "a"})
    emptied = await sandbox.commit("deploy", {"a": None}, "Nothing left")
    assert await sandbox.world.git.tree("deploy", emptied) == {}
