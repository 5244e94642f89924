"""The embedded PostgreSQL: starting, finding again, dying, stopping."""

import asyncio
import os
import shutil
import signal
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa

from blocks.errors import Unavailable
from deployments import postgres, postgres_programs
from deployments.postgres import EmbeddedPostgres
from tests.servers.postgres import reachable_folder


@pytest.fixture(scope="module")
def folder():
    """A folder the server's user can reach."""
    with reachable_folder() as path:
        yield path / "postgres"


@pytest.fixture
def server(folder):
    """A running server, stopped afterwards."""
    running = EmbeddedPostgres(folder, durable=False)
    running.start()
    yield running
    running.stop()


def ask(url, query):
    """One value from a database."""

    async def asking():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(asking())


def pid_of(folder):
    return int((folder / "server" / "data" / "postmaster.pid").read_text().split()[0])


def alive(pid):
    """Whether a process runs; one that ended and is only not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_both_databases_are_there_and_ample(server):
    """Prefect and the ledger have a database each, and connections enough."""
    for name in ("prefect", "drayage"):
        assert ask(server.url(name), "SELECT current_database()") == name
    assert ask(server.url("drayage"), "SHOW max_connections") == "200"
    assert ask(server.url("drayage"), "SHOW server_encoding") == "UTF8"


def test_only_this_machine_and_only_with_the_password(server):
    """It listens on loopback, and a wrong password does not get in."""
    url = sa.make_url(server.url("drayage"))
    wrong = url.set(password="guess").render_as_string(hide_password=False)

    assert ask(server.url("drayage"), "SHOW listen_addresses") == "127.0.0.1"
    assert ask(server.url("drayage"), "SHOW unix_socket_directories") == ""
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(wrong, "SELECT 1")


def test_the_password_is_kept_to_oneself(server, folder):
    """Only the owner of the folder reads it, and the server's name does not show it."""
    password = folder / "password"

    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert password.read_text() not in repr(server)
    assert not (folder / "server" / "initial-password").exists()


def test_starting_again_finds_the_running_server(server, folder):
    """Also from several at once, and from another object."""
    pid, url = pid_of(folder), server.url("drayage")

    with ThreadPoolExecutor(3) as threads:
        urls = set(threads.map(lambda _: EmbeddedPostgres(folder, durable=False).start(), range(3)))

    assert urls == {url}
    assert pid_of(folder) == pid


def test_data_survives_a_killed_server(server, folder):
    """What was committed is there after `kill -9`, under a new process."""
    ask(server.url("drayage"), "CREATE TABLE IF NOT EXISTS survivor AS SELECT 42 AS answer")
    killed = pid_of(folder)
    os.kill(killed, signal.SIGKILL)

    url = server.start()

    assert ask(url, "SELECT answer FROM survivor") == 42
    assert pid_of(folder) != killed


def test_a_pid_file_whose_number_another_process_has_is_no_hindrance(server, folder):
    """After a restart of the machine the old number may be anybody's."""
    lines = (folder / "server" / "data" / "postmaster.pid").read_text().splitlines()
    server.stop()
    stale = folder / "server" / "data" / "postmaster.pid"
    stale.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    assert ask(server.start(), "SELECT 1") == 1


def test_stopping_leaves_no_process(server, folder):
    """Even with a connection open; stopping again does nothing; without a server there is no URL."""
    pid = pid_of(folder)

    async def held():
        connection = await asyncpg.connect(server.url("drayage"), timeout=10)
        await asyncio.to_thread(server.stop)
        connection.terminate()

    asyncio.run(held())
    server.stop()

    assert not alive(pid)
    with pytest.raises(Unavailable, match="start it first"):
        server.url("drayage")


def test_data_of_another_postgresql_are_said_in_a_sentence(folder):
    """Data that these programs cannot read are left alone, and the log is named."""
    EmbeddedPostgres(folder, durable=False).stop()
    version = folder / "server" / "data" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("9")
    try:
        with pytest.raises(Unavailable, match="written by PostgreSQL 9"):
            EmbeddedPostgres(folder, durable=False).start()
    finally:
        version.write_text(ours)


def test_stopping_what_never_was(tmp_path):
    """Makes nothing."""
    EmbeddedPostgres(tmp_path / "never").stop()

    assert not (tmp_path / "never").exists()


def test_a_folder_that_cannot_be_made_is_said_in_a_sentence(tmp_path):
    """So that the caller can say it and use SQLite."""
    (tmp_path / "file").write_text("")

    with pytest.raises(Unavailable, match="cannot run under"):
        EmbeddedPostgres(tmp_path / "file" / "postgres").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's folders are closed to the server's user")
def test_root_keeps_data_elsewhere_when_its_folder_is_closed(tmp_path, monkeypatch):
    """Data are where the server's user reaches them, with their password, and outlive the closed folder."""
    with reachable_folder() as shared:
        monkeypatch.setattr(postgres, "SHARED_HOME", shared)
        tmp_path.chmod(0o700)
        server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
        try:
            assert ask(server.start(), "SELECT 1") == 1
            assert [path.name for path in (tmp_path / "postgres").iterdir()] == ["lock"]
            server.stop()
            shutil.rmtree(tmp_path / "postgres")
            assert ask(server.start(), "SELECT 1") == 1
        finally:
            server.remove()

        assert not list(shared.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts programs that another user must reach")
def test_programs_out_of_reach_are_copied(folder, monkeypatch):
    """A wheel in a closed folder still serves."""
    closed = {"bin"}
    monkeypatch.setattr(
        postgres_programs, "reachable", lambda path: path.name not in closed and postgres.reachable(path)
    )
    server = EmbeddedPostgres(folder, durable=False)
    try:
        assert ask(server.start(), "SELECT 1") == 1
        assert list((folder / "server").glob("programs-*/*/pginstall/bin/postgres"))
    finally:
        server.stop()
