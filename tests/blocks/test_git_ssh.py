"""Git over ssh, against a real server: the right key for the right host, and nothing else."""

import asyncio
import logging
import os
import tempfile
import time
from pathlib import Path

import pytest

from blocks.errors import NotFound, Refused, Unauthorized, Unreachable
from blocks.git import ssh
from blocks.git.access import access, mirror_key
from blocks.git.command import git
from blocks.git.mirror import Mirrors
from blocks.git.send import send
from blocks.records import Credentials
from deployments.processes import free_port
from tests.blocks.git_reading import commits_of, head_of
from tests.servers.git_http import GitServer, run
from tests.servers.git_ssh import new_key, ssh_server, written


@pytest.fixture
def files(tmp_path):
    """Repositories on disk, for whoever serves them."""
    (tmp_path / "root").mkdir()
    repositories = GitServer("", tmp_path / "root", tmp_path)
    repositories.create()
    repositories.commit({"a.txt": "1"}, "first")
    return repositories


@pytest.fixture
async def server(files):
    """The repositories by ssh."""
    async with ssh_server(files.root) as running:
        yield running


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A folder of its own for temporary files, with a name that has to be quoted."""
    place = tmp_path / 'it\'s 100%d "temp" $HOME'
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


@pytest.fixture
def mirrors(tmp_path):
    """Mirrors in a fresh folder."""
    return Mirrors(tmp_path / "mirrors", timeout=20)


async def test_the_right_key_reads_and_pushes(server, files, mirrors, temporary, tmp_path):
    """With key and known host a repository is read, and written to; no file stays behind."""
    _, commits = await commits_of(mirrors, server.url(), None, limit=5, credentials=server.credentials())
    assert [commit.subject for commit in commits] == ["first"]
    run("clone", "--quiet", str(files.root / "config.git"), str(tmp_path / "work"))
    (tmp_path / "work/b.txt").write_text("2")
    run("add", ".", cwd=tmp_path / "work")
    run("commit", "--quiet", "-m", "second", cwd=tmp_path / "work")
    made = run("rev-parse", "HEAD", cwd=tmp_path / "work")
    opened = mirrors.access(server.url(), server.credentials())
    assert await send(tmp_path / "work", opened, made, "refs/heads/main")
    assert files.tip() == made
    assert (await head_of(mirrors, server.url(), credentials=server.credentials()))[1] == made
    assert server.commands.count("git-receive-pack") == 1
    assert list(temporary.iterdir()) == []


async def test_a_key_with_carriage_returns_and_without_a_last_line_break(server, files, mirrors):
    """A key that went through a form or a YAML file still works."""
    key = written(server.client).strip().replace("\n", "\r\n")
    assert (await head_of(mirrors, server.url(), credentials=server.credentials(ssh_key=key)))[1] == files.tip()


async def test_a_large_repository_comes_whole(server, files, mirrors):
    """Many megabytes go through ssh unharmed."""
    noise = os.urandom(6_000_000).hex()
    files.commit({"large.bin": noise})
    mirror = await mirrors.fetch(server.url(), credentials=server.credentials())
    assert (await git("cat-file", "-s", "main:large.bin", cwd=mirror)).strip() == str(len(noise) + 1)


@pytest.mark.parametrize(
    ("changed", "expected", "sentence"),
    [
        pytest.param({"ssh_key": written(new_key())}, Unauthorized, "check credentials 'deploy-key'", id="wrong-key"),
        pytest.param({"ssh_key": "nonsense"}, Unauthorized, "sshPrivateKey is no whole private key", id="no-key"),
        pytest.param(
            {"ssh_key": new_key().export_private_key(passphrase="x", rounds=1).decode()},
            Unauthorized,
            "has a passphrase",
            id="passphrase",
        ),
        pytest.param(
            {"ssh_key": "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END-----"},
            Unauthorized,
            "has a passphrase",
            id="pem-passphrase",
        ),
        pytest.param({"ssh_key": " "}, Unauthorized, "hold no sshPrivateKey", id="key-missing"),
        pytest.param({"known_hosts": "\n"}, Refused, "add knownHosts", id="no-known-hosts"),
        pytest.param({"known_hosts": "other ssh-ed25519 AAAA"}, Refused, "has no key of this server", id="unknown"),
    ],
)
async def test_who_may_not_in(server, mirrors, temporary, changed, expected, sentence):
    """Each way to be refused has its sentence; nothing runs on the server, and no file stays behind."""
    with pytest.raises(expected, match=sentence) as caught:
        await head_of(mirrors, server.url(), credentials=server.credentials(**changed))
    assert "'deploy-key'" in str(caught.value) or "127.0.0.1" in str(caught.value)
    assert server.commands == []
    assert list(temporary.iterdir()) == []


async def test_a_changed_host_key_is_refused(server, mirrors):
    """A server with another key than the known one gets nothing, and the sentence says what may be going on."""
    credentials = server.credentials(known_hosts=server.known_hosts(new_key()))
    with pytest.raises(Refused, match="another host key than knownHosts says: somebody may be listening"):
        await head_of(mirrors, server.url(), credentials=credentials)
    assert server.commands == []


async def test_the_accounts_own_known_hosts_and_keys_do_not_count(server, mirrors, monkeypatch, tmp_path):
    """What lies in the home of the account that runs us, an agent or ssh settings, opens nothing."""
    home = tmp_path / "home/.ssh"
    home.mkdir(parents=True)
    (home / "known_hosts").write_text(server.known_hosts() + "\n")
    (home / "config").write_text(f"Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile {home}/known_hosts\n")
    monkeypatch.setenv("HOME", str(home.parent))
    with pytest.raises(Refused, match="has no key of this server"):
        await head_of(mirrors, server.url(), credentials=server.credentials(known_hosts="other ssh-ed25519 AAAA"))


@pytest.mark.parametrize(
    ("credentials", "sentence"),
    [
        pytest.param(None, "no credentials are known for ssh://", id="none"),
        pytest.param(Credentials("token", "ana", "pw"), "'token' hold no sshPrivateKey", id="a-password"),
    ],
)
async def test_ssh_needs_a_key(server, mirrors, credentials, sentence):
    """Without a key nobody is called, and the sentence says what to add."""
    with pytest.raises(Unauthorized, match=sentence):
        await head_of(mirrors, server.url(), credentials=credentials)
    assert server.commands == []


async def test_a_repository_that_is_not_there(server, mirrors):
    """A wrong path is NotFound."""
    with pytest.raises(NotFound, match="check the URL"):
        await head_of(mirrors, server.url("other.git"), credentials=server.credentials())


async def test_nobody_listens(server, mirrors):
    """A closed port is Unreachable, with the reason."""
    url = f"ssh://git@127.0.0.1:{free_port()}/x.git"
    with pytest.raises(Unreachable, match="Connection refused"):
        await head_of(mirrors, url, credentials=server.credentials())


async def test_a_server_that_hangs_up(mirrors):
    """A server that is no ssh server is Unreachable, and tried again."""

    async def hang_up(reader, writer):
        writer.close()

    listening = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    url = f"ssh://git@127.0.0.1:{listening.sockets[0].getsockname()[1]}/x.git"
    with pytest.raises(Unreachable):
        await head_of(mirrors, url, credentials=Credentials("k", ssh_key=written(new_key()), known_hosts="x y z"))
    listening.close()


async def test_the_key_is_in_no_argument_environment_log_or_error(server, mirrors, temporary, caplog):
    """While ssh runs, the key is in one file that only we can read; no process shows it."""
    caplog.set_level(logging.DEBUG, logger="drayage")
    server.hangs = asyncio.Event()
    lines = [line for line in written(server.client).splitlines() if "-----" not in line]
    asking = asyncio.create_task(head_of(mirrors, server.url(), credentials=server.credentials()))
    while not server.commands:
        assert not asking.done()
        await asyncio.sleep(0.02)
    (folder,) = temporary.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [file.stat().st_mode & 0o777 for file in folder.iterdir()] == [0o600] * 2
    shown = b"".join(_read(p) for kind in ("cmdline", "environ") for p in Path("/proc").glob(f"[0-9]*/{kind}"))
    assert b"IdentitiesOnly" in shown
    assert not any(line.encode() in shown for line in lines)
    assert not any(line in caplog.text for line in lines)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(5):
        while list(temporary.iterdir()):
            await asyncio.sleep(0.01)
    assert not any(
        line in repr(server.credentials()) + repr(access(server.url(), server.credentials())) for line in lines
    )
    server.hangs.set()


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_what_a_killed_process_left_is_removed(temporary):
    """An old folder that nobody holds goes with the next use; a fresh one and one in use stay."""
    opened = access("ssh://git@host/x", Credentials("k", ssh_key="key", known_hosts="host key"))
    with ssh.ssh_files(opened):
        (mine,) = temporary.iterdir()
        old, fresh = temporary / f"{ssh.PREFIX}old", temporary / f"{ssh.PREFIX}fresh"
        for folder in (old, fresh):
            folder.mkdir()
            (folder / "key").write_text("key")
        for folder in (old, mine):
            os.utime(folder, (time.time() - 3600,) * 2)
        with ssh.ssh_files(opened):
            assert {old.exists(), fresh.exists(), mine.exists()} == {False, True}
            assert not old.exists()


def test_the_key_is_masked_in_what_git_prints():
    """A line of the key that a server echoes is taken out of messages."""
    key = written(new_key())
    opened = access("ssh://git@host/x", Credentials("k", ssh_key=key, known_hosts="host key"))
    shown = opened.mask(f"remote: {key}")
    assert not any(line in shown for line in key.splitlines() if "-----" not in line)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("ssh://git@Host/a/b.git", "ssh://git@host/a/b", True, id="case-and-dotgit"),
        pytest.param("git@Host:a/b.git", "git@host:a/b", True, id="scp"),
        pytest.param("ssh://ana@host/a", "ssh://bo@host/a", False, id="user"),
        pytest.param("ssh://git@host:22/a", "ssh://git@host:2222/a", False, id="port"),
        pytest.param("ssh://git@host/a", "https://host/a", False, id="transport"),
    ],
)
def test_one_repository_has_one_mirror(one, other, same):
    """Spellings of one place share a mirror; where the user may be part of the place, it counts."""
    assert (mirror_key(one) == mirror_key(other)) is same


def test_scp_like_urls_go_by_ssh():
    """`user@host:path` is ssh, with the same demands."""
    with pytest.raises(Refused, match="add knownHosts"):
        access("git@git.example.com:acme/x.git", Credentials("k", ssh_key="key"))
    opened = access("git@git.example.com:acme/x.git", Credentials("k", ssh_key="key", known_hosts="a b"))
    assert opened.transport == "ssh"
