"""What reaches Git, what stays secret, and what its failures mean."""

import asyncio
import base64
import logging
import os
from pathlib import Path

import pytest

from blocks.errors import (
    BadAnswer,
    Invalid,
    NotFound,
    RateLimited,
    Refused,
    Terminal,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from blocks.git import command
from blocks.git.access import access, mirror_key
from blocks.git.command import git
from blocks.git.failures import failure
from blocks.git.mirror import Mirrors
from blocks.records import Credentials
from deployments.processes import free_port
from tests.blocks.git_reading import commits_of, head_of
from tests.servers.git_http import bad_server, git_server, self_signed

SECRET = "s3cr3t/p@ss"
ANA = Credentials("ana", "ana", SECRET)


@pytest.fixture
def private(tmp_path):
    with git_server(tmp_path / "server", users={"ana": SECRET}) as running:
        running.create()
        running.commit({"a.txt": "1"})
        yield running


@pytest.fixture
def mirrors(tmp_path):
    return Mirrors(tmp_path / "mirrors", allow_plain_http_credentials=True, timeout=20)


async def test_credentials_open_a_private_repository(private, mirrors):
    """With the right credentials a private repository is read."""
    _, commits = await commits_of(mirrors, private.url("config.git"), None, limit=1, credentials=ANA)
    assert commits[0].id == private.tip()


@pytest.mark.parametrize(
    ("credentials", "sentence"),
    [
        pytest.param(None, "no credentials are known", id="none"),
        pytest.param(Credentials("old", "ana", "wrong-pass"), "check credentials 'old'", id="wrong"),
    ],
)
async def test_without_the_right_credentials_nothing_is_shown(private, mirrors, credentials, sentence):
    """A mirror made with good credentials shows nothing to somebody without them."""
    url = private.url("config.git")
    await mirrors.fetch(url, credentials=ANA)
    with pytest.raises(Unauthorized, match=sentence) as caught:
        await commits_of(mirrors, url, None, limit=1, credentials=credentials)
    assert "wrong-pass" not in str(caught.value)


async def test_plain_http_gets_no_credentials_unless_allowed(private, tmp_path):
    """Credentials stay here when the transport is not encrypted, and the error says so."""
    careful = Mirrors(tmp_path / "careful")
    with pytest.raises(Unauthorized, match="credentials 'ana' are not sent over this transport; use https"):
        await head_of(careful, private.url("config.git"), credentials=ANA)
    with bad_server(401, headers={"WWW-Authenticate": 'Basic realm="x"'}) as bad:
        with pytest.raises(Unauthorized):
            await head_of(careful, f"{bad.url}/x.git", credentials=ANA)
        assert bad.seen
        assert not any("Authorization" in headers for headers in bad.seen)


async def test_another_host_gets_no_credentials(tmp_path, mirrors):
    """A server that redirects to another one does not make us hand our credentials on."""
    with bad_server(401, headers={"WWW-Authenticate": 'Basic realm="x"'}) as thief:
        with bad_server(302, headers={"Location": thief.url + "{path}"}) as trusted, pytest.raises(Unauthorized):
            await head_of(mirrors, f"{trusted.url}/x.git", credentials=ANA)
        assert thief.seen
        assert not any("Authorization" in headers for headers in thief.seen)


async def test_credentials_inside_a_url_are_used_and_taken_out(private, mirrors):
    """`https://user:password@host` works, and no file or error repeats the password."""
    url = private.url("config.git").replace("://", "://ana:s3cr3t%2Fp%40ss@")
    assert (await head_of(mirrors, url, credentials=None))[1] == private.tip()
    mirror = await mirrors.fetch(url)
    assert leaks(mirrors.root) == []
    assert mirror == await mirrors.fetch(private.url("config.git"), credentials=ANA)


def forms() -> list[bytes]:
    """Return every spelling of the secret that must not appear anywhere."""
    basic = base64.b64encode(f"ana:{SECRET}".encode())
    return [SECRET.encode(), b"s3cr3t%2Fp%40ss", basic]


def leaks(root: Path) -> list[Path]:
    return [p for p in root.rglob("*") if p.is_file() and any(form in p.read_bytes() for form in forms())]


async def test_the_secret_is_in_no_file_argument_log_or_error(tmp_path, mirrors, caplog):
    """While Git runs and after, the password is in its environment alone."""
    caplog.set_level(logging.DEBUG)
    with bad_server(delay=30, headers={"WWW-Authenticate": 'Basic realm="x"'}) as slow:
        asking = asyncio.create_task(head_of(mirrors, f"{slow.url}/x.git", credentials=ANA))
        while not slow.seen:
            await asyncio.sleep(0.02)
        arguments = b"".join(_read(p) for p in Path("/proc").glob("[0-9]*/cmdline"))
        assert b"ls-remote" in arguments
        assert not any(form in arguments for form in forms())
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert leaks(tmp_path) == []
    assert SECRET not in caplog.text
    assert SECRET not in repr(access("https://host/x", ANA))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected", "sentence"),
    [
        pytest.param(429, b"slow down", {}, RateLimited, "fewer requests", id="429"),
        pytest.param(500, b"", {}, Unavailable, "cannot serve it now", id="500"),
        pytest.param(503, b"", {}, Unavailable, "cannot serve it now", id="503"),
        pytest.param(403, b"", {}, Unauthorized, "no credentials are known", id="403"),
        pytest.param(404, b"", {}, NotFound, "check the URL", id="404"),
        pytest.param(200, b"<html>\n<body>hello</body>\n", {}, BadAnswer, "does not speak Git", id="a-web-page"),
        pytest.param(
            200,
            b"\x00\xff garbage",
            {"Content-Type": "application/x-git-upload-pack-advertisement"},
            BadAnswer,
            "does not speak Git",
            id="garbage",
        ),
    ],
)
async def test_what_a_bad_server_means(mirrors, status, body, headers, expected, sentence):
    """Each way a server can fail becomes the error that says whether to try again and what to do."""
    with bad_server(status, body, headers=headers) as bad:
        with pytest.raises(expected, match=sentence) as caught:
            await head_of(mirrors, f"{bad.url}/x.git", credentials=None)
        assert f"git ls-remote of {bad.url}/x.git failed" in str(caught.value)
        assert (len(bad.seen) > 1) == (expected in (Unavailable, BadAnswer))


