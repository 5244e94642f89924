"""Everything on one machine: PostgreSQL, the Prefect server, the worker. What `drayage up` and `drayage demo` run."""

import asyncio
import shlex
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prefect.client.orchestration import PrefectClient

from blocks.errors import Unavailable, Unreachable
from deployments.postgres import EmbeddedPostgres
from deployments.processes import Process, free_port
from deployments.register import register_base

SERVER = ["-m", "deployments.prefect_server", "--host", "127.0.0.1"]
LEASES = "prefect.server.concurrency.lease_storage.filesystem"
START_SECONDS = 120.0


@dataclass
class Machine:
    """The processes of one machine below a home directory, and where to reach them."""

    home: Path
    port: int = 0
    pool: str = "drayage"
    extra: dict[str, str] = field(default_factory=dict)
    say: Callable[[str], None] = print
    postgres: EmbeddedPostgres | None = None
    server: Process | None = None
    worker: Process | None = None
    env: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        """Where Prefect's UI is; its API is below."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ledger_file(self) -> Path:
        """Where the ledger's URL is kept for other terminals, readable by this user only."""
        return self.home / "ledger.url"

    def exports(self) -> list[str]:
        """What another terminal must be told, as lines for a shell; no password is among them."""
        told = {"PREFECT_API_URL": f"{self.url}/api", "DRAYAGE_HOME": str(self.home)} | self.extra
        lines = ["export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in told.items())]
        if self.postgres:
            lines.append(f'export DRAYAGE_LEDGER_URL="$(cat {shlex.quote(str(self.ledger_file))})"')
        return lines

    async def start(self) -> None:
        """Start all and register what exists once. Raises Unreachable with a log's end when something does not come."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        self.env = await asyncio.to_thread(self._environment)
        self.server = self._process("prefect", [*SERVER, "--port", str(self.port)])
        self.server.start()
        await wait_for_server(self.url, self.server)
        async with self.client() as client:
            await register_base(client, self.pool)
        self.start_worker()

    def start_worker(self) -> None:
        """Start the worker, again when it died."""
        self.worker = self._process("worker", ["-m", "deployments.work"])
        self.worker.start()

    def stop(self) -> None:
        """End all, the worker first so that its runs are handed over."""
        for process in (self.worker, self.server):
            if process:
                process.stop()
        self.stop_postgres()

    def stop_postgres(self) -> None:
        """End PostgreSQL, also one that an earlier process started here."""
        if self.postgres or (self.home / "postgres").exists():
            (self.postgres or EmbeddedPostgres(self.home / "postgres")).stop()

    def client(self) -> PrefectClient:
        """A client of this machine's Prefect server."""
        return PrefectClient(api=f"{self.url}/api")

    async def watch(self) -> None:
        """Keep server and worker alive until cancelled."""
        while True:
            await asyncio.sleep(1)
            for process in (self.server, self.worker):
                if process and not process.alive:
                    self.say(f"{process.name} ended and is started again; its last words:\n{process.last_words(5)}")
                    await asyncio.sleep(2)
                    process.start()

    def _process(self, name: str, arguments: list[str]) -> Process:
        return Process(name, arguments, self.home / "logs" / f"{name}.log", self.env)

    def _environment(self) -> dict[str, str]:
        """What all processes of this machine are told: PostgreSQL, or SQLite where that cannot run."""
        env = {
            "PREFECT_HOME": str(self.home / "prefect"),
            "PREFECT_API_URL": f"{self.url}/api",
            "PREFECT_UI_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
            "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
            "PREFECT_LOGGING_EXTRA_LOGGERS": "drayage",
            "DRAYAGE_HOME": str(self.home),
            "DRAYAGE_WORK_POOL": self.pool,
        }
        try:
            self.postgres = EmbeddedPostgres(self.home / "postgres")
            ledger = self.postgres.start()
        except Unavailable as error:
            self.say(f"SQLite is used instead of PostgreSQL: {error}")
            self.postgres = None
            return env | self.extra
        self.ledger_file.touch(mode=0o600)
        self.ledger_file.write_text(ledger)
        prefect = self.postgres.url("prefect").replace("postgresql://", "postgresql+asyncpg://")
        return env | {"PREFECT_API_DATABASE_CONNECTION_URL": prefect, "DRAYAGE_LEDGER_URL": ledger} | self.extra


async def wait_for_server(url: str, server: Process) -> None:
    """Wait until a Prefect server that was started answers. Raises Unreachable with its log's end when it does not."""
    deadline = time.monotonic() + START_SECONDS
    async with httpx.AsyncClient(timeout=2) as http:
        while time.monotonic() < deadline and server.alive:
            with suppress(httpx.HTTPError):
                if (await http.get(f"{url}/api/ready")).is_success:
                    return
            await asyncio.sleep(0.2)
    raise Unreachable(f"the Prefect server did not start; the end of its log:\n{server.last_words()}")
