"""The command line as people use it: real processes in a terminal of the machine under test.

`python -m tests.servers.terminal` imports what commands need once and then forks a process for each command, because a
fork costs milliseconds where an import costs seconds. A command with an environment of its own is started afresh.
"""

import asyncio
import atexit
import functools
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS = ("DRAYAGE_", "PREFECT_")
"""How the names of our variables begin."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


async def drayage(
    *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None, seconds: float = 300
) -> Ended:
    """Run one command to its end, with this process's environment and more. No command may show a traceback."""
    ended = await (_afresh(arguments, stdin, env, seconds) if env else _forked(arguments, stdin, seconds))
    assert "Traceback" not in ended.err, ended.err
    return ended


async def done(*arguments: str, **options: Any) -> Ended:
    """Run one command that must succeed."""
    ended = await drayage(*arguments, **options)
    assert ended.code == 0, ended.err
    return ended


def exported(printed: Iterable[str]) -> dict[str, str]:
    """What another terminal has set once a person copied the lines there that begin with `export`."""
    script = "\n".join(line for line in printed if line.strip().startswith("export "))
    command = ["sh", "-c", f"{script}\nenv -0"]
    shell = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True, timeout=30)
    pairs = (entry.partition("=") for entry in shell.stdout.decode().split("\0") if entry)
    return {name: value for name, _, value in pairs if name.startswith(OURS)}


def processes_of(home: Path) -> dict[int, str]:
    """The commands of all processes that were told about a home, by number."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"DRAYAGE_HOME={home}\0".encode() in (path / "environ").read_bytes() + b"\0":
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return {pid: command for pid, command in found.items() if command}


async def _afresh(arguments: tuple[str, ...], stdin: str, env: Mapping[str, str], seconds: float) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deployments.cli.main", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | dict(env),
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), seconds)
    except TimeoutError:
        process.kill()
        raise
    return Ended(process.returncode or 0, out.decode(), err.decode())


async def _forked(arguments: tuple[str, ...], stdin: str, seconds: float) -> Ended:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").write_text(stdin)
        server = _server(frozenset(each for each in os.environ.items() if each[0] != "PYTEST_CURRENT_TEST"))
        assert server.stdin and server.stdout
        server.stdin.write(json.dumps({"folder": name, "arguments": arguments}).encode() + b"\n")
        server.stdin.flush()
        pid = int(await asyncio.to_thread(server.stdout.readline))
        deadline = time.monotonic() + seconds
        while not (folder / "code").exists():
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                raise TimeoutError(f"drayage {' '.join(arguments)} did not end within {seconds} s")
            await asyncio.sleep(0.02)
        said = [(folder / each).read_text() for each in ("code", "out", "err")]
        return Ended(int(said[0]), *said[1:])


@functools.cache
def _server(environment: frozenset[tuple[str, str]]) -> subprocess.Popen[bytes]:
    """The process that forks commands in one environment, as Prefect reads its settings once."""
    command = [sys.executable, "-m", "tests.servers.terminal"]
    server = subprocess.Popen(command, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(server.kill)
    return server


def _fork(folder: Path, arguments: list[str]) -> int:
    if pid := os.fork():
        return pid
    from deployments.cli.main import main

    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    written = os.O_CREAT | os.O_WRONLY
    for number, (name, flags) in enumerate((("in", os.O_RDONLY), ("out", written), ("err", written))):
        os.dup2(os.open(folder / name, flags, 0o600), number)
    sys.stdin = open(0)  # noqa: SIM115  the server's own has read ahead
    code = 1
    try:
        main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    (folder / "code.part").write_text(str(code))
    (folder / "code.part").rename(folder / "code")
    os._exit(code)


def serve() -> None:
    """Fork a command for each line and say its process id."""
    import deployments

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for each in pkgutil.iter_modules(deployments.__path__, "deployments."):
        if not each.ispkg:
            importlib.import_module(each.name)
    for line in sys.stdin:
        print(_fork(Path((order := json.loads(line))["folder"]), order["arguments"]), flush=True)


if __name__ == "__main__":
    serve()