async def test_an_untrusted_certificate_is_refused_unless_it_is_to_be_skipped(tmp_path, mirrors):
    """A certificate nobody trusts stops the call and no credentials travel; `insecure` accepts it, for that call."""
    with bad_server(404, tls=self_signed(tmp_path)) as bad:
        url = f"{bad.url}/x.git"
        with pytest.raises(Refused, match="insecureSkipTLSVerify"):
            await head_of(mirrors, url, credentials=ANA)
        assert bad.seen == []
        with pytest.raises(NotFound):
            await head_of(mirrors, url, credentials=ANA, insecure=True)
        assert len(bad.seen) == 1


async def test_nobody_listening_is_unreachable(mirrors):
    """A refused connection is Unreachable."""
    with pytest.raises(Unreachable, match="does not answer"):
        await head_of(mirrors, f"http://127.0.0.1:{free_port()}/x.git", credentials=None)


async def test_a_hanging_server_is_left_after_the_timeout(tmp_path):
    """A server that never answers is Unreachable after the timeout, and no Git stays behind."""
    with bad_server(delay=30) as slow:
        with pytest.raises(Unreachable, match=r"not done within 0\.5 s"):
            await git("ls-remote", slow.url, access=access(slow.url), timeout=0.5)
        assert slow.url.encode() not in b"".join(_read(p) for p in Path("/proc").glob("[0-9]*/cmdline"))


async def test_cancelling_kills_git_and_its_helpers(tmp_path):
    """A cancelled call leaves no process behind."""
    with bad_server(delay=30) as slow:
        asking = asyncio.create_task(git("ls-remote", slow.url, access=access(slow.url)))
        while not slow.seen:
            await asyncio.sleep(0.02)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.sleep(0.1)
        assert slow.url.encode() not in b"".join(_read(p) for p in Path("/proc").glob("[0-9]*/cmdline"))


