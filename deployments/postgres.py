"""A PostgreSQL of our own, from the programs a wheel brings: for one machine, on loopback, with a password.

The server outlives a killed parent on purpose: the next start finds it and uses it again.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blocks.errors import Unavailable
from deployments.postgres_programs import COMMAND_SECONDS, Programs, reachable, runner, write_private
from deployments.processes import free_port

DATABASES = ("prefect", "drayage")
USER = "drayage"
MAX_CONNECTIONS = 200
SHARED_HOME = Path("/var/lib/drayage")
"""Where root's server keeps its data when the unprivileged user cannot reach the folder asked for."""

START_TRIES = 5

SETTINGS = f"""
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = {MAX_CONNECTIONS}
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
"""


class EmbeddedPostgres:
    """One server with its data under `root`: databases `prefect` and `drayage`, user `drayage`.

    Started by root, it runs as `nobody`, and keeps its data under `/var/lib/drayage` where `nobody` cannot
    reach `root`. `durable=False` trades safety against power failure for speed, which is for tests.
    """

    def __init__(self, root: Path, *, durable: bool = True) -> None:
        """Say where; nothing is made before `start`."""
        self._root = root.absolute()
        self._durable = durable
        self._runner = runner()
        self._home = self._root / "server"  # a folder of its own: whoever runs the server may write to it
        self._secret = self._root / "password"
        if self._runner and not reachable(self._root):
            name = hashlib.sha256(str(self._root).encode()).hexdigest()[:12]
            self._home = SHARED_HOME / name
            self._secret = SHARED_HOME / f"{name}.password"  # it must live as long as the data it opens
        self._data = self._home / "data"
        self._programs = Programs(self._home, self._runner)

    def __repr__(self) -> str:
        """Name the folder."""
        return f"EmbeddedPostgres({str(self._root)!r})"

    def start(self) -> str:
        """Start the server, or find it running, and return the URL of the database `drayage`.

        Raises Unavailable with one sentence when it cannot run here; callers then use SQLite.
        """
        with self._sentence(), self._alone():
            if not (self._data / "PG_VERSION").exists():
                self._initialise()
            self._refuse_other_version()
            self._bring_up()
            return self.url("drayage")

    def url(self, database: str) -> str:
        """The URL of one database of the running server; it holds the password."""
        port = self._port()
        if port is None:
            raise Unavailable(f"the PostgreSQL under {self._root} does not run; start it first")
        return f"postgresql://{USER}:{self._password()}@127.0.0.1:{port}/{database}"

    def stop(self) -> None:
        """Stop the server, breaking its connections; nothing happens when it does not run."""
        if not self._root.exists() and not self._secret.exists():
            return
        with self._sentence(), self._alone():
            for mode in ("fast", "immediate"):
                if self._port() is None:
                    return
                self._programs.run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "-t", "30", "stop", check=False)

    def remove(self) -> None:
        """Stop the server and delete its data, wherever they are."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)
        self._secret.unlink(missing_ok=True)

    def _initialise(self) -> None:
        fresh, words = self._home / "data.new", self._home / "initial-password"
        shutil.rmtree(fresh, ignore_errors=True)
        write_private(words, self._password(), self._runner)
        try:
            options = ["-U", USER, "-A", "scram-sha-256", "--pwfile", str(words), "-E", "UTF8", "--no-locale"]
            self._programs.run("initdb", "-D", str(fresh), *options, *([] if self._durable else ["-N"]))
        finally:
            words.unlink()
        with (fresh / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        fresh.rename(self._data)

    def _refuse_other_version(self) -> None:
        data = (self._data / "PG_VERSION").read_text().strip()
        ours = self._programs.run("initdb", "--version").stdout.split()[-1]
        if data != ours.partition(".")[0]:
            raise Unavailable(
                f"the data under {self._data} were written by PostgreSQL {data}, and this is {ours}; "
                "dump them with that version, or give a PostgreSQL by URL"
            )

    def _bring_up(self) -> None:
        """Launch the server unless it runs, until it answers; one just killed may seem to run a moment more."""
        for attempt in range(START_TRIES):
            if self._port() is None:
                self._launch()
            try:
                return self._create_databases()
            except subprocess.CalledProcessError:
                if attempt == START_TRIES - 1:
                    raise
            time.sleep(0.5 * (attempt + 1))  # a taken port, or a killed server's children still ending
        return None

    def _launch(self) -> None:
        self._forget_dead_server()
        options = f"-p {free_port()}" + ("" if self._durable else " -F")
        log = str(self._home / "postgres.log")
        arguments = ["-D", str(self._data), "-l", log, "-o", options, "-w", "-t", "60", "start"]
        self._programs.run("pg_ctl", *arguments, check=False)

    def _create_databases(self) -> None:
        there = self._query("SELECT datname FROM pg_database").split()
        for name in DATABASES:
            if name not in there:
                self._query(f"CREATE DATABASE {name}")

    def _query(self, statement: str) -> str:
        target = ["-h", "127.0.0.1", "-p", str(self._port()), "-U", USER, "-d", "postgres"]
        options = ["-X", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-c", statement]
        return self._programs.run("psql", *target, *options, env={"PGPASSWORD": self._password()}).stdout

    def _port(self) -> int | None:
        """The port of the running server, or None. A server just killed is asked in vain."""
        server = _read_pid_file(self._data)
        runs = server and server.ready and _is_server(server.pid, self._data) and _listens(server.port)
        return server.port if server and runs else None

    def _forget_dead_server(self) -> None:
        """Remove the pid file of a killed server, whose number another process may have by now."""
        server = _read_pid_file(self._data)
        if server and not _is_server(server.pid, self._data):
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _password(self) -> str:
        return self._secret.read_text()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Make the folders and keep other processes from starting the same server at once."""
        self._root.mkdir(parents=True, exist_ok=True)
        self._home.mkdir(parents=True, exist_ok=True)
        if self._runner:
            os.chown(self._home, self._runner.pw_uid, self._runner.pw_gid)
        with (self._root / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not self._secret.exists():
                write_private(self._secret, secrets.token_urlsafe(24), None)
            yield

    @contextmanager
    def _sentence(self) -> Iterator[None]:
        """Word whatever goes wrong with programs and folders as one sentence."""
        try:
            yield
        except subprocess.CalledProcessError as error:
            said = " ".join((error.stderr or "").split()) or f"exit code {error.returncode}"
            program = Path(error.cmd[0]).name
            raise Unavailable(f"PostgreSQL's {program} failed under {self._home}: {said}") from error
        except subprocess.TimeoutExpired as error:
            program = Path(error.cmd[0]).name
            raise Unavailable(f"PostgreSQL's {program} did not end within {COMMAND_SECONDS} s") from error
        except OSError as error:
            raise Unavailable(f"PostgreSQL cannot run under {self._home}: {error}") from error


@dataclass(frozen=True)
class _Server:
    pid: int
    port: int
    ready: bool


def _read_pid_file(data: Path) -> _Server | None:
    """Read `postmaster.pid`: pid, folder, start, port, socket folder, address, shared memory, state."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return _Server(abs(int(lines[0])), int(lines[3]), lines[-1].strip() == "ready")
    except (OSError, ValueError, IndexError):
        return None


def _is_server(pid: int, data: Path) -> bool:
    """Whether a process is the server of that folder: it works in it."""
    try:
        if Path("/proc/self").exists():
            return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
        os.kill(pid, signal.Signals(0))
    except OSError:
        return False
    return True


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
