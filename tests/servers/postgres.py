"""A PostgreSQL for tests: started once per session, a fresh database for each test that asks.

Use it from a test module or a conftest:

    from tests.servers.postgres import postgres_server, postgres_url  # noqa: F401
"""

import contextlib
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from blocks.errors import Unavailable
from blocks.ledger.database import Database
from blocks.ledger.migrate import migrate
from deployments.postgres import EmbeddedPostgres

TEMPLATE = "ledger_template"


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """A temporary folder that another user can enter; folders made as root are closed to the server's user."""
    folder = Path(tempfile.mkdtemp(prefix="drayage-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """A running server, for the whole session; tests that need it are skipped where it cannot run."""
    with reachable_folder() as folder:
        server = EmbeddedPostgres(folder / "postgres", durable=False)
        try:
            server.start()
        except Unavailable as error:
            pytest.skip(str(error))
        yield server
        server.stop()


@pytest_asyncio.fixture
async def postgres_url(postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """The URL of an empty database of one's own."""
    async with fresh_database(postgres_server) as url:
        yield url


@pytest_asyncio.fixture
async def postgres_ledger_url(postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """The URL of a database of one's own that has the ledger's tables, copied from a template."""
    await _template(postgres_server)
    async with fresh_database(postgres_server, template=TEMPLATE) as url:
        yield url


@contextlib.asynccontextmanager
async def fresh_database(server: EmbeddedPostgres, template: str = "template0") -> AsyncIterator[str]:
    """Create a database, hand out its URL, and drop it whoever is still connected."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await _execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield server.url(name)
    finally:
        await _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _template(server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(server.url("postgres"), timeout=10)
    try:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", TEMPLATE):
            return
        await connection.execute(f'CREATE DATABASE "{TEMPLATE}"')
    finally:
        await connection.close()
    database = Database(server.url(TEMPLATE))
    await migrate(database)
    await database.close()


async def _execute(server: EmbeddedPostgres, statement: str) -> None:
    connection = await asyncpg.connect(server.url("postgres"), timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