async def test_output_is_bounded(tmp_path):
    """A command that prints more than the limit is stopped."""
    await git("init", "-q", str(tmp_path))
    with pytest.raises(BadAnswer, match="more than 10 bytes"):
        await git("config", "--list", cwd=tmp_path, limit=10)


async def test_the_machines_settings_do_not_matter(tmp_path, monkeypatch):
    """Neither the account's Git settings nor Git variables of our own environment reach Git; our secrets neither."""
    (tmp_path / ".gitconfig").write_text("[alias]\n\tversion = !echo captured\n[user]\n\tname = Somebody\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", "/somewhere")
    monkeypatch.setenv("PREFECT_API_KEY", SECRET)
    await git("init", "-q", str(tmp_path / "r"))
    assert await git("config", "user.name", cwd=tmp_path / "r", accept=(0, 1)) == ""
    environment = await git("-c", "alias.env=!env", "env", cwd=tmp_path / "r")
    assert SECRET not in environment
    assert "GIT_TERMINAL_PROMPT=0" in environment
    assert set(os.environ) >= {"PREFECT_API_KEY"}


async def test_hooks_of_a_repository_do_not_run(tmp_path):
    """A hook that lies in a repository is never run."""
    await git("init", "-q", str(tmp_path))
    hook = tmp_path / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    identity = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    await git("commit", "-q", "--allow-empty", "-m", "x", cwd=tmp_path, env=identity)


async def test_a_folder_without_repository_is_not_its_parents(tmp_path):
    """A lost repository is an error, even inside another repository's folder."""
    await git("init", "-q", str(tmp_path))
    (tmp_path / "lost").mkdir()
    with pytest.raises(BadAnswer, match="not a git repository"):
        await git("status", cwd=tmp_path / "lost")
    with pytest.raises(BadAnswer, match="is gone"):
        await git("status", cwd=tmp_path / "never")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("https://Host/a/b.git", "https://host/a/b/", True, id="dotgit-slash-host-case"),
        pytest.param("https://u@host/a/b", "https://host/a/b", True, id="user"),
        pytest.param("https://host/A/b", "https://host/a/b", False, id="path-case"),
        pytest.param("https://host:8443/a", "https://host/a", False, id="port"),
        pytest.param("https://host/a", "http://host/a", False, id="scheme"),
    ],
)
def test_one_repository_has_one_mirror(one, other, same):
    """Spellings of one repository share a mirror; what may be another repository does not."""
    assert (mirror_key(one) == mirror_key(other)) is same


def test_credentials_with_a_line_break_are_refused():
    """Git's credential protocol is line-based: a line break would smuggle in another field."""
    with pytest.raises(Invalid, match="hold a line break") as caught:
        access("https://host/x", Credentials("bad", "ana", "x\nhost=evil"))
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    "printed",
    [
        pytest.param(f"fatal: unable to access 'https://ana:{SECRET}@host/x'", id="in-a-url"),
        pytest.param(f"remote: you sent {SECRET}", id="echoed"),
        pytest.param(f"remote: {base64.b64encode(f'ana:{SECRET}'.encode()).decode()}", id="basic"),
        pytest.param("fatal: 's3cr3t%2Fp%40ss'", id="escaped"),
    ],
)
def test_failures_are_masked(printed):
    """Whatever a server echoes, the sentence holds no form of the secret."""
    error = failure("fetch", printed, access("https://host/x", ANA))
    assert isinstance(error, Terminal)
    assert not any(form.decode() in str(error) for form in forms())


def test_the_helper_is_only_for_the_repositorys_host():
    """Credentials are offered to scheme, host and port of the URL and to nothing else."""
    opened = access("https://host:8443/a/b.git", ANA)
    assert [key for key in opened.config() if key.startswith("credential.")] == ["credential.https://host:8443.helper"]
    assert SECRET not in str(opened.config())
    assert command.SETTINGS["credential.helper"] == ""
